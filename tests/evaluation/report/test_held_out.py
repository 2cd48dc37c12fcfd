import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from medsize.config.loading import load_resolved
from medsize.config.supervision import CentroidSeeds, ScribbleSeeds, SupervisionConfig
from medsize.data.prepare import of_split
from medsize.data.volumes import read_label
from medsize.errors import InputError
from medsize.evaluation.report.held_out import choose_cases, middle_slice, show_case, slice_with_most_errors
from medsize.run.cases import read_cases


def metrics(**dice):
    rows = [(case, value) for case, values in dice.items() for value in values]
    return pd.DataFrame(rows, columns=["case", "dice_scan"]).astype({"dice_scan": float})


def test_cases_are_ranked_by_the_mean_over_their_structures():
    table = metrics(a=[0.1, 0.9], b=[0.8, 0.8], c=[0.3], d=[0.6], e=[0.7])
    assert choose_cases(table, 1) == {"worst": ["c"], "median": ["d"], "best": ["b"]}


def test_the_median_cases_are_around_the_middle_rank():
    table = metrics(**{f"c{number}": [number / 10] for number in range(9)})
    assert choose_cases(table, 2) == {"worst": ["c0", "c1"], "median": ["c3", "c4"], "best": ["c8", "c7"]}


def test_few_cases_are_shared_out():
    assert choose_cases(metrics(a=[0.1], b=[0.2], c=[0.3], d=[0.4]), 3) == {
        "worst": ["a", "b"],
        "median": ["c"],
        "best": ["d"],
    }


@pytest.mark.parametrize("count", range(10))
def test_each_case_is_shown_once_however_few_there_are(count):
    chosen = choose_cases(metrics(**{f"c{number}": [number / 10] for number in range(count)}), 3)
    shown = [case for cases in chosen.values() for case in cases]
    assert sorted(shown) == sorted(set(shown))
    assert len(shown) == count


def test_undefined_cases_have_no_rank_and_undefined_structures_do_not_count():
    table = metrics(a=[np.nan, np.nan], b=[np.nan, 0.5])
    assert choose_cases(table, 3) == {"worst": ["b"], "median": [], "best": []}


def test_the_middle_slice_is_of_the_label_else_of_the_prediction_else_of_the_volume():
    truth, predicted = np.zeros((2, 2, 2, 9), np.uint8)
    assert middle_slice(predicted, truth) == 4
    predicted[..., 1] = 1
    assert middle_slice(predicted, truth) == 1
    truth[0, 0, 5:8] = 2
    assert middle_slice(predicted, truth) == 6


def test_the_slice_with_most_errors_counts_confused_structures_too():
    truth, predicted = np.zeros((2, 3, 3, 4), np.uint8)
    predicted[0, 0, 1] = 1
    truth[..., 2], predicted[..., 2] = 1, 2
    assert slice_with_most_errors(predicted, truth) == 2


@pytest.fixture
def shown(evaluated):
    """Shows the first validation case of the LV run."""
    config = load_resolved(evaluated.config)
    case = of_split(read_cases(evaluated), "val")[0]
    rows = pd.DataFrame({"structure": ["lv"], "dice_scan": [0.75]})

    def show(worst=False, **changes):
        return show_case(
            evaluated, config.model_copy(update=changes), changes.pop("case", case), {"lv": 3}, rows, worst=worst
        )

    return show


def dots(overlay):
    return np.array(re.findall(r"M([\d.]+) ([\d.]+)h0", overlay.seeds), float)


def test_a_case_is_shown_with_its_figures_and_whereabouts(shown):
    case = shown()
    assert case.case == "patient001_frame01"
    assert case.about == "ED, DCM"
    assert case.dice_scan == {"lv": 0.75}
    assert (case.slice, case.slices) == (1, 3)
    assert case.overlay.truth
    assert case.overlay.prediction


def test_seeds_of_a_held_out_case_lie_in_its_structure(shown, evaluated):
    case = shown()
    found = of_split(read_cases(evaluated), "val")[0]
    lv = read_label(found.label, None, (1, 2, 3)).array[..., case.slice] == 3
    assert case.overlay.columns == 32  # the whole slice is shown, so that dots are in its pixels
    pixels = np.floor(dots(case.overlay)).astype(int)
    assert len(pixels) > 0
    assert lv[tuple(pixels.T)].all()


def test_seeds_are_of_the_runs_own_kind(shown):
    assert (
        shown().overlay.seeds
        != shown(supervision=SupervisionConfig(seeds=CentroidSeeds(kind="centroid"))).overlay.seeds
    )


def test_scribbles_cannot_be_made_up(shown, tmp_path):
    scribbles = SupervisionConfig(seeds=ScribbleSeeds(kind="scribble", folder=tmp_path))
    assert shown(supervision=scribbles).overlay.seeds == ""


def test_a_run_without_seeds_shows_none(shown, evaluated):
    objective = load_resolved(evaluated.config).objective.model_copy(update={"partial_cross_entropy": None})
    assert shown(objective=objective).overlay.seeds == ""


def test_an_undefined_figure_is_none(evaluated):
    config = load_resolved(evaluated.config)
    case = of_split(read_cases(evaluated), "val")[0]
    rows = pd.DataFrame({"structure": ["lv"], "dice_scan": [np.nan]})
    assert show_case(evaluated, config, case, {"lv": 3}, rows, worst=True).dice_scan == {"lv": None}


def test_an_image_that_has_gone_is_named(evaluated, tmp_path):
    config = load_resolved(evaluated.config)
    case = replace(of_split(read_cases(evaluated), "val")[0], image=tmp_path / "gone.nii.gz")
    rows = pd.DataFrame({"structure": ["lv"], "dice_scan": [0.5]})
    with pytest.raises(InputError, match=r"gone\.nii\.gz: no such file"):
        show_case(evaluated, config, case, {"lv": 3}, rows, worst=True)
