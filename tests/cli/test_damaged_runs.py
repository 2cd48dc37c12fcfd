"""A run folder that was cut, emptied, edited or mixed up: every command that reads it says so in one message."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import medsize

_EVALUATION = ("report/files.json", "report/summary.json")
_TABLES = (*_EVALUATION, "report/metrics.csv", "report/slices.csv")
_WEIGHTS = "checkpoints/last/model.safetensors"
READS = {
    "report": (
        *("config.yaml", "environment.json", "cases.csv", "supervision.json", "metrics.jsonl", _WEIGHTS, *_TABLES),
        *("report/training_sizes.csv", "report/taught_slices.npz", "report/doubted_slices.npz", "predictions/last"),
    ),
    "compare": ("config.yaml", "cases.csv", _WEIGHTS, *_TABLES),
    "evaluate": ("config.yaml", "environment.json", "cases.csv", "size_targets.csv", _WEIGHTS),
    "export": ("config.yaml", "environment.json", "cases.csv", "supervision.json", _WEIGHTS, *_EVALUATION),
    "doubt": (_WEIGHTS, *_EVALUATION, "report/training_sizes.csv"),
}
COMMANDS: dict[str, Callable[[Path, Path], list[object]]] = {
    "report": lambda run, good: ["report", run],
    "compare": lambda run, good: ["compare", good, run, "-o", run / "comparison"],
    "evaluate": lambda run, good: ["evaluate", run],
    "export": lambda run, good: ["export", run, "--to", "card", "-o", run / "card"],
    "doubt": lambda run, good: ["sizes", "doubt", run],
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4)


def a_list(path: Path) -> None:
    path.write_text("[1, 2]\n")


def without_keys(path: Path) -> None:
    path.write_text("{}\n")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def gone(path: Path) -> None:
    path.unlink()


DAMAGES = (cut, empty, garbage, a_list, without_keys, a_folder, gone)
HARMLESS = {
    ("config.yaml", cut),  # half of it may be a whole one; what decides the masks is compared with the weights
    ("metrics.jsonl", cut),  # the last line was being written when a training was stopped
    ("metrics.jsonl", empty),  # nothing was trained yet
    ("environment.json", gone),  # likewise: that the data may have changed is said
    ("environment.json", without_keys),
    ("supervision.json", without_keys),  # what is not known is not told
    (_WEIGHTS, gone),  # removed to save space
    (_WEIGHTS, a_folder),
    ("report/summary.json", gone),  # an export says that nothing was evaluated
}


@pytest.mark.parametrize("command", READS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_of_a_run_gets_one_clear_message(
    command: str, damage: Callable[[Path], None], trained_run: Path, tmp_path: Path, without_pages: None
) -> None:
    for name in READS[command]:
        run = shutil.copytree(trained_run, tmp_path / name.replace("/", "_") / "run")
        path = next((run / name).iterdir()) if (run / name).is_dir() else run / name
        damage(path)
        outcome = medsize(*COMMANDS[command](run, trained_run))
        assert "unexpected " not in outcome.stderr, (name, outcome.stderr)
        assert "Traceback" not in outcome.stderr
        if outcome.code == 0:
            assert (name, damage) in HARMLESS, (name, outcome.stdout)
        else:
            assert (outcome.code, outcome.errors) == (1, 1), (name, outcome.stderr)
            named = (path.name, "defaults: objective", "weights that")
            assert any(words in outcome.said for words in named), (name, outcome.stderr)


@pytest.fixture
def without_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures: what is read matters here, and figures take seconds."""
    monkeypatch.setattr("medsize.evaluation.report.svg.to_svg", lambda figure, *, name, description: "")
    for module in ("figures", "spread_figure", "agreement_figures"):
        monkeypatch.setattr(
            f"medsize.evaluation.report.{module}.to_svg", lambda figure, *, name, description: "", raising=False
        )
