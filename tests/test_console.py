import io
import sys

import pytest

from medsize.console import progress_bar, say, show


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_message_goes_to_standard_error_as_it_is(capsys: pytest.CaptureFixture[str]):
    say("[bold] stays")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "[bold] stays\n")


def test_a_result_goes_to_standard_output_and_acts_on_no_terminal(capsys: pytest.CaptureFixture[str]):
    show("volumes: a\x1b[31m/\udce9.csv\nnext")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("volumes: a\\x1b[31m/\\xe9.csv\nnext\n", "")


def test_of_several_processes_that_train_together_one_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RANK", "1")
    say("once is enough")
    assert capsys.readouterr().err == ""


def test_progress_shows_on_a_terminal(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("Counting") as moved:
        moved(3, 7)
    assert "Counting" in terminal.getvalue()
    assert "3/7" in terminal.getvalue()


def test_a_part_of_one_thing_moves_the_bar_and_is_not_counted(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("Counting") as moved:
        moved(3.7, 7)
    assert "3/7" in terminal.getvalue()


def test_progress_is_quiet_when_piped(capsys: pytest.CaptureFixture[str]):
    with progress_bar("Counting") as moved:
        moved(3, 7)
    assert capsys.readouterr().err == ""
