"""The report of label files of any tool, which no run stands behind."""

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation import write_report
from tests.evaluation.edited import edit_table
from tests.evaluation.report.made_up import write_evaluation
from tests.evaluation.report.pages import Page


@pytest.fixture(scope="module")
def page_of_labels(tmp_path_factory) -> tuple[Page, pd.DataFrame]:
    """The report of label files: ten patients, three structures."""
    folder = write_evaluation(tmp_path_factory.mktemp("labels"))
    return Page(write_report(folder).read_text(encoding="utf-8")), pd.read_csv(folder / "metrics.csv")


def test_label_files_have_a_report_from_their_tables_alone(page_of_labels):
    page, _ = page_of_labels
    assert {"result", "parts", "volumes", "clinical", "failures", "table", "fairness"} <= set(page.ids)
    assert not {"training", "cases", "taught", "doubt", "run"} & set(page.ids)
    assert "Whether a network was trained on these patients cannot be seen here" in page.text
    assert "heckpoint" not in page.text
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_measure_stands_with_mean_interval_and_quartiles(page_of_labels):
    page, metrics = page_of_labels
    rows = {tuple(row[:2]): row[2:] for row in page.table("95 % interval of the mean")}
    assert len(rows) == 3 * 11
    lv = metrics.loc[metrics["structure"] == "lv", "hd95_mm"]
    mean, middle, values, undefined, infinite = (rows["lv", "HD95, mm"][place] for place in (0, 2, 3, 4, 5))
    assert mean == f"{lv.mean():.2f} ± {lv.std():.2f}"
    assert middle == f"{lv.median():.2f} [{lv.quantile(0.25):.2f}, {lv.quantile(0.75):.2f}]"
    assert (values, undefined, infinite) == ("20", "0", "0")
    assert ("lv", "NSD at 2.0 mm") in rows


def test_cases_are_divided_by_pathology_place_and_size(page_of_labels):
    page, metrics = page_of_labels
    rv = metrics[(metrics["structure"] == "rv") & (metrics["pathology"] == "HCM")]["dice_scan"]
    (table,) = (table for table in page.tables if {"pathology", "95 % interval"} <= set(table[0]))
    by_pathology = {tuple(row[:2]): row for row in table[1:]}
    assert by_pathology["rv", "HCM"][2:5] == ["4", "2", f"{rv.mean():.3f} ± {rv.std():.3f}"]
    assert {row[1] for row in page.table("missed")} == {"base", "mid", "apex", "outside"}
    volumes = metrics.loc[metrics["structure"] == "myo", "volume_true_ml"]
    first, second = volumes.quantile([1 / 3, 2 / 3])
    assert ["myo", f"medium: {first:.3g} to {second:.3g} mL", "6"] in [row[:3] for row in page.table("true volume")]


def test_clinical_indices_stand_on_the_page_and_in_a_table_of_their_own(tmp_path, unrendered):
    folder = write_evaluation(tmp_path / "labels", patients=4)
    edit_table(folder / "metrics.csv", lambda metrics: metrics[metrics["case"] != "patient002_ES"])
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    table = pd.read_csv(folder / "clinical.csv")
    assert (table["index"] == "ejection fraction").sum() == 8
    lv = table[(table["structure"] == "lv") & (table["index"] == "ejection fraction")]
    (row,) = (row for row in page.table("lower limit of agreement") if row[:2] == ["lv", "ejection fraction, %"])
    assert row[2] == "3"
    assert row[4].startswith(f"{lv['difference'].mean():.1f}".replace("-", "−"))
    assert "lv, no case at ES (so no ES volume, stroke volume, ejection fraction): patient002." in page.text


def test_without_phases_there_are_no_clinical_indices(tmp_path, unrendered):
    folder = write_evaluation(tmp_path / "labels", patients=3)
    edit_table(folder / "metrics.csv", lambda metrics: metrics.assign(phase=""))
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "clinical" not in page.ids
    assert not (folder / "clinical.csv").exists()


def test_failures_and_infinite_figures_are_listed_and_never_hidden_in_a_mean(tmp_path, unrendered):
    folder = write_evaluation(tmp_path / "labels", patients=3, structures=("lv",))

    def fail_first(metrics: pd.DataFrame) -> pd.DataFrame:
        metrics = metrics.assign(failure="")
        metrics.loc[0, ["failure", "dice_scan", "hd95_mm"]] = ["no such file", 0.0, np.inf]
        return metrics

    metrics = edit_table(folder / "metrics.csv", fail_first)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    rows = page.table("which")
    assert ["failed", "no such file", "all", "1", "patient000_ED"] in rows
    assert ["infinite", "HD95, mm", "lv", "1", "patient000_ED"] in rows
    (distance,) = (row for row in page.table("95 % interval of the mean") if row[0] == "HD95, mm")
    finite = metrics["hd95_mm"][1:].mean()
    assert distance[1] == f"∞ (finite: {finite:.2f})"
    assert distance[-1] == "1"
    assert "1 case without a usable prediction: patient000_ED." in page.text


def test_nothing_that_failed_is_said_too(page_of_labels):
    assert "None: every case has a prediction, and every figure is defined and finite." in page_of_labels[0].text


def test_the_report_of_two_hundred_scans_is_below_five_megabytes(tmp_path):
    folder = write_evaluation(tmp_path / "labels", patients=100)
    assert write_report(folder).stat().st_size < 5e6
