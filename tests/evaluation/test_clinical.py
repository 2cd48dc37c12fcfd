import math

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation.clinical import COLUMNS, agreements, clinical_indices


def volumes(rows):
    """(patient, phase, structure, predicted mL, true mL)."""
    return pd.DataFrame(
        [
            {
                "checkpoint": "last", "split": "val", "case": f"{group}_{phase}", "group": group, "phase": phase,
                "pathology": "NOR", "structure": structure, "volume_predicted_ml": predicted, "volume_true_ml": true,
                "failure": "",
            }
            for group, phase, structure, predicted, true in rows
        ]
    )  # fmt: skip


HEART = [
    ("a", "ED", "lv", 150.0, 160.0),
    ("a", "ES", "lv", 60.0, 56.0),
    ("a", "ED", "myo", 100.0, 120.0),
    ("a", "ES", "myo", 90.0, 110.0),
]


def figures(metrics):
    table = clinical_indices(metrics).set_index(["group", "structure", "index"])
    return {key: (row["predicted"], row["true"], row["unit"]) for key, row in table.iterrows()}


def test_the_indices_of_one_heart_by_hand():
    found = figures(volumes(HEART))
    assert found["a", "lv", "ED volume"] == (150, 160, "mL")
    assert found["a", "lv", "ES volume"] == (60, 56, "mL")
    assert found["a", "lv", "stroke volume"] == (90, 104, "mL")
    assert found["a", "lv", "ejection fraction"] == (60, 65, "%")
    assert found["a", "myo", "mass at ED"] == pytest.approx((105, 126, "g"))
    assert len(found) == 5


def test_the_difference_is_predicted_minus_true():
    table = clinical_indices(volumes(HEART))
    assert table["difference"].to_list() == pytest.approx([-10, 4, -14, -5, -21])
    assert tuple(table.columns) == COLUMNS


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("b", "ED", "lv", 1, 1)], "no case at ES"),
        ([("b", "ED", "lv", 1, 1), ("b", "ES", "lv", 1, 1), ("b", "ES", "lv", 1, 1)], "2 cases at ES"),
        ([("b", "ED", "lv", 1, 1), ("b", "ES", "lv", math.nan, 1)], "no prediction at ES"),
    ],
)
def test_a_patient_without_one_volume_a_phase_is_listed_with_the_reason(rows, reason):
    table = clinical_indices(volumes([*HEART, *rows])).set_index(["group", "index"])
    assert table.loc[("b", "ED volume"), "predicted"] == 1
    for index in ("ES volume", "stroke volume", "ejection fraction"):
        assert table.loc[("b", index), "missing"] == reason
        assert np.isnan(table.loc[("b", index), ["predicted", "true", "difference"]].astype(float)).all()
    assert (table.loc["a", "missing"] == "").all()


def test_a_failed_prediction_has_no_volume_even_where_the_table_says_0():
    metrics = volumes(HEART)
    metrics["failure"] = ["", "no such file", "", ""]
    metrics.loc[1, "volume_predicted_ml"] = 0.0
    table = clinical_indices(metrics).set_index(["structure", "index"])
    assert table.loc[("lv", "ES volume"), "missing"] == "no prediction at ES"
    assert table.loc[("myo", "mass at ED"), "missing"] == ""


def test_no_ejection_fraction_of_a_ventricle_without_volume():
    found = clinical_indices(volumes([("a", "ED", "lv", 0, 100), ("a", "ES", "lv", 0, 50)])).set_index("index")
    assert found.loc["ejection fraction", "missing"] == "the predicted volume at ED is 0"
    assert found.loc["stroke volume", "difference"] == -50


@pytest.mark.parametrize("row", [("a", "", "lv", 1, 1), ("a", "ED", "liver", 1, 1)])
def test_other_phases_and_structures_have_no_indices(row):
    table = clinical_indices(volumes([row]))
    assert table.empty
    assert tuple(table.columns) == COLUMNS
    assert agreements(table) == {}


def test_checkpoints_and_splits_stay_apart():
    both = pd.concat([volumes(HEART), volumes(HEART).assign(checkpoint="best", volume_predicted_ml=1.0)])
    table = clinical_indices(both)
    assert table.groupby("checkpoint")["predicted"].first().to_dict() == {"last": 150, "best": 1}


def test_agreement_is_over_the_patients_that_have_the_index():
    metrics = volumes(
        [
            *HEART,
            ("b", "ED", "lv", 110, 100),
            ("b", "ES", "lv", 55, 50),
            ("c", "ED", "lv", 130, 120),
        ]
    )
    found = agreements(clinical_indices(metrics))
    assert found["lv", "ED volume", "mL"].bias == pytest.approx((-10 + 10 + 10) / 3)
    assert found["lv", "ED volume", "mL"].pairs == 3
    assert found["lv", "ejection fraction", "%"].pairs == 2
    assert found["lv", "ejection fraction", "%"].bias == pytest.approx((-5 + 0) / 2)
    assert found["myo", "mass at ED", "g"].pairs == 1
