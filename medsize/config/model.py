"""The base of every configuration model."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen part of a run's configuration; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
