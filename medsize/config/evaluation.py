"""How results are measured and shown."""

from typing import Annotated

from pydantic import Field

from medsize.config.model import Model

Tolerance = Annotated[float, Field(gt=0, le=1000)]


class EvaluationConfig(Model):
    """Settings of the evaluation and its report."""

    overlays: int = Field(default=3, ge=1, le=12)
    """How many best, median and worst cases the report shows each."""
    nsd_tolerance_mm: Tolerance | dict[str, Tolerance] | None = None
    """How far borders may be apart and still agree, in mm, for all structures or for each (``{lv: 1.5}``): the
    tolerance of the NSD, which is not measured without one."""
