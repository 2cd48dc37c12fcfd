import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from medsize.data.prepare import of_split
from medsize.errors import InputError
from medsize.evaluation import evaluate_run, write_report
from medsize.evaluation.doubt import rank_doubts
from medsize.evaluation.scores import COLUMNS
from medsize.inference.options import PredictionOptions
from medsize.run.cases import read_cases
from medsize.run_folder import RunFolder
from tests.conftest import tiny_run_config
from tests.evaluation.edited import edit_table, reseal
from tests.evaluation.fabricated import fabricate_run, write_cases
from tests.evaluation.report.pages import Page


@pytest.fixture(scope="module")
def page(evaluated) -> Page:
    return Page(write_report(evaluated).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page_of_all(evaluated_all) -> Page:
    return Page(write_report(evaluated_all).read_text(encoding="utf-8"))


@pytest.fixture
def fresh(unrendered, intensity_network, tiny_acdc, tiny_cache, tmp_path) -> RunFolder:
    """A run that a test may change before it is evaluated."""
    return fabricate_run(tmp_path / "run", tiny_run_config(tiny_acdc, tiny_cache))


def report(run: RunFolder) -> Page:
    evaluate_run(run, device="cpu")
    return Page(write_report(run).read_text(encoding="utf-8"))


def last_of(run):
    metrics = pd.read_csv(run.report / "metrics.csv")
    return metrics[metrics["checkpoint"] == "last"]


def test_the_page_is_whole_and_its_ids_are_unique(page, page_of_all):
    for one in (page, page_of_all):
        assert len(one.ids) == len(set(one.ids))
        assert {link[1:] for link in one.links if link.startswith("#")} <= set(one.ids)


def test_the_page_asks_for_nothing_from_outside(evaluated, page):
    text = (evaluated.report / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"data:image/png;base64,[^\"]*", "", text))
    assert {link[:5] for link in page.links} <= {"data:"} | {link[:5] for link in page.links if link.startswith("#")}
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#", "", text)


def test_the_headline_is_the_mean_of_the_last_checkpoint_on_the_cases_of_metrics_csv(page, evaluated):
    dice = last_of(evaluated)["dice_scan"]
    q25, median, q75 = (f"{dice.quantile(q):.3f}" for q in (0.25, 0.5, 0.75))
    assert f"{dice.mean():.3f} mean dice_scan of lv, 4 validation cases" in page.text
    assert f"median {median} · quartiles {q25} and {q75} · worst {dice.min():.3f}" in page.text


def test_best_stands_beside_with_the_note_that_it_was_chosen_on_these_cases(page, evaluated):
    metrics = pd.read_csv(evaluated.report / "metrics.csv")
    best = metrics.loc[metrics["checkpoint"] == "best", "dice_scan"].mean()
    assert f"checkpoint best: {best:.3f}, chosen on these same cases, so it flatters" in page.text


def test_a_crf_is_named_with_its_settings_and_stands_beside_the_network_alone(fresh):
    evaluate_run(fresh, device="cpu", options=PredictionOptions(crf=True))
    page = Page(write_report(fresh).read_text(encoding="utf-8"))
    metrics = pd.read_csv(fresh.report / "metrics.csv")
    mean = metrics.groupby("checkpoint")["dice_scan"].mean()
    assert f"{mean['last']:.3f} mean dice_scan of lv" in page.text
    assert f"checkpoint last_crf: {mean['last_crf']:.3f}" in page.text
    assert f"checkpoint best_crf: {mean['best_crf']:.3f}, chosen on these same cases, so it flatters" in page.text
    assert "last_crf: the same network, used with its probabilities refined by a dense CRF before" in page.text
    assert "(sigma_space 4.0, sigma_intensity 0.05, bilateral_weight 2.0, " in page.text


def test_without_a_crf_none_is_named(page):
    assert "crf" not in page.text.split("Configuration")[0].lower()


def test_rule_and_split_stand_beside_the_figures(page):
    told = (
        "Checkpoint last, 4 validation cases, split by patients, fold 0 of 0–4 held out. dice_scan: one Dice per case"
    )
    assert page.text.count(told) == 4
    assert "dice_slice: one Dice per slice" in page.text
    assert "no patient is on both sides" in page.text
    assert "leak" not in page.text


def test_the_table_of_checkpoints_has_the_figures_of_metrics_csv(page_of_all, evaluated_all):
    metrics = pd.read_csv(evaluated_all.report / "metrics.csv")
    rows = page_of_all.table("checkpoint")
    assert len(rows) == 6
    for row in rows:
        part = metrics[(metrics["checkpoint"] == row[0].split()[0]) & (metrics["structure"] == row[2])]
        assert row[3] == f"{part['dice_scan'].mean():.3f}"
        assert row[9] == f"{np.average(part['dice_slice'], weights=part['slices']):.3f}"


def test_the_table_of_cases_is_metrics_csv_worst_first(page_of_all, evaluated_all):
    last = last_of(evaluated_all).sort_values("dice_scan", kind="stable")
    rows = page_of_all.table("predicted mL")
    assert [row[0] for row in rows] == last["case"].to_list()
    for row, case in zip(rows, last.itertuples(), strict=True):
        difference = case.volume_predicted_ml - case.volume_true_ml
        assert row[1:5] == [case.phase, case.pathology, case.structure, f"{case.dice_scan:.3f}"]
        assert row[6:8] == [f"{case.dice_slice:.3f}", f"{case.jaccard:.3f}"]
        assert row[-3:] == [
            f"{case.volume_true_ml:.1f}", f"{case.volume_predicted_ml:.1f}", f"{difference:.1f}".replace("-", "−")
        ]  # fmt: skip


def test_volumes_are_compared_after_bland_and_altman(page, evaluated):
    last = last_of(evaluated)
    difference = last["volume_predicted_ml"] - last["volume_true_ml"]
    low, high = (difference.mean() + sign * 1.96 * difference.std() for sign in (-1, 1))
    (row,) = page.table("bias mL")
    assert row[:-1] == [
        "lv", "4", f"{last['volume_true_ml'].mean():.1f}", f"{difference.mean():.1f}".replace("-", "−"),
        f"{low:.1f} to {high:.1f}".replace("-", "−"), f"{difference.abs().mean():.1f}",
    ]  # fmt: skip


def test_noise_is_shown_nominal_and_measured_and_after_training(page, evaluated):
    sizes = pd.read_csv(evaluated.report / "training_sizes.csv")
    lv = sizes[(sizes["structure"] == "lv") & (sizes["exact_fraction"] > 0)]
    given, predicted = (
        100 * ((lv[f"{kind}_fraction"] - lv["exact_fraction"]).abs() / lv["exact_fraction"]).mean()
        for kind in ("given", "predicted")
    )
    rows = {row[0]: row[1:] for row in page.table("mean relative error of")}
    assert list(rows) == ["background", "lv"]
    assert [cell.replace("\xa0", "") for cell in rows["lv"]] == ["8.0%", f"{given:.1f}%", f"{predicted:.1f}%"]


def test_the_error_over_all_structures_is_shown_where_there_are_several(page_of_all):
    rows = {row[0]: row[1:] for row in page_of_all.table("mean relative error of")}
    assert list(rows) == ["background", "rv", "myo", "lv", "all structures"]
    assert rows["lv"][:2] == ["–", "0.0\xa0%"]


def test_every_shown_case_has_input_label_prediction_and_seeds(evaluated, page):
    text = (evaluated.report / "index.html").read_text(encoding="utf-8")
    cases = text[text.index('<section id="cases">') : text.index('<section id="volumes">')]
    assert cases.count("data:image/png") == 8  # four cases, two panels each
    assert cases.count('class="outline truth"') == 4
    assert cases.count('class="outline prediction"') == 4
    assert cases.count('class="seeds"') == 4
    for heading in ("Worst", "Best"):
        assert f"<h3>{heading}</h3>" in cases
    taught, doubted = text[text.index('<section id="taught">') :].split('<section id="doubt">')
    assert taught.count("data:image/png") == doubted.count("data:image/png") == 6


def test_configuration_and_environment_are_on_the_page(page, evaluated):
    assert " ".join(evaluated.config.read_text("utf-8").split()) in page.text
    assert "torch 2.13.0" in page.text
    assert "commit" not in page.text.split("Configuration")[0].split("The run")[-1]  # unknown ones are left out
    assert "1 × partial cross entropy + 20 × size target" in page.text
    assert "of 48 training slices have seeds" in page.text


def test_the_report_is_the_same_at_every_writing(evaluated, page):
    before = (evaluated.report / "index.html").read_bytes()
    assert write_report(evaluated).read_bytes() == before


def test_names_from_outside_cannot_become_markup(fresh):
    cases = read_cases(fresh)
    write_cases(fresh, [replace(case, pathology="<script>alert(1)</script>") for case in cases])
    report(fresh)
    assert "<script>alert" not in (fresh.report / "index.html").read_text(encoding="utf-8")


def test_a_leak_is_said_at_the_top_and_beside_every_figure(fresh):
    cases = read_cases(fresh)
    write_cases(fresh, [replace(case, group="one") for case in cases])
    page = report(fresh)
    assert "The split leaks: 1 patient with held-out images also has images in training (one)." in page.text
    assert page.text.count("which leaks") >= 5
    assert "leaks: 1 patients on both sides" in page.text


def test_undefined_cases_are_listed_and_on_top_of_the_table(fresh):
    evaluate_run(fresh, device="cpu")
    name = pd.read_csv(fresh.report / "metrics.csv").loc[0, "case"]
    edit_table(
        fresh.report / "metrics.csv",
        lambda metrics: metrics.assign(dice_scan=metrics["dice_scan"].where(metrics["case"] != name)),
    )
    page = Page(write_report(fresh).read_text(encoding="utf-8"))
    assert f"undefined in 1 case, where neither label nor prediction holds it ({name})" in page.text
    assert "3 validation cases (undefined in 1 more)" in page.text
    row = page.table("predicted mL")[0]
    assert row[:1] + row[3:5] == [name, "undefined", "undefined"]
    assert ["undefined", "dice_scan", "lv", "last", "1", name] in page.table("which")


def test_a_run_without_held_out_cases_has_a_report_that_claims_nothing(fresh):
    write_cases(fresh, of_split(read_cases(fresh), "train"))
    page = report(fresh)
    assert "nothing can be said about accuracy" in page.text
    assert "result" not in page.ids
    assert "taught" in page.ids
    assert pd.read_csv(fresh.report / "metrics.csv").columns.to_list() == list(COLUMNS)


def test_a_run_on_masks_says_that_no_size_was_given(unrendered, intensity_network, tiny_acdc, tiny_cache, tmp_path):
    terms = ("objective.partial_cross_entropy=null", "objective.size_target=null", "objective.cross_entropy={}")
    page = report(fabricate_run(tmp_path / "masks", tiny_run_config(tiny_acdc, tiny_cache, *terms), best=False))
    assert "taught from whole masks" in page.text
    assert "told" not in [cell for table in page.tables for row in table for cell in row]
    assert "this run was given none" in page.text
    assert "checkpoint best" not in page.text


def test_a_run_stopped_before_its_first_epoch_has_no_curves(fresh):
    fresh.metrics.write_text("")
    assert "training" not in report(fresh).ids


def test_a_test_split_is_the_headline_and_validation_stands_in_the_table(fresh):
    cases = read_cases(fresh)
    tested = {case.id for case in of_split(cases, "val")[:2]}
    write_cases(fresh, [replace(case, split="test") if case.id in tested else case for case in cases])
    page = report(fresh)
    assert "mean dice_scan of lv, 2 test cases" in page.text
    assert [row[1] for row in page.table("checkpoint")] == ["test", "validation"] * 2
    assert {row[1] for row in page.table("predicted mL")} == {"test", "val"}


@pytest.mark.parametrize("name", ["metrics.csv", "slices.csv", "summary.json", "training_sizes.csv"])
def test_a_run_that_was_not_evaluated_says_so(unrendered, evaluated, tmp_path, name):
    run = RunFolder(shutil.copytree(evaluated.path, tmp_path / "run"))
    (run.report / name).unlink()
    with pytest.raises(InputError, match=rf"{name} cannot be read(.|\n)*medsize evaluate"):
        write_report(run)


@pytest.mark.parametrize("name", ["metrics.csv", "slices.csv", "training_sizes.csv"])
def test_a_table_without_its_columns_is_named(unrendered, evaluated, tmp_path, name):
    run = RunFolder(shutil.copytree(evaluated.path, tmp_path / "run"))
    (run.report / name).write_text("day,weather\n1,rain\n")
    reseal(run.report)
    with pytest.raises(InputError, match=rf"{name} cannot be read\n.*no column .*case"):
        write_report(run)


@pytest.mark.parametrize("name", ["environment.json", "supervision.json"])
def test_a_missing_record_of_the_run_is_named(unrendered, evaluated, tmp_path, name):
    run = RunFolder(shutil.copytree(evaluated.path, tmp_path / "run"))
    (run.path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: no such file"):
        write_report(run)


def test_a_run_on_volumes_says_so(unrendered, intensity_network, tiny_acdc, tiny_cache, tmp_path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "supervision={level: volume, sizes: {kind: noisy, noise: 0.1}}")
    run = fabricate_run(tmp_path / "run", config)
    evaluate_run(run, device="cpu")
    text = report(run).text
    assert "of whole volumes" in text
    assert "Sizes of the training volumes" in text
    assert "% of volume" in text
    assert "% of slice" not in text


def test_given_sizes_are_ranked_by_doubt_where_people_or_noise_gave_them(page, page_of_all, evaluated):
    sizes = pd.read_csv(evaluated.report / "training_sizes.csv")
    ranked = rank_doubts(sizes).head(15)
    rows = page.table("doubt")
    assert [row[1] for row in rows] == ranked["case"].to_list()
    assert [row[0] for row in rows] == [f"{doubt:.1f}" for doubt in ranked["doubt"]]
    assert rows[0][4] == f"{100 * ranked['given_fraction'][0]:.3g} % of the slice"
    assert "doubt" in page.ids
    assert "doubt" not in page_of_all.ids, "sizes measured on masks are not doubted"


def test_a_network_that_is_nearer_to_the_truth_than_its_sizes_is_said_to_correct_them(fresh):
    report(fresh)
    path = fresh.report / "training_sizes.csv"

    def give(times: float) -> None:
        edit_table(
            path,
            lambda sizes: sizes.assign(
                given_fraction=times * sizes["exact_fraction"], predicted_fraction=0.9 * sizes["exact_fraction"]
            ),
        )

    give(1.3)
    page = Page(write_report(fresh).read_text(encoding="utf-8"))
    told = "of lv that it predicts are wrong by 10.0\xa0% on average, those that it was given by 30.0\xa0%"
    assert told.replace("\xa0", " ") in page.text
    give(0.95)
    assert "corrects its teacher" not in Page(write_report(fresh).read_text(encoding="utf-8")).text


def test_what_a_reader_needs_to_believe_the_figures_is_said(page):
    fairness = page.text[page.text.rindex("Fairness What a reader") :]
    for said in (
        "16 training cases, 4 validation cases", "no patient is on both sides", "one training with seed",
        "2,000 times", "Tolerance none was given", "hd95_mm 95th percentile",
    ):  # fmt: skip
        assert said in fairness


def test_headings_are_plain_text_until_a_script_makes_them_buttons(evaluated, page):
    text = (evaluated.report / "index.html").read_text(encoding="utf-8")
    assert "<button" not in text
    assert "aria-sort" in text
    assert 'role="status"' in text
