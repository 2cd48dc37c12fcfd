import json

import numpy as np
import pytest

from medsize.errors import InputError
from medsize.evaluation.report.history import History
from medsize.run_folder import RunFolder
from tests.evaluation.fabricated import write_metrics


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def test_a_training_is_read_epoch_by_epoch(run):
    write_metrics(run, ("lv",))
    history = History.read(run, ("lv",))
    assert history.parts == ("partial_cross_entropy", "size_target")
    assert history.epochs["epoch"].to_list() == [1, 2, 3, 4]
    np.testing.assert_allclose(history.epochs["loss"], [3, 1.5, 1, 0.75])
    np.testing.assert_allclose(history.epochs["size_target"], [0.1, 0.05, 0.1 / 3, 0.025])
    np.testing.assert_allclose(history.validations["lv"], [0.2, 0.4, 0.6, 0.8])
    assert history.best_epoch == 3
    assert history.stages == ()


def test_stages_begin_at_their_first_epoch_and_repetitions_are_one(run):
    names = ["annealing 1/2", "annealing 2/2", "normal"]
    records = [
        {"kind": "epoch", "epoch": number, "loss": 1, "learning_rate": 1, "seconds": 1, "parts": {}, "stage": name}
        for number, name in enumerate(names, start=1)
    ]
    run.metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert History.read(run, ("lv",)).stages == (("annealing", 1), ("normal", 3))


def test_a_structure_undefined_in_a_validation_is_nan(run):
    write_metrics(run, ("lv",))
    assert History.read(run, ("lv", "rv")).validations["rv"].isna().all()


def test_a_line_without_its_end_does_not_count(run):
    write_metrics(run, ("lv",))
    with run.metrics.open("a") as file:
        file.write('{"kind": "epoch", "epo')
    assert len(History.read(run, ("lv",)).epochs) == 4


def test_a_training_stopped_before_its_first_epoch_has_no_history(run):
    run.metrics.write_text("")
    history = History.read(run, ("lv",))
    assert len(history.epochs) == len(history.validations) == 0
    assert history.best_epoch is None
    assert history.parts == ()


@pytest.mark.parametrize("damage", ["no json\n", "[1, 2]\n", "3\n"])
def test_a_damaged_line_is_named(run, damage):
    first = json.dumps({"kind": "validation", "epoch": 1, "dice_scan": {}, "best": False})
    run.metrics.write_text(first + "\n" + damage)
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2: not a record"):
        History.read(run, ("lv",))


def test_a_missing_file_is_named(run):
    with pytest.raises(InputError, match=r"metrics\.jsonl: no such file"):
        History.read(run, ("lv",))


@pytest.mark.parametrize("line", ["{}", '{"kind": "epoch"}', '{"kind": "epoch", "parts": 3}', '{"kind": "validation"}'])
def test_a_record_that_lacks_something_is_refused(tmp_path, line):
    run = RunFolder(tmp_path)
    run.metrics.write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"metrics\.jsonl has a record that is not whole"):
        History.read(run, ("lv",))
