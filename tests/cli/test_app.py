"""What all commands share: help, version, and what becomes of errors."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import medsize.cli
import medsize.data.cache
from medsize import __version__
from medsize.cli.app import app
from medsize.errors import InputError
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


def test_too_little_memory_has_a_usual_message(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, MemoryError("Unable to allocate 14.9 GiB"))
    outcome = run("info")
    assert outcome.code == 1
    assert outcome.stderr.startswith("error: this takes more memory than there is\n  found:    Unable to allocate 14.9")


def test_a_refusal_of_the_system_has_a_usual_message_with_the_name(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/data/a\x1b[31mb"))
    outcome = run("info")
    assert outcome.code == 1
    assert outcome.stderr.startswith("error: /data/a\\x1b[31mb\n  found:    Permission denied\n  remedy: ")


def test_a_full_disk_has_a_usual_message_where_no_file_is_named(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    assert run("info").stderr.startswith(
        "error: a file, or the connection to another program\n  found:    No space left"
    )


def test_names_in_errors_act_on_no_terminal(monkeypatch: pytest.MonkeyPatch):
    fail_with(monkeypatch, InputError("a\x1b[31m\udce9.nii is empty"))
    assert run("info").stderr == "error: a\\x1b[31m\\xe9.nii is empty\n"


def test_results_are_shown_in_one_way_only():
    sources = [path for path in Path(medsize.cli.__file__).parent.glob("*.py") if path.name != "app.py"]
    assert len(sources) > 20
    assert [path.name for path in sources if re.search(r"typer\.echo|\bprint\(", path.read_text("utf-8"))] == []


def test_letters_that_a_terminal_does_not_know_are_no_failure(tmp_path: Path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    gone = tmp_path / "M\u00fcller"
    command = [sys.executable, "-m", "medsize", "evaluate", str(gone)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 1
    assert rb"M\xfcller is not a run" in done.stderr


def test_a_reader_that_goes_early_gets_no_traceback():
    script = Path(medsize.cli.__file__).parent.parent
    command = f"{sys.executable} -c 'import time; from medsize.cli import main; time.sleep(0.2); main()' --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=script.parent)
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
