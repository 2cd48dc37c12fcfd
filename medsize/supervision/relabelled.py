"""What a network has labelled anew, kept with the checkpoint that was taught it."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from medsize.errors import InputError
from medsize.run_folder import RunFolder
from medsize.supervision.supervise import Supervision


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What the training slices are taught from once the network has labelled them, one row a slice of the store.

    Attributes:
        pseudo_label: Class of each pixel, (N, H, W) uint8; 255 where undecided, and outside the training rows.
        size_target: Corrected sizes, (N, K) float32; None where they are as given, or not used.
        volume_size_target: Of volumes beside those of slices, likewise.
    """

    pseudo_label: NDArray[np.uint8]
    size_target: NDArray[np.float32] | None = None
    volume_size_target: NDArray[np.float32] | None = None

    def of(self, supervision: Supervision) -> Supervision:
        """Return a supervision with these in the place of its own."""
        return replace(
            supervision,
            pseudo_label=self.pseudo_label,
            size_target=supervision.size_target if self.size_target is None else self.size_target,
            volume_size_target=supervision.volume_size_target
            if self.volume_size_target is None
            else self.volume_size_target,
        )

    def save(self, path: Path) -> None:
        """Write the file that :meth:`load` reads."""
        arrays: dict[str, Any] = self.arrays()
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, run: RunFolder) -> Self:
        """Return what the checkpoint ``last`` holds.

        Raises:
            InputError: The file is missing or damaged.
        """
        try:
            # Opened here, as NumPy leaves a damaged file open.
            with run.relabelled.open("rb") as file, np.load(file) as arrays:
                return cls(**arrays)
        except Exception as error:  # a damaged archive can raise anything
            raise InputError(
                f"{run.relabelled} cannot be read",
                found=str(error) or type(error).__name__,
                remedy="copy the run folder again, whole, or start a new run",
            ) from error

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is not None, by name."""
        mine = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in mine.items() if array is not None}
