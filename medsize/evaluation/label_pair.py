"""One predicted label file and the reference it is compared with, from the files to the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.case import Case
from medsize.data.photos import is_photo, read_photo_label
from medsize.data.volumes import Volume, read_label
from medsize.errors import InputError
from medsize.evaluation.confusion import VOID
from medsize.evaluation.photo_scores import PhotoScore, score_photo
from medsize.evaluation.scored_case import PREDICTIONS, ScoredCase
from medsize.evaluation.scores import CaseScore, score_case

NO_PREDICTION: Final = "no prediction"
"""What ``metrics.csv`` says of a case that was not predicted."""


@dataclass(frozen=True, slots=True)
class LabelPair:
    """A case of the reference and its predicted label file, if there is one."""

    case: Case
    prediction: Path | None


def compare_pair(
    pair: LabelPair, *, values: Mapping[str, int], allowed: frozenset[int], tolerances_mm: Mapping[str, float]
) -> ScoredCase[CaseScore] | ScoredCase[PhotoScore] | InputError:
    """Read and compare one case, a volume or a photo.

    Args:
        pair: The case.
        values: Structure to its value in the files.
        allowed: Values that may be in the files.
        tolerances_mm: Structure to the tolerance of its NSD.

    Returns:
        The figures, with a failure where there is no prediction that can be used; or, where the reference cannot be
        used, the error: whoever collects lists all of them.
    """
    try:
        reference = read_label(label_of(pair.case), None, allowed)
    except InputError as error:
        return InputError(f"case {pair.case.id}: {error}")
    prediction, failure = _read_prediction(pair.prediction, reference, allowed)
    if is_photo(reference.path):
        label = reference.array[:, :, 0]
        try:
            instances = read_instances(pair.case, (label.shape[0], label.shape[1]))
        except InputError as error:
            return InputError(f"case {pair.case.id}: {error}")
        found = score_photo(prediction.array[:, :, 0], label, values, instances)
        return ScoredCase(pair.case, PREDICTIONS, found, failure)
    score = score_case(
        prediction.array,
        reference.array,
        values,
        spacing_mm=reference.spacing_mm,
        voxel_ml=reference.voxel_ml,
        tolerances_mm=tolerances_mm,
    )
    return ScoredCase(pair.case, PREDICTIONS, score, failure)


def _read_prediction(path: Path | None, reference: Volume, allowed: frozenset[int]) -> tuple[Volume, str]:
    nothing = Volume(np.zeros_like(reference.array), reference.affine, reference.spacing_mm, reference.path)
    if path is None:
        return nothing, NO_PREDICTION
    try:
        prediction = read_label(path, reference, allowed)
        _require_classes(prediction, reference, allowed)
        return prediction, ""
    except InputError as error:
        return nothing, _reason(error)


def _require_classes(prediction: Volume, reference: Volume, allowed: frozenset[int]) -> None:
    """Raise InputError if a prediction is void where its reference is not: that would be no answer."""
    void = (prediction.array == VOID) & (reference.array != VOID)
    if VOID not in allowed and void.any():
        raise InputError(
            f"{prediction.path} predicts nothing at {np.count_nonzero(void)} pixels",
            expected="a class at every pixel, 0 for background",
            found=f"the value {VOID}, void, where the label has a class",
        )


def _reason(error: InputError) -> str:
    """Return in one line what was wrong and what was found: the table has no room for more."""
    found = [line.partition("found:")[2].strip() for line in str(error).splitlines() if "found:" in line]
    return ": ".join([error.problem, *found])


def read_instances(case: Case, shape: tuple[int, int]) -> NDArray[np.uint8] | None:
    """Read the numbers of the objects in a photo's label, (H, W), where there is a map of them.

    Raises:
        InputError: It cannot be read, or is not of the photo's size.
    """
    return read_photo_label(case.instances, shape, range(1, VOID)) if case.instances else None


def label_of(case: Case) -> Path:
    """Return the label file of a case that has one."""
    assert case.label is not None
    return case.label
