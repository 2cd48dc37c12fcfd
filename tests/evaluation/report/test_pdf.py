import subprocess
from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.evaluation.report.pdf import print_pdf


@pytest.fixture
def page(tmp_path) -> Path:
    path = tmp_path / "index.html"
    path.write_text("<!DOCTYPE html><title>page</title><p>figures</p>")
    return path


def browser(folder: Path, monkeypatch, script: str, name: str = "google-chrome") -> None:
    """The only browser there is: a shell script."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / name).write_text(f"#!/bin/sh\n{script}\n")
    (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin" if name == "first" else str(programs))


PRINTS = """
for option in "$@"; do
  case "$option" in --print-to-pdf=*) echo "$@" > "${option#--print-to-pdf=}";; esac
done
"""


def test_a_page_is_printed_beside_itself_without_a_window_or_a_network(page, tmp_path, monkeypatch):
    browser(tmp_path, monkeypatch, PRINTS)
    path = print_pdf(page)
    assert path == page.with_suffix(".pdf")
    options = path.read_text("utf-8")
    assert "--headless" in options
    assert "--host-resolver-rules=MAP * ~NOTFOUND" in options
    assert options.strip().endswith(page.as_uri())


def test_the_sandbox_is_left_on_for_everyone_but_root(page, tmp_path, monkeypatch):
    browser(tmp_path, monkeypatch, PRINTS)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in print_pdf(page).read_text("utf-8")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in print_pdf(page).read_text("utf-8")


def test_without_a_browser_the_remedy_is_said(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"no browser(.|\n)*chromium(.|\n)*install Chromium or Chrome, or open"):
        print_pdf(page)


@pytest.mark.parametrize("script", ["echo 'cannot open display' >&2; exit 3", "exit 0"])
def test_a_browser_that_fails_is_named_and_leaves_no_half_file(page, tmp_path, monkeypatch, script):
    browser(tmp_path, monkeypatch, script)
    with pytest.raises(InputError, match=r"google-chrome could not print(.|\n)*exit code"):
        print_pdf(page)
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "programs"}


def test_a_browser_that_hangs_is_given_up(page, tmp_path, monkeypatch):
    browser(tmp_path, monkeypatch, PRINTS)

    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(InputError, match="timed out"):
        print_pdf(page)
