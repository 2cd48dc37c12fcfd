"""What all commands share: help, version, and what becomes of errors."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import medsize.data.cache
from medsize import __version__
from medsize.cli.app import app
from tests.cli.command import medsize as run
from tests.cli.command import medsize_process


def commands(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


ALL = list(commands(get_command(app)))


def test_these_are_the_commands():
    assert {" ".join(words) for words in ALL if words} == {
        *("train", "evaluate", "predict", "report", "compare", "export", "info"),
        *("weights", "weights check", "seeds", "seeds cues"),
        *("annotate", "sizes from-annotations", "sizes doubt"),
        *("sizes template", "sizes check", "sizes summary", "sizes compare"),
        *("data", "data phantom", "data describe", "data prepare", "sizes", "sizes from-labels"),
        *("data build", "data build pascal-b"),
    }


@pytest.mark.parametrize("words", ALL, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(words: tuple[str, ...], option: str):
    outcome = run(*words, option)
    assert outcome.code == 0
    assert "Usage:" in outcome.stdout
    assert not outcome.stderr


@pytest.mark.parametrize("words", [(), ("data",), ("sizes",)])
def test_without_a_command_the_help_is_shown(words: tuple[str, ...]):
    outcome = run(*words)
    assert outcome.code == 2
    assert "Commands" in outcome.stdout + outcome.stderr


def test_the_version_is_shown():
    assert run("--version").stdout == f"medsize {__version__}\n"


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from medsize.cli import main\n"
        "sys.argv = ['medsize', 'train', '--help']\n"
        "try:\n    main()\n"
        "finally:\n"
        "    print(sorted({'torch', 'monai', 'numpy', 'pandas', 'scipy'} & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "--data-root" in done.stdout


def test_the_installed_command_is_the_same():
    script = Path(sys.executable).with_name("medsize")
    if not script.is_file():
        pytest.skip(f"medsize is not installed beside {sys.executable}")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"medsize {__version__}\n"


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``medsize info`` fail."""

    def fail() -> Path:
        raise error

    monkeypatch.setattr(medsize.data.cache, "default_cache", fail)


def test_an_error_that_nobody_expected_says_how_to_see_more(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    outcome = run("info")
    assert outcome.code == 1
    assert outcome.stderr == (
        "error: unexpected ZeroDivisionError: division by zero\n  remedy:   run again with --debug for the traceback\n"
    )


def test_debug_lets_the_error_through(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    with pytest.raises(ZeroDivisionError):
        run("--debug", "info")
    assert run("info").code == 1, "--debug is for one command"


def test_debug_shows_the_traceback_of_a_users_error():
    outcome = medsize_process("--debug", "evaluate", "gone")
    assert outcome.code == 1
    assert outcome.stderr.startswith("Traceback (most recent call last)")
    assert "medsize.errors.InputError: gone is not a run" in outcome.stderr


def test_a_file_that_ends_too_early_is_not_taken_for_an_unanswered_question(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, EOFError("no data left"))
    outcome = run("info")
    assert outcome.code == 1
    assert outcome.said.startswith("error: unexpected RuntimeError: a file ended too early: no data left")


def test_ctrl_c_ends_a_command_with_a_word_and_130(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, KeyboardInterrupt())
    outcome = run("info")
    assert (outcome.code, outcome.stderr, outcome.stdout) == (130, "interrupted\n", "")
