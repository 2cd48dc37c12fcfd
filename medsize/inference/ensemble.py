"""One prediction from the networks of one or several runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsize.data.volumes import Volume
from medsize.errors import InputError
from medsize.inference.case_prediction import CaseSlices, Window, case_probabilities, fill
from medsize.inference.components import keep_largest
from medsize.inference.load import Predictor
from medsize.inference.options import PredictionOptions
from medsize.inference.planes import Planes
from medsize.inference.predict_slices import most_probable
from medsize.run_folder import Checkpoint, RunFolder


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Networks whose probabilities are averaged on the volume's own grid, each with the same weight.

    They share structures and label values, but may differ in all else, such as the way from volume to slices. Where
    the slices of one do not reach, it says background, as when it is alone.

    Attributes:
        members: At least one, with the same options and batch size.
    """

    members: tuple[Predictor, ...]

    @classmethod
    def load(
        cls,
        runs: Sequence[RunFolder],
        checkpoint: Checkpoint,
        device: str,
        options: PredictionOptions,
        batch_size: int | None = None,
    ) -> Self:
        """Load the networks of runs.

        Args:
            runs: At least one.
            checkpoint: Which network of each.
            device: Of all.
            options: For each.
            batch_size: Slices at a time; by default the smallest of those the runs were trained with.

        Raises:
            InputError: A run cannot be used, or the runs segment different structures.
        """
        members = [Predictor.load(run, checkpoint, device).with_options(options) for run in runs]
        for run, member in zip(runs, members, strict=True):
            if list(member.values.items()) != list(members[0].values.items()):
                raise InputError(
                    f"{run.path} cannot be averaged with {runs[0].path}",
                    expected=_describe(members[0].values),
                    found=_describe(member.values),
                    remedy="choose runs that segment the same structures, in the same order and with the same values",
                )
        size = batch_size or min(member.batch_size for member in members)
        return cls(tuple(replace(member, batch_size=size) for member in members))

    @property
    def values(self) -> dict[str, int]:
        """Structure to its value in the source's label files, in class order."""
        return self.members[0].values

    def predict(
        self, volume: Volume, probabilities: NDArray[np.float32] | None = None, moved: Planes | None = None
    ) -> NDArray[np.uint8]:
        """Segment a volume on its own grid.

        Args:
            volume: The image, (X, Y, Z).
            probabilities: Filled with the probability of each structure, (K - 1, X, Y, Z), if given; zeros before.
            moved: Counts the planes that are done, if given.

        Returns:
            (X, Y, Z) class indices, 0 the background.

        Raises:
            InputError: The networks do not suit the image, by its colours or its scale, or give no numbers for it.
        """
        for member in self.members:
            if member.extent is not None:
                member.extent.require(volume)
        cases = self._slices(volume)
        window = _around([case.window for case in cases])
        planes = self._average(cases, window)
        if moved is not None:
            planes = moved.counted(planes)
        if probabilities is not None:
            planes = _kept(planes, probabilities, window)
        classes = fill(volume.array.shape, window, (most_probable(batch, dim=0) for batch in planes))
        return keep_largest(classes) if self.members[0].options.keep_largest else classes

    def _slices(self, volume: Volume) -> list[CaseSlices]:
        """Return the volume as each network sees it; networks that see it alike share the slices."""
        ways = [member.config.data.preprocessing for member in self.members]
        cases: list[CaseSlices] = []
        for number, way in enumerate(ways):
            first = ways.index(way)
            cases.append(cases[first] if first < number else CaseSlices.of(volume, way))
        return cases

    def _average(self, cases: Sequence[CaseSlices], window: Window) -> Iterator[Tensor]:
        batches = [
            case_probabilities(
                member.network,
                case,
                window,
                device=member.device,
                precision=member.precision,
                batch_size=member.batch_size,
                refine=member.refine,
                tta=member.options.tta,
            )
            for member, case in zip(self.members, cases, strict=True)
        ]
        for of_members in zip(*batches, strict=True):
            yield of_members[0] if len(of_members) == 1 else torch.stack(of_members).mean(0)


def _kept(planes: Iterator[Tensor], probabilities: NDArray[np.float32], window: Window) -> Iterator[Tensor]:
    start = 0
    for batch in planes:
        end = start + batch.shape[-1]
        probabilities[(slice(None), *window, slice(start, end))] = batch[1:].cpu().numpy()
        start = end
        yield batch


def _around(windows: Sequence[Window]) -> Window:
    x, y = (
        slice(min(window[axis].start for window in windows), max(window[axis].stop for window in windows))
        for axis in (0, 1)
    )
    return x, y


def _describe(values: dict[str, int]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())
