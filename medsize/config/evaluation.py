"""How results are measured and shown."""

from pydantic import Field

from medsize.config.model import Model


class EvaluationConfig(Model):
    """Settings of the evaluation and its report."""

    overlays: int = Field(default=3, ge=1, le=12)
    """How many best, median and worst cases the report shows each."""
