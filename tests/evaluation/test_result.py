import pandas as pd

from medsize.evaluation.result import Evaluation


def figures(**measures):
    defaults = {"undefined": 0, "infinite": 0, "mean": 0.5, "median": 0.5}
    return {"cases": 9, "measures": {name: defaults | changes for name, changes in measures.items()}}


def block(checkpoint, chosen, of):
    return {"checkpoint": checkpoint, "split": "val", "chosen_on_these_cases": chosen, "aggregates": {"lv": of}}


NOTHING = {"failures": [], "unevaluated": [], "extra_predictions": [], "nsd_left_out": [], "leaks": []}


def described(summary):
    return Evaluation({"metrics": pd.DataFrame({"case": ["x"]})}, NOTHING | summary).describe().splitlines()


def test_the_figures_are_described_in_a_few_lines():
    last = block("last", False, figures(dice_scan={"undefined": 1, "mean": 0.87654, "median": 0.9}))
    best = block("best", True, figures(dice_scan={"undefined": 9, "mean": None, "median": None}))
    assert described({**last, "others": [best], "leaks": ["p1", "p2"], "nsd_left_out": ["lv"]}) == [
        "dice_scan lv, checkpoint last, 9 val cases: mean 0.877, median 0.900, undefined in 1",
        "dice_scan lv, checkpoint best, 9 val cases (chosen on these cases): undefined in all",
        "NSD is not measured without a tolerance in mm (--nsd-tolerance): lv",
        "the split leaks: p1, p2 on both sides",
    ]


def test_distances_are_described_by_medians_with_what_is_infinite():
    of = figures(dice_scan={}, hd95_mm={"median": "inf", "infinite": 6}, assd_mm={"median": 1.2345}, nsd={"median": 1})
    lines = described({**block("last", False, of), "others": []})
    assert lines[1] == "medians lv: HD95 inf mm (infinite in 6), ASSD 1.23 mm, NSD 1"


def test_label_files_have_no_checkpoint_and_need_no_split():
    predictions = block("predictions", False, figures(dice_scan={})) | {"split": ""}
    failures = [{"case": "a", "reason": "no prediction"}]
    assert described({**predictions, "others": [], "failures": failures, "left_out": ["t1", "t2"]}) == [
        "dice_scan lv, 9 cases: mean 0.500, median 0.500",
        "FAILED, scored as empty: a: no prediction",
        "not held out in the manifest, not evaluated: 2 cases",
    ]


def test_of_many_failures_the_first_twenty_are_named_and_the_others_counted():
    failures = [{"case": f"c{number}", "reason": "no prediction"} for number in range(23)]
    predictions = block("predictions", False, figures(dice_scan={})) | {"split": ""}
    lines = described({**predictions, "others": [], "failures": failures})
    assert lines[-2:] == [
        "FAILED, scored as empty: c19: no prediction",
        "FAILED, scored as empty: 3 more, all in metrics.csv and the report",
    ]
