"""How results are measured and shown."""

from typing import Annotated

from pydantic import Field, model_validator

from medsize.config.model import Model

Area = Annotated[float, Field(ge=1)]
Tolerance = Annotated[float, Field(gt=0, le=1000)]


class EvaluationConfig(Model):
    """Settings of the evaluation and its report."""

    overlays: int = Field(default=3, ge=1, le=12)
    """How many best, median and worst cases the report shows each."""
    nsd_tolerance_mm: Tolerance | dict[str, Tolerance] | None = None
    """How far borders may be apart and still agree, in mm, for all structures or for each (``{lv: 1.5}``): the
    tolerance of the NSD, which is not measured without one."""
    size_limits_pixels: tuple[Area, Area] = (32**2, 96**2)
    """Areas in pixels from which objects in photos count as medium, and as large; below the first they are small."""

    @model_validator(mode="after")
    def _limits_rise(self) -> "EvaluationConfig":
        if self.size_limits_pixels[0] >= self.size_limits_pixels[1]:
            raise ValueError("the first of size_limits_pixels must be below the second")
        return self
