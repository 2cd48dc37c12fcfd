"""The main job from the command to the report, and on from where it stopped."""

import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest

import medsize.evaluation
import medsize.training
from medsize.run_folder import RunFolder
from medsize.training import loop
from tests.cli.command import Outcome, medsize_process
from tests.cli.command import medsize as run_medsize
from tests.training.runs import same_weights


def test_training_ends_with_everything_in_the_run_folder(trained_run: Path):
    files = {str(path.relative_to(trained_run)) for path in trained_run.rglob("*") if path.is_file()}
    assert {
        *("config.yaml", "environment.json", "cases.csv", "size_targets.csv", "supervision.json", "metrics.jsonl"),
        *("checkpoints/last/model.safetensors", "checkpoints/best/model.safetensors"),
        *("report/index.html", "report/metrics.csv", "report/summary.json"),
    } <= files
    assert len([name for name in files if name.startswith("predictions/last/")]) == 4
    assert not [name for name in files if ".partial" in name or ".replaced" in name]
    supervision = json.loads((trained_run / "supervision.json").read_text("utf-8"))
    assert supervision["nominal_noise"] == 0.08
    assert 0.01 < supervision["measured_noise"]["lv"] < 0.3


def test_piped_training_tells_what_it_does_in_plain_lines_and_ends_with_the_figures(
    tiny_acdc: Path, tiny_yaml: Path, trained_run: Path
):
    outcome = medsize_process("train", tiny_yaml, "--data-root", tiny_acdc, "--noise", 0.08, "-o", "run")
    assert outcome.code == 0, outcome.stderr
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert "16 cases (48 slices) train, 4 validate\n" in outcome.stderr
    assert re.search(r"error of the given sizes: .*lv \d+\.\d%.* \(asked for: 8\.0%\)\n", outcome.stderr)
    assert len(re.findall(r"^epoch [12]/2: validation dice_scan lv 0\.\d{3}", outcome.stderr, re.MULTILINE)) == 2
    assert "dice_scan lv, checkpoint last, 4 val cases: mean " in outcome.stdout
    assert outcome.stdout.endswith("report: run/report/index.html\n")


@pytest.mark.usefixtures("without_report")
def test_the_resolved_configuration_reruns_the_run(trained_run: Path):
    assert run_medsize("train", trained_run / "config.yaml", "--output", "again").code == 0
    assert same_weights(RunFolder(Path("again")), RunFolder(trained_run))


@pytest.fixture
def interrupted(tiny_acdc: Path, tiny_yaml: Path, without_report: None, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The run again, in a folder with a space, with Ctrl-C in its second step."""
    train_step = loop.Training.train_step

    def press_ctrl_c(self: loop.Training, step: int, rows: object) -> object:
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(self, step, rows)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "train_step", press_ctrl_c)
        return run_medsize("train", tiny_yaml, "--data-root", tiny_acdc, "--noise", 0.08, "-o", "my run")


def test_ctrl_c_saves_and_says_the_command_that_goes_on_to_the_same_weights(interrupted: Outcome, trained_run: Path):
    assert interrupted.code == 130
    assert not interrupted.stdout
    said = re.search(r"stopped and saved; go on with: medsize (.*)\n", interrupted.stderr)
    assert run_medsize(*shlex.split(said[1])).code == 0
    assert same_weights(RunFolder(Path("my run")), RunFolder(trained_run))
    assert (Path("my run") / "report/metrics.csv").is_file()


def test_a_run_can_be_resumed_for_longer(interrupted: Outcome):
    assert run_medsize("train", "--resume", "my run", "--set", "training.epochs=3").code == 0
    records = [json.loads(line) for line in Path("my run/metrics.jsonl").read_text("utf-8").splitlines()]
    assert [record["epoch"] for record in records if record["kind"] == "epoch"] == [1, 2, 3]


@pytest.mark.usefixtures("without_report")
def test_runs_of_one_process_may_differ_in_precision(tiny_acdc: Path, tiny_yaml: Path, trained_run: Path):
    outcome = run_medsize(
        *("train", tiny_yaml, "--data-root", tiny_acdc, "--output", "run"),
        *("--set", "training.precision=bfloat16", "--set", "training.epochs=1"),
    )
    assert outcome.code == 0, outcome.stderr
    assert json.loads(Path("run/environment.json").read_text("utf-8"))["precision"] == "bfloat16"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What training and evaluation are called with, instead of doing it."""
    seen: dict[str, object] = {}

    def start_run(config: object, folder: Path) -> RunFolder:
        folder.mkdir(parents=True)
        (folder / "config.yaml").touch()
        seen["folder"] = folder
        return RunFolder(folder)

    def evaluate_run(run: RunFolder, *, device: str, **_: object) -> object:
        seen["device"] = device
        raise KeyboardInterrupt

    monkeypatch.setattr(medsize.training, "start_run", start_run)
    monkeypatch.setattr(medsize.evaluation, "evaluate_run", evaluate_run)
    return seen


def test_the_run_folder_is_named_by_configuration_and_time(calls: dict[str, object], tiny_yaml: Path):
    run_medsize("train", tiny_yaml)
    assert re.fullmatch(r"runs/tiny-\d{8}-\d{6}", str(calls["folder"]))


def test_the_evaluation_runs_where_the_training_ran(calls: dict[str, object]):
    assert run_medsize("train", "acdc", "--set", "training.device=cuda:1").code == 130
    assert calls["device"] == "cuda:1"


def test_of_several_processes_one_evaluates(calls: dict[str, object], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RANK", "1")
    assert run_medsize("train", "acdc").code == 0
    assert "device" not in calls
