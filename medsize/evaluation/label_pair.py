"""One predicted label file and the reference it is compared with, from the files to the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.case import Case
from medsize.data.photos import is_photo, read_photo_label
from medsize.data.volumes import MisplacedError, Volume, read_label
from medsize.errors import InputError
from medsize.evaluation.photo_scores import score_photo
from medsize.evaluation.problems import Outcome, Scored, attempt
from medsize.evaluation.scored_case import PREDICTIONS, ScoredCase
from medsize.evaluation.scores import score_case
from medsize.metrics.confusion import VOID

NO_PREDICTION: Final = "no prediction"
"""What ``metrics.csv`` says of a case that was not predicted."""


@dataclass(frozen=True, slots=True)
class LabelPair:
    """A case of the reference and its predicted label file, if there is one."""

    case: Case
    prediction: Path | None


def compare_pair(
    pair: LabelPair, *, values: Mapping[str, int], any_value: bool, tolerances_mm: Mapping[str, float]
) -> Outcome:
    """Read and compare one case, a volume or a photo.

    Args:
        pair: The case.
        values: Structure to its value in the files.
        any_value: Whether the files may hold other values, which are background; else they are mistakes.
        tolerances_mm: Structure to the tolerance of its NSD.

    Returns:
        The figures, with a failure where there is no prediction that can be used; or an error, where the reference
        cannot be used or the prediction does not lie on it: whoever collects lists all of them.
    """
    return attempt(partial(_compare, values=values, any_value=any_value, tolerances_mm=tolerances_mm), pair, pair.case)


def _compare(
    pair: LabelPair, *, values: Mapping[str, int], any_value: bool, tolerances_mm: Mapping[str, float]
) -> Scored:
    label = label_of(pair.case)
    named = frozenset(values.values())
    are_binary = is_photo(label) and named == {VOID}  # bright or dark, whatever the value
    allowed = frozenset(range(1, VOID + 1)) if any_value and not are_binary else named
    reference = read_label(label, None, allowed)
    prediction, failure = _read_prediction(pair.prediction, reference, allowed, named)
    unnamed = _unnamed(reference, named), _unnamed(prediction, named)
    if unnamed[1] and not failure and not np.isin(prediction.array, [*named, *unnamed[0]]).any():
        failure = f"none of its values is a structure: found {', '.join(map(str, unnamed[1]))}"
    if is_photo(reference.path):
        mask = reference.array[:, :, 0]
        instances = read_instances(pair.case, (mask.shape[0], mask.shape[1]))
        found = score_photo(prediction.array[:, :, 0], mask, values, instances)
        return ScoredCase(pair.case, PREDICTIONS, found, failure, unnamed)
    score = score_case(
        prediction.array,
        reference.array,
        values,
        spacing_mm=reference.spacing_mm,
        voxel_ml=reference.voxel_ml,
        tolerances_mm=tolerances_mm,
    )
    return ScoredCase(pair.case, PREDICTIONS, score, failure, unnamed)


def _unnamed(label: Volume, named: frozenset[int]) -> tuple[int, ...]:
    """Return the values of a label that no structure has; void is none of them."""
    array: NDArray[Any] = label.array
    if is_photo(label.path):
        if named == {VOID} and not array.any():  # read as dark: it may be a mask of 0 and 1
            try:
                array = read_photo_label(label.path, None, range(1, VOID))
            except InputError:
                return ()
        named = named | {VOID}
    present = np.flatnonzero(np.bincount(array.ravel(order="K")))
    return tuple(sorted({*present.tolist()} - named - {0}))


def _read_prediction(
    path: Path | None, reference: Volume, allowed: frozenset[int], named: frozenset[int]
) -> tuple[Volume, str]:
    nothing = Volume(np.zeros_like(reference.array), reference.affine, reference.spacing_mm, reference.path)
    if path is None:
        return nothing, NO_PREDICTION
    try:
        prediction = read_label(path, None if is_photo(path) else reference, allowed)
        _require_shape(prediction, reference)
        _require_classes(prediction, reference, named)
    except MisplacedError:  # it would score 0 for where it lies, whatever is in it
        raise
    except InputError as error:
        return nothing, _reason(error)
    return prediction, ""


def _require_shape(prediction: Volume, reference: Volume) -> None:
    if prediction.array.shape != reference.array.shape:
        raise MisplacedError(
            f"{prediction.path} does not fit its label",
            expected=f"shape {reference.array.shape}, as {reference.path}",
            found=f"shape {prediction.array.shape}",
            remedy="write the prediction on the grid of the image, or pair it with the right label",
        )


def _require_classes(prediction: Volume, reference: Volume, named: frozenset[int]) -> None:
    """Raise InputError if a mask of a photo is void where its reference is not: that would be no answer."""
    void = (prediction.array == VOID) & (reference.array != VOID)
    if is_photo(reference.path) and VOID not in named and void.any():
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
