"""Slips of the pen come out on top, whatever else the network disagrees with."""

import numpy as np
import pandas as pd
import pytest

from medsize.errors import InputError
from medsize.evaluation import evaluate_run, write_report
from medsize.evaluation.doubt import corrections, describe_doubts, in_words, rank_doubts, read_training_sizes
from medsize.run_folder import RunFolder
from medsize.supervision.complete_config import complete_config
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import fabricate_run


def sizes_of(given: object, predicted: object, *, structure: str = "lv", whole_case: bool = True) -> pd.DataFrame:
    count = len(np.atleast_1d(given))
    return pd.DataFrame(
        {
            "case": [f"case{number:03d}" for number in range(count)],
            "slice": pd.array([pd.NA if whole_case else number for number in range(count)], dtype="Int64"),
            "structure": structure,
            "exact_fraction": np.nan,
            "given_fraction": given,
            "predicted_fraction": predicted,
        }
    )


@pytest.mark.parametrize("seed", range(20))
def test_gross_errors_are_most_doubted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exact = rng.lognormal(np.log(0.0135), 0.5, 160)
    given = exact * (1 + rng.normal(0, 0.16 * np.sqrt(np.pi / 2), 160)).clip(0.3)
    predicted = 0.9 * exact * rng.lognormal(0, 0.15, 160)
    slips = rng.choice(160, 16, replace=False)
    given[slips] *= np.where(rng.random(16) < 0.5, 3, 1 / 3)
    doubted = rank_doubts(sizes_of(given, predicted))["case"].head(20)
    assert len({f"case{slip:03d}" for slip in slips} & set(doubted)) >= 14


def test_the_doubt_is_the_robust_z_score_of_the_log_ratio() -> None:
    given, predicted = np.array([0.01, 0.02, 0.06, 0.03, 0.05]), np.array([0.02, 0.02, 0.02, 0.04, 0.03])
    ratio = np.log(given / predicted)
    spread = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
    expected = np.abs(ratio - np.median(ratio)) / spread
    ranked = rank_doubts(sizes_of(given, predicted))
    np.testing.assert_allclose(ranked["doubt"], np.sort(expected)[::-1])
    assert ranked["case"].tolist() == [f"case{number:03d}" for number in np.argsort(-expected, kind="stable")]
    np.testing.assert_allclose(ranked["times"], ranked["given_fraction"] / ranked["predicted_fraction"])


def test_a_bias_that_all_sizes_share_casts_no_doubt() -> None:
    exact = np.linspace(0.01, 0.05, 9)
    assert rank_doubts(sizes_of(exact, 0.7 * exact))["doubt"].max() == pytest.approx(0, abs=1e-9)


def test_each_structure_and_level_has_a_spread_of_its_own() -> None:
    sloppy = sizes_of(np.array([0.01, 0.03, 0.02, 0.01, 0.04]), np.full(5, 0.02), structure="rv")
    careful = sizes_of(np.array([0.02, 0.021, 0.019, 0.02, 0.03]), np.full(5, 0.02))
    slices = sizes_of(np.array([0.01, 0.04, 0.02]), np.full(3, 0.02), whole_case=False)
    together = rank_doubts(pd.concat([sloppy, careful, slices]))
    assert together.iloc[0][["case", "structure"]].tolist() == ["case004", "lv"]
    for part in (sloppy, careful, slices):
        alone = rank_doubts(part).sort_values("case")
        same = together.merge(part[["case", "slice", "structure"]], on=["case", "slice", "structure"])
        np.testing.assert_allclose(same.sort_values("case")["doubt"], alone["doubt"])


def test_sizes_that_are_unknown_and_the_background_are_not_doubted() -> None:
    sizes = pd.concat([sizes_of([0.01, np.nan], [0.02, 0.02]), sizes_of([0.9], [0.1], structure="background")])
    assert rank_doubts(sizes)["case"].tolist() == ["case000"]
    assert rank_doubts(sizes[:0]).empty


def test_absent_in_both_is_no_disagreement_and_absent_in_one_is() -> None:
    ranked = rank_doubts(sizes_of([0, 0, 0.02, 0.021, 0.02], [0, 0.02, 0.02, 0.02, 0.021])).set_index("case")
    assert ranked["doubt"]["case000"] == 0
    assert ranked.index[0] == "case001"
    assert np.isfinite(ranked["doubt"]).all()


def test_a_range_is_doubted_by_its_nearer_end() -> None:
    sizes = sizes_of([np.nan, np.nan, 0.02, 0.02], [0.02, 0.09, 0.021, 0.019])
    sizes = sizes.assign(low_fraction=[0.01, 0.01, np.nan, np.nan], high_fraction=[0.03, 0.03, np.nan, np.nan])
    ranked = rank_doubts(sizes).set_index("case")
    assert ranked["times"]["case000"] == 1
    assert ranked["times"]["case001"] == pytest.approx(1 / 3)
    assert in_words(rank_doubts(sizes).iloc[0].to_dict()) == {
        "given": "1 to 3 % of the case",
        "predicted": "9 % of the case",
    }


def test_doubts_are_told_in_the_unit_of_the_table() -> None:
    sizes = sizes_of([0.03, 0.01, 0.02], [0.01, 0.01, 0.02])
    sizes = sizes.assign(value=["120", "40", "80"], unit="ml", rows=["2", "7", "9"])
    text = describe_doubts(rank_doubts(sizes))
    first = text.splitlines()[1].split()
    assert first[1:] == ["case000", "lv", "120", "ml", "40", "ml", "3.00", "2"]
    several = sizes_of([0.03], [0.01], whole_case=False).assign(value="120;80", unit="ml", rows="2;3")
    assert in_words(rank_doubts(several).iloc[0].to_dict()) == {
        "given": "3 % of the slice",
        "predicted": "1 % of the slice",
    }
    assert "nothing to doubt" in describe_doubts(rank_doubts(sizes[:0]))


def test_corrections_compare_both_errors_over_the_same_sizes() -> None:
    volumes = sizes_of([0.03, 0.01, np.nan], [0.022, 0.02, 0.5]).assign(exact_fraction=[0.02, 0.02, 0.02])
    rv = sizes_of([0.01], [0.03], structure="rv").assign(exact_fraction=0.02)
    slices = sizes_of([0.1, 0.1], [0.2, 0.0], whole_case=False).assign(exact_fraction=[0.1, 0.0])
    table = corrections(pd.concat([volumes, rv, slices])).set_index(["whole_case", "structure"])
    assert table.loc[(True, "lv")].tolist() == pytest.approx([2, 0.5, 0.05])
    assert table.loc[(True, "rv")].tolist() == pytest.approx([1, 0.5, 0.5])
    assert table.loc[(True, "structures")].tolist() == pytest.approx([3, 0.5, 0.2])
    assert table.loc[(False, "lv")].tolist() == pytest.approx([1, 0, 1])
    assert len(table) == 4
    assert corrections(volumes[:0]).empty


@pytest.mark.parametrize("content", [None, "", "case,slice\na,1\n"])
def test_a_run_that_was_not_evaluated_says_so(tmp_path, content) -> None:
    run = RunFolder(tmp_path)
    run.report.mkdir()
    if content is not None:
        (run.report / "training_sizes.csv").write_text(content)
    with pytest.raises(InputError, match=r"summary\.json cannot be read(?s:.)*medsize evaluate"):
        read_training_sizes(run)


def test_slips_planted_in_a_table_are_found_by_the_network_and_shown(
    intensity_network, tiny_acdc, tiny_cache, tmp_path
) -> None:
    exact = prepare_task(tiny_run_config(tiny_acdc, tiny_cache)).supervision.table
    exact = exact[exact["structure"] == "lv"].groupby("case")["exact_fraction"].mean()
    rng = np.random.default_rng(1)
    given = 32 * 32 * 3 * 0.018 * exact * (1 + rng.normal(0, 0.16, len(exact)))
    given.iloc[[3, 9]] *= [3, 1 / 3]
    rows = "".join(f"{case},lv,{value:.4f},ml\n" for case, value in given.items())
    (tmp_path / "sizes.csv").write_text(f"case,structure,value,unit\n{rows}")
    table = f"supervision.sizes={{kind: table, path: {tmp_path / 'sizes.csv'}}}"
    run = fabricate_run(tmp_path / "run", complete_config(tiny_run_config(tiny_acdc, tiny_cache, table)))
    evaluate_run(run, device="cpu")
    ranked = rank_doubts(read_training_sizes(run))
    assert set(ranked["case"].head(2)) == {exact.index[3], exact.index[9]}
    assert set(ranked["rows"].head(2)) == {"5", "11"}
    first = describe_doubts(ranked).splitlines()[1]
    assert f"{given[ranked['case'][0]]:.4f}".rstrip("0") in first
    page = write_report(run).read_text(encoding="utf-8")
    assert f"{in_words(ranked.iloc[0].to_dict())['given']}</b>, predicted" in page
    assert page.split('<section id="doubt">')[1].count("data:image/png") == 6
    assert "corrects its teacher" not in page, "a network of intensities is no better than people"


def test_what_was_predicted_while_learning_counts_more_than_what_is_predicted_in_the_end() -> None:
    learned = sizes_of([0.06, 0.02, 0.021, 0.019], [0.055, 0.02, 0.02, 0.02])
    ranked = rank_doubts(learned.assign(while_learning_fraction=[0.02, 0.02, np.nan, 0.02]))
    assert ranked["case"][0] == "case000"
    assert ranked["times"][0] == pytest.approx(3)
    assert ranked.set_index("case")["times"]["case002"] == pytest.approx(0.021 / 0.02)
    assert in_words(ranked.iloc[0].to_dict()) == {"given": "6 % of the case", "predicted": "2 % of the case"}
