import io
import sys

import pytest

from medsize.training.display import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_epoch_loss_steps_and_rate(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Display() as display:
        display.step(1, 20, 0, 1.5)
        display.step(5, 20, 0, 0.5)
    shown = terminal.getvalue()
    assert "epoch 1  loss 0.5000" in shown
    assert "5/20" in shown
    assert "steps/s" in shown


def test_a_terminal_shows_the_stage(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Display() as display:
        display.step(6, 20, 1, 0.25, "annealing 2/3")
    assert "annealing 2/3, epoch 2  loss 0.2500" in terminal.getvalue()


def test_piped_it_shows_lines_alone(capsys: pytest.CaptureFixture[str]):
    with Display() as display:
        display.step(1, 20, 0, 1.5)
        display.say("epoch 1/2: validation")
    assert capsys.readouterr().err == "epoch 1/2: validation\n"


def test_a_process_that_does_not_show_is_silent(capsys: pytest.CaptureFixture[str]):
    with Display(show=False) as display:
        display.say("epoch 1/2: validation")
    assert capsys.readouterr().err == ""
