import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.evaluation.result import Evaluation
from medsize.export.facts import Facts
from medsize.export.pages import license_text, result_rows, sizes_words, write_page
from medsize.run_folder import RunFolder
from tests.export.conftest import PHYSICAL

FIGURES = {
    "cases": 4, "undefined": 1, "infinite": 0, "mean": 0.81234, "median": 0.9, "q25": 0.7, "q75": 0.95,
    "low": 0.75, "high": 0.86,
}  # fmt: skip
MEASURES = dict.fromkeys(("dice_scan", "assd_mm", "volume_error_ml"), FIGURES) | {
    "hd95_mm": FIGURES | {"mean": "inf", "high": "inf", "low": None, "infinite": 2}
}
AGGREGATE = {"cases": 4, "failed_cases": ["patient002_frame01"], "measures": MEASURES}


@pytest.fixture
def run(physical_run: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(physical_run.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def card(run: RunFolder) -> str:
    page = run.path / "MODEL_CARD.md"
    write_page(page, Facts.of(run, "last"))
    return page.read_text(encoding="utf-8")


def evaluate(run: RunFolder, **changes: object) -> None:
    block = {"checkpoint": "last", "split": "val", "chosen_on_these_cases": False, "aggregates": {"lv": AGGREGATE}}
    weights = {"last": file_digest(run.weights("last")), "best": "0" * 64}
    Evaluation({}, block | {"kind": "run", "others": [], "weights": weights} | changes).write(run.report)


def test_a_checkpoint_without_a_report_is_said_not_to_be_evaluated(run: RunFolder) -> None:
    assert "**Not evaluated**" in card(run)
    evaluate(run, checkpoint="best")
    assert "**Not evaluated**" in card(run)


def test_averaged_weights_are_told(run: RunFolder, random_run: Callable[..., RunFolder]) -> None:
    assert "| weights | as a single step of the training left them |" in card(run)
    averaged = random_run(PHYSICAL, "training.ema={decay: 0.9}")
    assert "| weights | averaged over the steps of the training, each of which kept 90" in card(averaged)


def test_results_have_their_intervals(run: RunFolder) -> None:
    evaluate(run)
    text = card(run)
    assert "| lv | dice_scan | 4 | 0.8123 | 0.75 to 0.86 | 0.9 [0.7, 0.95] | 1 | 0 |" in text
    assert "| lv | HD95, mm | 4 | inf | none to inf | 0.9 [0.7, 0.95] | 1 | 2 |" in text
    assert "lv: 1 cases without a prediction" in text
    assert "patient002" not in text


def test_figures_of_earlier_weights_are_not_told(run: RunFolder) -> None:
    evaluate(run, weights={"last": "0" * 64})
    assert result_rows(Facts.of(run, "last")) == []
    text = card(run)
    assert "**Not evaluated** since these weights were trained" in text
    assert "0.8123" not in text


def test_a_damaged_evaluation_is_no_missing_one(run: RunFolder) -> None:
    evaluate(run)
    (run.report / "summary.json").write_text("{}")
    with pytest.raises(InputError, match=r"summary\.json cannot be read(.|\n)*medsize evaluate"):
        card(run)


def test_figures_of_cases_that_chose_the_checkpoint_are_marked(run: RunFolder) -> None:
    evaluate(run, chosen_on_these_cases=True)
    assert "chosen on these very cases" in card(run)


def test_a_leak_is_counted_and_nobody_named(run: RunFolder) -> None:
    assert "| on both sides of the split | nobody |" in card(run)
    cases = pd.read_csv(run.cases, dtype=str, keep_default_na=False)
    leaking = cases.index[cases["group"] == cases.loc[cases["split"] == "train", "group"].iloc[0]]
    cases.loc[leaking[0], "split"] = "val"
    cases.to_csv(run.cases, index=False)
    assert "**1 patients: every figure below is better" in card(run)


def test_supervision_is_told_with_its_noise(run: RunFolder) -> None:
    supervision = json.loads(run.supervision.read_text("utf-8"))
    supervision |= {"measured_noise": {"background": 0.01, "lv": 0.123}}
    run.supervision.write_text(json.dumps(supervision))
    words = sizes_words(Facts.of(run, "last"))
    assert words == (
        "measured on masks, then made wrong at random; nominal mean relative error 8.0 %; measured 12.3 % (lv)"
    )


def test_a_run_without_sizes_says_none(random_run) -> None:
    assert sizes_words(Facts.of(random_run("objective.size_target=null"), "last")) == "none"
    grown = random_run("objective.size_target=null", "objective.pseudo_cross_entropy.weight=1")
    assert sizes_words(Facts.of(grown, "last")).startswith("measured on masks")


def test_the_card_says_what_it_must(run: RunFolder) -> None:
    text = card(run)
    for words in (
        "Not a medical device",
        "Intended use",
        "16 cases of 8 patients",
        "erosion",
        "8.0 %",
        "Limits",
        "38.4 mm",
        "Apache-2.0",
        "SHA-256",
        "random weights",
        "physical: 32² pixels",
    ):
        assert words in text


def test_the_licence_is_the_projects_own() -> None:
    assert license_text() == (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")
