from pathlib import Path

import pytest

from tests.cli.command import medsize


def test_the_card_is_written_and_named(trained_run: Path, tmp_path: Path) -> None:
    outcome = medsize("export", trained_run, "--to", "card", "-o", tmp_path / "card")
    assert outcome.code == 0, outcome.stderr
    assert "MODEL_CARD.md" in outcome.stdout.splitlines()[-1]


def test_an_onnx_export_says_what_was_checked_and_how_to_run_it(trained_run: Path, tmp_path: Path) -> None:
    outcome = medsize("export", trained_run, "--to", "onnx", "-o", tmp_path / "onnx")
    assert outcome.code == 0, outcome.stderr
    assert "differ by" in outcome.stdout
    assert "InferenceSession" in outcome.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--to", "torchscript", "-o", "x"], ["-o", "x"], ["--to", "onnx"]])
def test_wrong_usage_is_explained(trained_run: Path, arguments: list[str]) -> None:
    assert medsize("export", trained_run, *arguments).code == 2


def test_an_existing_folder_is_not_replaced_unasked(trained_run: Path, tmp_path: Path) -> None:
    outcome = medsize("export", trained_run, "--to", "card", "-o", tmp_path)
    assert outcome.code == 1
    assert "--overwrite" in outcome.said
