"""What sizes are about."""

from typing import Literal

Level = Literal["slice", "volume"]
Levels = Literal["slice", "volume", "both"]
"""What the sizes of a run are about; ``both`` for those of slices and those of volumes side by side."""
