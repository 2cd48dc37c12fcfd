"""Evaluating label files of any tool against a reference."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from medsize.claim import claimed
from medsize.data.case import Case
from medsize.data.photos import is_photo
from medsize.errors import InputError
from medsize.evaluation.conclude import conclude
from medsize.evaluation.label_pair import LabelPair, compare_pair, label_of
from medsize.evaluation.problems import Outcome, Scored, part
from medsize.evaluation.processes import FEWEST_CASES, in_processes
from medsize.evaluation.references import References, choose_structures, find_references, label_files
from medsize.evaluation.result import Evaluation
from medsize.evaluation.scored_case import PREDICTIONS
from medsize.evaluation.summary import Files
from medsize.evaluation.tolerance import tolerances_of
from medsize.evaluation.versions import versions
from medsize.files import remove_abandoned


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
    be read, is a failure: it is scored as if nothing had been found in it, and listed. A case whose prediction does
    not lie where its reference lies, or whose reference cannot be read, is in no figure, and one of the evaluation's
    ``problems``. A prediction that the reference does not know is listed.

    Args:
        predictions: A folder of NIfTI, NRRD or MetaImage files ``<case>.nii.gz`` and so on; of photos ``<case>.png``.
        reference: See :func:`medsize.evaluation.references.find_references`.
        output: Folder for the tables and ``summary.json``.
        structures: Texts ``lv=3`` (or ``lv``, where the reference says what it is), and all other values are
            background; none for all that are known, and all values must be.
        nsd_tolerance_mm: For all structures, or for each.
        processes: How many read and compare. More than one asks of a script to guard its start
            (``if __name__ == "__main__"``).
        progress: Called with the number of cases done and of all.

    Raises:
        InputError: A folder or an option cannot be used, no prediction belongs to any case of the reference, or
            another process is at work in the output folder.
        InputErrors: Not one case can be evaluated; all of them are listed.
    """
    found, references = _match(predictions, reference)
    labels = {} if structures and all("=" in text for text in structures) else references.labels()
    values = choose_structures(structures, labels)
    tolerances_mm = tolerances_of(nsd_tolerance_mm, values)
    pairs = [LabelPair(case, found.get(case.id)) for case in references.cases]
    compare = partial(compare_pair, values=values, any_value=bool(structures), tolerances_mm=tolerances_mm)
    with claimed(output, "evaluation"):
        remove_abandoned(output)
        outcomes: list[Outcome] = []
        for done, outcome in enumerate(in_processes(compare, pairs, processes if len(pairs) >= FEWEST_CASES else 1)):
            if progress:
                progress(done + 1, len(pairs))
            outcomes.append(outcome)
        scored, problems = part(outcomes)
        evaluation = _conclude(predictions, reference, found, references, values, tolerances_mm, scored, problems)
        evaluation.write(output)
    return evaluation


def _conclude(
    predictions: Path,
    reference: Path,
    found: Mapping[str, Path],
    references: References,
    values: Mapping[str, int],
    tolerances_mm: Mapping[str, float],
    scored: Sequence[Scored],
    problems: Mapping[str, InputError],
) -> Evaluation:
    cases = references.cases
    files = {(PREDICTIONS, case.id): Files(found.get(case.id), label_of(case), _image(case)) for case in cases}
    about = {
        "kind": "predictions",
        "object_maps": sum(case.instances is not None for case in cases),
        "predictions": str(predictions),
        "reference": str(reference),
        "data_split": None,
        "groups": {"from": references.groups_from, "count": len({case.group for case in cases})},
        "leaks": [],
        "unevaluated": list(references.unevaluated),
        "left_out": list(references.left_out),
        "extra_predictions": sorted(set(found) - {case.id for case in cases}),
        "unnamed_values": {
            where: _counts(value for each in scored for value in each.unnamed[side])
            for side, where in enumerate(("labels", "predictions"))
        },
        "seeds": {"bootstrap": 0},
        "versions": versions("medsize", "numpy", "scipy"),
    }
    return conclude(
        scored,
        problems,
        [PREDICTIONS],
        values,
        of_photos=is_photo(label_of(cases[0])),
        files=files,
        tolerances_mm=tolerances_mm,
        about=about,
    )


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


def _counts(values: Iterable[int]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def _image(case: Case) -> Path | None:
    return None if case.image == case.label else case.image


def _examples(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
