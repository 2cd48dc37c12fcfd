from pathlib import Path

import numpy as np

from medsize.data.case import Case
from medsize.evaluation.scored_case import ScoredCase
from medsize.evaluation.scores import COLUMNS, SLICE_COLUMNS, score_case
from medsize.evaluation.tables import tabulate

LABEL = np.zeros((3, 3, 2), np.uint8)
LABEL[1, 1, :] = 1
SCORE = score_case(LABEL, LABEL, {"lv": 1}, spacing_mm=(1, 1, 1), voxel_ml=0.001, tolerances_mm={})


def test_a_case_has_one_row_a_structure_and_one_a_slice_in_the_order_of_the_checkpoints():
    cases = [Case(name, name[0], Path("i"), phase="ED", split="val") for name in ("a1", "b1")]
    scored = [ScoredCase(case, name, SCORE) for case in cases for name in ("best", "last")]
    scored.append(ScoredCase(Case("c1", "c", Path("i")), "last", SCORE, "no prediction"))
    metrics, slices = tabulate(scored, ["last", "best"]).values()
    assert tuple(metrics.columns) == COLUMNS
    assert tuple(slices.columns) == SLICE_COLUMNS
    assert list(zip(metrics["checkpoint"], metrics["case"], strict=True)) == [
        ("last", "a1"), ("last", "b1"), ("last", "c1"), ("best", "a1"), ("best", "b1"),
    ]  # fmt: skip
    assert metrics.loc[0, ["split", "group", "phase", "pathology", "failure"]].to_list() == ["val", "a", "ED", "", ""]
    assert metrics.loc[2, ["split", "group", "failure"]].to_list() == ["", "c", "no prediction"]
    assert slices["slice"].to_list() == [0, 1] * 5


def test_no_case_gives_empty_tables_with_their_columns():
    metrics, slices = tabulate([], ["last"]).values()
    assert (len(metrics), tuple(metrics.columns)) == (0, COLUMNS)
    assert (len(slices), tuple(slices.columns)) == (0, SLICE_COLUMNS)
