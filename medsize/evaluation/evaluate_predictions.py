"""Evaluating label files of any tool against a reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from medsize.data.case import Case
from medsize.data.volumes import Volume, read_label
from medsize.errors import InputError, InputErrors
from medsize.evaluation.processes import FEWEST_CASES, in_processes
from medsize.evaluation.references import References, choose_structures, find_references, label_files
from medsize.evaluation.result import Evaluation
from medsize.evaluation.scores import score_case
from medsize.evaluation.summary import PREDICTIONS, Files, summarise
from medsize.evaluation.tables import ScoredCase, tabulate
from medsize.evaluation.tolerance import tolerances_of
from medsize.evaluation.versions import versions

NO_PREDICTION = "no prediction"
"""What ``metrics.csv`` says of a case that was not predicted."""


def evaluate_predictions(
    predictions: Path,
    reference: Path,
    output: Path,
    *,
    structures: Sequence[str] = (),
    nsd_tolerance_mm: float | Mapping[str, float] | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare a folder of label files, of whatever tool, with the labels of a reference.

    Files are matched by the name of their case. A case of the reference that has no prediction, or one that cannot
    be read or lies on another grid, is a failure: it is scored as if nothing had been found in it, and listed. A
    prediction that the reference does not know is listed.

    Args:
        predictions: A folder of NIfTI, NRRD or MetaImage files ``<case>.nii.gz`` and so on.
        reference: See :func:`medsize.evaluation.references.find_references`.
        output: Folder for ``metrics.csv``, ``slices.csv`` and ``summary.json``.
        structures: Texts ``lv=3`` (or ``lv``, where the reference says what it is); none for all that are known.
        nsd_tolerance_mm: For all structures, or for each.
        processes: How many read and compare. More than one asks of a script to guard its start
            (``if __name__ == "__main__"``).
        progress: Called with the number of cases done and of all.

    Raises:
        InputError: A folder or an option cannot be used, or no prediction belongs to any case of the reference.
        InputErrors: Labels of the reference cannot be used; all of them are listed.
    """
    found, references = _match(predictions, reference)
    values = choose_structures(structures, references.labels)
    tolerances_mm = tolerances_of(nsd_tolerance_mm, values)
    allowed = frozenset({*references.labels.values(), *values.values()})
    pairs = [_Pair(case, found.get(case.id)) for case in references.cases]
    compare = partial(_compare, values=values, allowed=allowed, tolerances_mm=tolerances_mm)
    scored, problems = [], []
    for done, outcome in enumerate(in_processes(compare, pairs, processes if len(pairs) >= FEWEST_CASES else 1)):
        if progress:
            progress(done + 1, len(pairs))
        if isinstance(outcome, InputError):
            problems.append(outcome)
        else:
            scored.append(outcome)
    if problems:
        raise InputErrors(problems)
    metrics, slices = tabulate(scored, [PREDICTIONS])
    cases = references.cases
    files = {(PREDICTIONS, case.id): Files(found.get(case.id), _label(case), _image(case)) for case in cases}
    summary = {
        "kind": "predictions",
        **summarise(metrics, slices, files, values, tolerances_mm),
        "predictions": str(predictions),
        "reference": str(reference),
        "data_split": None,
        "groups": {"from": references.groups_from, "count": len({case.group for case in cases})},
        "leaks": [],
        "unevaluated": list(references.unevaluated),
        "left_out": list(references.left_out),
        "extra_predictions": sorted(set(found) - {case.id for case in cases}),
        "seeds": {"bootstrap": 0},
        "versions": versions("medsize", "numpy", "scipy"),
    }
    evaluation = Evaluation(metrics, slices, summary)
    evaluation.write(output)
    return evaluation


@dataclass(frozen=True, slots=True)
class _Pair:
    """A case of the reference and its predicted label file."""

    case: Case
    prediction: Path | None


def _match(predictions: Path, reference: Path) -> tuple[dict[str, Path], References]:
    if not predictions.is_dir():
        raise InputError(f"{predictions}: no such folder", expected="a folder of predicted label files")
    references = find_references(reference, beside=predictions)
    found = label_files(predictions)
    ids = [case.id for case in references.cases]
    if not set(ids) & set(found):
        names = [path.name for path in found.values()]
        raise InputError(
            f"no file in {predictions} is named like a case of {reference}",
            expected=f"{_examples([f'{name}.nii.gz' for name in ids])} (or .nrrd, .mha, …)",
            found=_examples(names) or "no label file at all",
            remedy="rename one side, or name the folder that holds the files themselves",
        )
    return found, references


def _compare(
    pair: _Pair, *, values: Mapping[str, int], allowed: frozenset[int], tolerances_mm: Mapping[str, float]
) -> ScoredCase | InputError:
    """Read and compare one case. An error of the reference is returned: whoever collects lists all of them."""
    try:
        reference = read_label(_label(pair.case), None, allowed)
    except InputError as error:
        return InputError(f"case {pair.case.id}: {error}")
    prediction, failure = _read_prediction(pair.prediction, reference, allowed)
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
        return read_label(path, reference, allowed), ""
    except InputError as error:
        return nothing, _reason(error)


def _reason(error: InputError) -> str:
    """Return in one line what was wrong and what was found: the table has no room for more."""
    found = [line.partition("found:")[2].strip() for line in str(error).splitlines() if "found:" in line]
    return ": ".join([error.problem, *found])


def _label(case: Case) -> Path:
    assert case.label is not None  # References has no others
    return case.label


def _image(case: Case) -> Path | None:
    return None if case.image == case.label else case.image


def _examples(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
