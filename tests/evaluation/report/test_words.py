import math
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from medsize.config.data import (
    DataConfig,
    FolderSource,
    HoldoutSplit,
    ManifestSource,
    ManifestSplit,
    OfficialSplit,
    PaperSplit,
    PatientsSplit,
    VocSource,
)
from medsize.config.run import RunConfig
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report.words import (
    cases_words,
    level_words,
    network_words,
    objective_words,
    option_words,
    source_words,
    split_words,
    supervision_words,
    warnings,
    weights_words,
)
from medsize.inference.options import PredictionOptions
from medsize.run_folder import RunFolder


def run(objective, **supervision):
    return RunConfig.model_validate({"objective": objective, "supervision": supervision})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (run({"cross_entropy": {}}), "whole masks"),
        (run({"size_weighted_cross_entropy": {}}), "whole masks"),
        (
            run({"partial_cross_entropy": {}, "expand": {}}),
            "seeds from eroded masks and which structures each slice holds",
        ),
        (run({"sparse_crf": {}, "volumetric": {}}), "which structures each slice holds"),
        (run({"partial_cross_entropy": {}}), "seeds from eroded masks"),
        (
            run({"partial_cross_entropy": {}, "size_target": {}}, sizes={"kind": "noisy", "noise": 0.08}),
            "seeds from eroded masks and sizes with random errors of 8\N{NO-BREAK SPACE}% on average",
        ),
        (run({"size_target": {}, "sparse_crf": {}}, sizes={"kind": "mean"}), "one fixed size for every slice"),
        (run({"size_target": {}}, level="volume"), "exact sizes of whole volumes"),
        (
            run({"size_target": {}}, level="both", sizes={"kind": "table", "path": "sizes.csv"}),
            "sizes from a table of slices and of whole volumes",
        ),
        (run({"size_target": {}}, level="volume", sizes={"kind": "mean"}), "one fixed size for every volume"),
        (
            run({"size_bounds": {}, "suppression": {}}, level="volume"),
            "bounds on volumes and which structures each volume holds",
        ),
        (run({"weighted_cross_entropy": {"counts": [9, 1]}}), "whole masks"),
        (run({"log_barrier_extension": {}}), "bounds on sizes"),
        (run({"fairness": {}, "sparse_crf": {}}), "the images alone"),
        (run({"balance": {"distribution": [0.9, 0.1]}}), "the share of each structure in the data set"),
        (
            run(
                {"partial_cross_entropy": {}, "quadratic_barrier": {}, "suppression": {}},
                seeds={"kind": "scribble", "folder": "x"},
            ),
            "scribbles, bounds on sizes and which structures each slice holds",
        ),
    ],
)
def test_what_a_run_was_taught_is_said_in_words(config, words):
    assert supervision_words(config) == words


def test_labels_grown_from_seeds_and_sizes_name_both():
    words = supervision_words(run({"pseudo_cross_entropy": {}}))
    assert words == "seeds from eroded masks, exact sizes and labels grown from the seeds to the sizes"


def test_without_seeds_the_labels_are_the_networks_own():
    stages = {"sizes": {"epochs": 1}, "own": {"relabel": {}, "objective": {"pseudo_cross_entropy": {}}}}
    config = RunConfig.model_validate(
        {
            "objective": {"pseudo_cross_entropy": {"weight": 1}},
            "supervision": {"seeds": {"kind": "none"}},
            "training": {"epochs": 2, "stages": stages},
        }
    )
    assert supervision_words(config) == "exact sizes and labels of its own with these sizes"


def test_every_kind_of_seeds_sizes_and_network_has_words():
    for kind in ("erosion", "random", "centroid", "full"):
        assert supervision_words(run({"partial_cross_entropy": {}}, seeds={"kind": kind}))
    assert supervision_words(run({"partial_cross_entropy": {}}, seeds={"kind": "cues", "folder": "x"}))
    assert supervision_words(run({"partial_cross_entropy": {}}, seeds={"kind": "length_ratio", "ratio": 0.5}))
    assert supervision_words(run({"size_target": {}}, sizes={"kind": "table", "path": "x"})) == "sizes from a table"
    assert supervision_words(run({"size_target": {}})) == "exact sizes"
    for name in ("mobilenetv2_deeplabv3plus", "mobilenetv2_unet", "unet"):
        config = RunConfig.model_validate({"objective": {"cross_entropy": {}}, "network": {"name": name}})
        assert network_words(config) != name


def test_the_objective_is_its_terms_and_weights():
    config = run({"partial_cross_entropy": {"weight": 1}, "size_target": {"weight": 62.5}})
    assert objective_words(config) == "1 × partial cross entropy + 62.5 × size target"


def test_the_objective_and_the_supervision_are_those_of_all_stages():
    stages = {
        "annealing": {"epochs": 1, "repeat": 3, "objective": {"expand": {"weight": {"from": 1, "to": 2}}}},
        "normal": {"objective": {"size_target": None, "cross_entropy": {}}, "consolidate": {}},
    }
    values = {"objective": {"size_target": {}}, "training": {"epochs": 4, "stages": stages}}
    config = RunConfig.model_validate(values)
    assert objective_words(config) == (
        "annealing (3 epochs): 1 × size target + 2 × SEC's expand; "
        "normal (1 epoch): 1 × cross entropy + elastic weight consolidation"
    )
    assert supervision_words(config) == "whole masks, exact sizes and which structures each slice holds"


def test_weights_that_are_averages_are_said_to_be():
    config = run({"size_target": {}})
    assert weights_words(config) == "as a single step of the training left them"
    averaged = RunConfig.model_validate({"objective": {"size_target": {}}, "training": {"ema": {"decay": 0.995}}})
    assert weights_words(averaged) == (
        "averaged over the steps of the training, each of which kept 99.5\N{NO-BREAK SPACE}%"
    )


def test_a_term_is_called_what_people_call_it():
    config = run({"log_barrier_extension": {}, "sparse_crf": {}, "expand": {}})
    assert objective_words(config) == "1 × log-barrier extension + 1 × sparse CRF + 1 × SEC's expand"


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (PatientsSplit(fold=2), "split by patients, fold 2 of 0–4 held out"),
        (PaperSplit(name="paper"), "the size-constraint authors' split 'paper'"),
        (ManifestSplit(name="manifest"), "the manifest's own split"),
        (ManifestSplit(name="manifest", fold=1), "the manifest's fold 1 held out"),
        (OfficialSplit(name="official"), "the data set's own split"),
        (HoldoutSplit(name="holdout", fold=1), "split by chance, seed 0, fold 1 of 0–4 held out"),
        (HoldoutSplit(name="holdout", count=50, seed=3), "50 images held out by chance, seed 3"),
        (HoldoutSplit(name="holdout", ids=Path("lists/val.txt")), "the images of val.txt held out"),
    ],
)
def test_the_split_is_said_in_words(split, words):
    assert split_words(split) == words


def test_the_source_is_said_in_words():
    source = ManifestSource(kind="manifest", path="/data/hearts.csv", labels={"lv": 1})
    assert source_words(DataConfig()) == "a data set in the ACDC layout"
    assert source_words(DataConfig(source=source, split=ManifestSplit(name="manifest"))) == "the manifest hearts.csv"
    for photos, words in (
        (VocSource(kind="voc"), "PASCAL VOC 2012"),
        (FolderSource(kind="folder"), "a folder of images and masks"),
    ):
        assert source_words(DataConfig.model_construct(source=photos)) == words


def evaluated(rows=({},), *, run=True, **summary):
    """An evaluation of cases a, b, … that differ from a sound one as the rows say."""
    sound = {"checkpoint": "last", "structure": "lv", "dice_scan": 0.9, "failure": ""}
    table = [{"case": case, **sound, **row} for case, row in zip("abcdefgh", rows, strict=False)]
    metrics = pd.DataFrame(table, columns=["case", *sound])
    folder = RunFolder(Path("run")) if run else None
    return Evaluated("run", Path(), folder, metrics, pd.DataFrame(), {"leaks": [], "unevaluated": [], **summary})


def test_a_sound_result_needs_no_warning():
    assert warnings(evaluated()) == []


def test_a_leak_is_warned_of_with_its_patients():
    (one,) = warnings(evaluated(leaks=["p1"]))
    assert "1 patient with held-out images also has images in training (p1)" in one
    (many,) = warnings(evaluated(leaks=[f"p{number}" for number in range(14)]))
    assert "14 patients with held-out images also have images in training" in many
    assert "p11 and 2 more" in many


def test_undefined_and_unevaluated_cases_are_warned_of_by_name():
    undefined = {"dice_scan": math.nan}
    rows = [undefined, undefined, {"checkpoint": "best", **undefined}]
    unevaluated, last, of_best = warnings(evaluated(rows, unevaluated=["z"]))
    assert unevaluated == "1 held-out case without a label not evaluated: z."
    assert "lv, checkpoint last, is undefined in 2 cases" in last
    assert "(a, b)" in last
    assert "checkpoint best, is undefined in 1 case," in of_best
    assert "dice_scan of lv is undefined in 1 case" in warnings(evaluated([undefined], run=False))[0]


def test_a_case_without_a_prediction_is_warned_of_by_name():
    (failed,) = warnings(evaluated([{"failure": "no such file", "dice_scan": 0.0}, {}]))
    assert failed == "1 case without a usable prediction: a. Scored as if nothing was found."


def test_a_run_without_evaluated_cases_says_that_nothing_can_be_said():
    assert "nothing can be said about accuracy" in warnings(evaluated(()))[0]


def test_cases_are_called_by_their_split():
    assert [cases_words(split) for split in ("train", "val", "test", "")] == [
        "training cases",
        "validation cases",
        "test cases",
        "cases",
    ]


@pytest.mark.parametrize("option", [field.name for field in fields(PredictionOptions)])
def test_every_option_of_a_prediction_has_words(option):
    assert option_words(option)


def test_sizes_without_a_number_of_a_slice_are_of_volumes():
    tables = [pd.DataFrame({"slice": numbers}) for numbers in ([0, 1], [None, None], [0, None], [])]
    assert [level_words(table) for table in tables] == ["slice", "volume", "slice or volume", "slice"]


def test_stages_that_label_the_slices_anew_say_so() -> None:
    stages = {"grown": {"epochs": 1}, "own": {"epochs": 1, "repeat": 3, "relabel": {}}}
    config = RunConfig.model_validate(
        {"objective": {"pseudo_cross_entropy": {}}, "training": {"epochs": 4, "stages": stages}}
    )
    assert objective_words(config) == (
        "grown (1 epoch): 1 × pseudo cross entropy; "
        "own (3 epochs, the slices labelled anew 3 times): 1 × pseudo cross entropy"
    )
