"""From the scores of volumes to the tables of an evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pandas as pd

from medsize.evaluation.scored_case import ScoredCase
from medsize.evaluation.scores import COLUMNS, SLICE_COLUMNS, CaseScore


def tabulate(scored: Iterable[ScoredCase[CaseScore]], checkpoints: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return ``metrics`` and ``slices``, the checkpoints in the order given and cases as they come."""
    ordered = sorted(scored, key=lambda each: checkpoints.index(each.checkpoint))
    metrics = [
        _about(each)
        | {"group": each.case.group, "phase": each.case.phase or "", "pathology": each.case.pathology or ""}
        | row
        | {"failure": each.failure}
        for each in ordered
        for row in each.score.structures
    ]
    slices = [_about(each) | asdict(row) for each in ordered for row in each.score.slices]
    return {
        "metrics": pd.DataFrame(metrics, columns=list(COLUMNS)),
        "slices": pd.DataFrame(slices, columns=list(SLICE_COLUMNS)),
    }


def _about(each: ScoredCase[CaseScore]) -> dict[str, object]:
    return {"checkpoint": each.checkpoint, "split": each.case.split, "case": each.case.id}
