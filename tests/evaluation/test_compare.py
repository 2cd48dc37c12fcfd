import math
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medsize.errors import InputError
from medsize.evaluation.compare import COLUMNS, compare, paired_differences
from medsize.evaluation.comparison_text import describe_comparison, p_words
from medsize.metrics.signed_rank import holm
from medsize.run.cases import read_cases
from medsize.run_folder import RunFolder
from tests.evaluation.edited import edit_summary
from tests.evaluation.fabricated import write_cases
from tests.evaluation.report.made_up import made_up_metrics, made_up_slices, write_evaluation, write_tables


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [
        write_evaluation(folder / name, patients=8, quality=quality, seed=seed, structures=("lv", "rv"))
        for seed, (name, quality) in enumerate({"a": 0.8, "b": 0.85, "c": 0.9}.items())
    ]


@pytest.fixture(scope="module")
def comparison(runs):
    return compare(runs)


def changed(run, folder, change):
    """A copy of an evaluation with another metrics.csv."""
    metrics = change(pd.read_csv(run / "metrics.csv", keep_default_na=False, na_values=["nan"]))
    folder.mkdir()
    write_tables(folder, metrics, made_up_slices(metrics))
    return folder


def by_hand(runs, measure, structure, later, earlier):
    """Case by case, from the files."""
    tables = {run.name: pd.read_csv(run / "metrics.csv").set_index(["case", "structure"]) for run in runs}
    one, two = (tables[name].xs(structure, level="structure")[measure] for name in (later, earlier))
    groups = tables[later].xs(structure, level="structure")["group"]
    return (one - two).to_numpy(), groups.to_numpy()


def row_of(comparison, measure, structure, run, other):
    found = comparison.differences.set_index(["measure", "structure", "run", "other"])
    return found.loc[(measure, structure, run, other)]


def test_every_pair_is_compared_in_every_structure_and_measure(comparison):
    assert tuple(comparison.differences.columns) == COLUMNS
    assert len(comparison.differences) == 11 * 2 * 3
    assert (comparison.cases, comparison.patients, comparison.names) == (16, 8, ("a", "b", "c"))


def test_a_difference_is_the_later_run_less_the_earlier_on_the_same_case(runs, comparison):
    difference, _ = by_hand(runs, "dice_scan", "rv", "c", "a")
    row = row_of(comparison, "dice_scan", "rv", "c", "a")
    assert row["mean_difference"] == pytest.approx(difference.mean())
    assert row["median_difference"] == pytest.approx(np.median(difference))
    assert (row["cases"], row["patients"], row["undefined"], row["infinite"]) == (16, 8, 0, 0)


def test_the_interval_holds_what_an_independent_bootstrap_of_patients_finds(runs, comparison):
    difference, groups = by_hand(runs, "assd_mm", "lv", "b", "a")
    of_patient = [difference[groups == name] for name in np.unique(groups)]
    rng = np.random.default_rng(99)
    means = [np.concatenate([of_patient[i] for i in rng.integers(8, size=8)]).mean() for _ in range(4000)]
    row = row_of(comparison, "assd_mm", "lv", "b", "a")
    assert (row["low"], row["high"]) == pytest.approx(np.quantile(means, (0.025, 0.975)), abs=0.03 * np.ptp(means))


def test_the_p_is_scipys_exact_one_over_the_means_of_patients(runs, comparison):
    difference, groups = by_hand(runs, "hd95_mm", "lv", "c", "b")
    means = [difference[groups == name].mean() for name in np.unique(groups)]
    assert row_of(comparison, "hd95_mm", "lv", "c", "b")["p"] == pytest.approx(
        stats.wilcoxon(means, method="exact").pvalue
    )


def test_a_patient_with_one_frame_counts_as_much_as_one_with_two(runs, tmp_path):
    def some_frames(metrics):
        second = metrics.groupby(["group", "structure"]).cumcount() == 1
        return metrics[~(second & metrics["group"].isin(sorted(metrics["group"].unique())[::2]))]

    fewer = [changed(run, tmp_path / run.name, some_frames) for run in runs[1:]]
    difference, groups = by_hand(fewer, "dice_scan", "lv", "c", "b")
    means, sums = ([of(difference[groups == name]) for name in np.unique(groups)] for of in (np.mean, np.sum))
    p = row_of(compare(fewer), "dice_scan", "lv", "c", "b")["p"]
    assert p == pytest.approx(stats.wilcoxon(means, method="exact").pvalue)
    assert p != pytest.approx(stats.wilcoxon(sums, method="exact").pvalue), "sums would have told nothing"


def test_holm_corrects_for_all_pairs_and_structures_of_a_measure(comparison):
    for _, rows in comparison.differences.groupby("measure"):
        assert len(rows) == 6
        assert rows["p_holm"].to_list() == pytest.approx(holm(rows["p"]).tolist())


def test_against_a_baseline_only_its_own_pairs_are_tested(runs):
    found = compare(runs, baseline=True)
    assert set(zip(found.differences["run"], found.differences["other"], strict=True)) == {("b", "a"), ("c", "a")}
    free = row_of(found, "dice_scan", "lv", "c", "a")
    assert free["p_holm"] <= 4 * free["p"]


def test_cases_that_not_all_have_are_left_out_and_listed(runs, tmp_path):
    fewer = changed(runs[1], tmp_path / "fewer", lambda metrics: metrics[metrics["group"] != "patient003"])
    found = compare([runs[0], fewer])
    assert found.cases == 14
    assert found.left_out == {"a": ["patient003_ED", "patient003_ES"]}
    assert "left out, for not all runs have them: 2 of a" in describe_comparison(found)


def test_runs_of_other_cases_cannot_be_compared(runs, tmp_path):
    other = changed(runs[1], tmp_path / "other", lambda metrics: metrics.assign(case="x" + metrics["case"]))
    with pytest.raises(InputError, match=r"no case in common(.|\n)*a: patient000_ED(.|\n)*other: xpatient000_ED"):
        compare([runs[0], other])


def test_runs_for_other_structures_cannot_be_compared(runs, tmp_path):
    other = changed(runs[1], tmp_path / "other", lambda metrics: metrics.assign(structure="s" + metrics["structure"]))
    with pytest.raises(InputError, match="no structure in common"):
        compare([runs[0], other])


def test_one_run_is_no_comparison(runs):
    with pytest.raises(InputError, match="two runs or more"):
        compare(runs[:1])


def test_a_run_that_was_not_evaluated_is_named(runs, tmp_path):
    with pytest.raises(InputError, match=r"summary\.json cannot be read"):
        compare([runs[0], tmp_path])


def test_undefined_and_infinite_figures_are_counted_and_infinite_ones_rank_last(runs, tmp_path):
    def change(metrics):
        metrics.loc[metrics.index[0], "hd95_mm"] = math.inf
        metrics.loc[metrics.index[2], "hd95_mm"] = math.nan
        return metrics

    found = compare([runs[0], changed(runs[1], tmp_path / "odd", change)])
    row = row_of(found, "hd95_mm", "lv", "odd", "a")
    assert (row["cases"], row["undefined"], row["infinite"]) == (15, 1, 1)
    assert math.isfinite(row["mean_difference"])
    # Patient 0 has one undefined and one infinite case: it ranks last, all others as they are.
    difference, groups = by_hand(runs, "hd95_mm", "lv", "b", "a")
    means = np.array([difference[groups == name].mean() for name in np.unique(groups)])
    means[0] = 1e9
    assert row["p"] == pytest.approx(stats.wilcoxon(means, method="exact").pvalue)


def test_two_misses_do_not_differ():
    found = paired_differences(np.array([math.inf, math.inf, 1.0, math.nan]), np.array([math.inf, 2.0, 3.0, 1.0]))
    assert found.tolist()[:3] == [0.0, math.inf, -2.0]
    assert math.isnan(found[3])


def test_a_run_against_itself_differs_by_nothing(runs):
    found = compare([runs[0], runs[0]])
    assert found.names == (f"{runs[0].parent.name}/a (1)", f"{runs[0].parent.name}/a (2)")
    assert (found.differences["mean_difference"] == 0).all()
    assert (found.differences["p"] == 1).all()


def test_runs_of_one_name_are_told_apart_by_their_parents(runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "again" / "a")
    assert compare([runs[0], other]).names == (f"{runs[0].parent.name}/a", "again/a")


def test_nsd_at_different_tolerances_is_not_compared(runs, tmp_path):
    other = shutil.copytree(runs[1], tmp_path / "other")
    edit_summary(other, nsd_tolerance_mm=dict.fromkeys(("lv", "rv"), 3.0))
    found = compare([runs[0], other])
    assert "nsd" not in found.measures
    assert any("tolerances differ" in warning for warning in found.warnings)


def test_references_that_are_not_the_same_are_noticed(runs, tmp_path):
    def change(metrics):
        metrics.loc[metrics.index[0], "volume_true_ml"] *= 1.1
        return metrics

    found = compare([runs[0], changed(runs[1], tmp_path / "other", change)])
    assert "The references are not the same: their volumes differ in patient000_ED." in found.warnings


@pytest.mark.parametrize(("patients", "warned"), [(5, True), (6, True), (7, False)])
def test_too_few_patients_for_any_significance_are_said(tmp_path, patients, warned):
    # Two structures: 2 questions, so 2 · 2^(1−n) must reach 0.05, which it does from n = 7 on.
    found = compare([write_evaluation(tmp_path / n, patients=patients, structures=("lv", "rv")) for n in "ab"])
    assert any("too few" in warning for warning in found.warnings) is warned
    assert found.smallest_p == pytest.approx(2 / 2**patients)


def test_settings_that_differ_are_listed_flat(evaluated, evaluated_all, runs):
    found = compare([evaluated.path, evaluated_all.path])
    assert found.settings["data.structures"] == ["['lv']", "['all']"]
    assert found.settings["supervision.sizes.kind"] == ["noisy", "exact"]
    assert "training.seed" not in found.settings
    assert found.structures == ("lv",)


def test_a_run_trained_on_patients_it_is_compared_on_is_named(evaluated, tmp_path):
    run = RunFolder(shutil.copytree(evaluated.path, tmp_path / "leaky"))
    held_out = next(case for case in read_cases(run) if case.split == "val")
    cases = read_cases(run)
    leaky = [*cases, next(case for case in cases if case.split == "train").__class__(
        id="another", group=held_out.group, image=held_out.image, label=None, frame=None, phase=None, pathology=None,
        split="train", fold=None,
    )]  # fmt: skip
    write_cases(run, leaky)
    (warning,) = [w for w in compare([evaluated.path, run.path]).warnings if "trained on" in w]
    assert warning.startswith(f"leaky was trained on images of patients it is compared on here ({held_out.group})")


def test_label_files_tell_nothing_about_their_training(comparison):
    assert "cannot be seen from label files alone: a, b, c." in comparison.warnings[0]


def test_the_text_has_each_run_and_each_difference_with_its_p(comparison):
    text = describe_comparison(comparison)
    assert "16 cases of 8 patients" in text
    found = comparison.statistics["dice_scan", "lv", "c"]
    assert f"{found.mean:.3f} {found.low:.3f} to {found.high:.3f} {found.median:.3f}" in " ".join(text.split())
    row = row_of(comparison, "dice_scan", "rv", "c", "a")
    assert f"c − a {row['mean_difference']:+.3f} {row['low']:+.3f} to {row['high']:+.3f}" in " ".join(text.split())
    assert "beware: " in text


@pytest.mark.parametrize(("p", "said"), [(0.0001, "< 0.001"), (0.0312, "0.031"), (math.nan, "–")])
def test_a_p_is_written_as_people_write_it(p, said):
    assert p_words(p) == said


def test_made_up_metrics_are_the_same_hearts_whatever_the_seed():
    one, two = (made_up_metrics(3, ("lv",), 0.9, seed) for seed in (1, 2))
    assert (one["volume_true_ml"] == two["volume_true_ml"]).all()
