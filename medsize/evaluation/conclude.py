"""From the scores of cases, volumes or photos, to the tables and the summary of an evaluation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from medsize.errors import InputError
from medsize.evaluation.nothing_right import nothing_right
from medsize.evaluation.photo_scores import PhotoScore
from medsize.evaluation.photo_summary import SIZE_LIMITS_PIXELS, summarise_photos
from medsize.evaluation.photo_tables import tabulate_photos
from medsize.evaluation.problems import Scored
from medsize.evaluation.result import Evaluation
from medsize.evaluation.scored_case import ScoredCase
from medsize.evaluation.scores import CaseScore
from medsize.evaluation.summary import Files, as_json, failures_of, summarise
from medsize.evaluation.tables import tabulate


def conclude(
    scored: Iterable[Scored],
    problems: Mapping[str, InputError],
    checkpoints: Sequence[str],
    values: Mapping[str, int],
    *,
    of_photos: bool,
    files: Mapping[tuple[str, str], Files],
    tolerances_mm: Mapping[str, float],
    size_limits_pixels: tuple[float, float] = SIZE_LIMITS_PIXELS,
    about: Mapping[str, Any],
) -> Evaluation:
    """Return what an evaluation found.

    Args:
        scored: Every case with its figures.
        problems: Every case without, and why.
        checkpoints: Names, in the order of the tables.
        values: Structure to its value in the label files, in class order.
        of_photos: Whether the cases are photos, not volumes.
        files: Those of each checkpoint and case; of volumes they stand in the summary.
        tolerances_mm: Structure to the tolerance of its NSD; of volumes.
        size_limits_pixels: Areas from which objects are medium, and large; of photos.
        about: What else the summary says.

    Returns:
        Its summary holds JSON values: null for NaN, and the text ``inf`` for what is infinite, which JSON has no
        number for.
    """
    if of_photos:
        tables = tabulate_photos(cast("Iterable[ScoredCase[PhotoScore]]", scored), checkpoints, tuple(values))
        found = summarise_photos(tables, values, size_limits_pixels=size_limits_pixels)
    else:
        tables = tabulate(cast("Iterable[ScoredCase[CaseScore]]", scored), checkpoints)
        found = summarise(tables["metrics"], tables["slices"], files, values, tolerances_mm)
    images = "photos" if of_photos else "volumes"
    summary = {
        "images": images,
        **found,
        "failures": failures_of(tables["metrics"]),
        "not_evaluated": [{"case": case, "reason": str(error)} for case, error in problems.items()],
        **about,
    }
    nothing = nothing_right(tables["metrics"], values, summary)
    return Evaluation(tables, dict(as_json(summary)), (*problems.values(), *([nothing] if nothing else ())))
