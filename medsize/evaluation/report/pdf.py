"""A page as PDF, printed by a browser that is installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from medsize.errors import InputError
from medsize.files import atomic_path

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_SECONDS: Final = 180


def print_pdf(page: Path) -> Path:
    """Print a page of medsize's own to a PDF beside it, offline.

    Args:
        page: The HTML file.

    Returns:
        The path of the PDF, that of the page with the suffix ``.pdf``.

    Raises:
        InputError: No browser that can do it is on PATH, or it failed.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise InputError(
            "no browser to print the report with",
            expected=f"one of {', '.join(_BROWSERS)} on PATH",
            found="none of them",
            remedy=f"install Chromium or Chrome, or open {page} in any browser and print it from there",
        )
    path = page.with_suffix(".pdf")
    with atomic_path(path) as partial, tempfile.TemporaryDirectory() as profile:
        _run([browser, *_options(partial, Path(profile)), page.resolve().as_uri()], partial, page)
    return path


def _options(path: Path, profile: Path) -> list[str]:
    options = [
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing leaves the machine, whatever the browser would like
        f"--user-data-dir={profile}",
        "--no-pdf-header-footer",
        f"--print-to-pdf={path.resolve()}",
    ]
    # As root, in a container, Chromium starts only without its sandbox; the page is ours and may not load anything.
    return ["--no-sandbox", *options] if hasattr(os, "geteuid") and os.geteuid() == 0 else options


def _run(command: list[str], path: Path, page: Path) -> None:
    remedy = f"open {page} in any browser and print it from there"
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{command[0]} could not print {page}", found=str(error), remedy=remedy) from error
    if done.returncode or not path.is_file():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        found = f"exit code {done.returncode}{': ' + said[-1] if said else ''}"
        raise InputError(f"{command[0]} could not print {page}", found=found, remedy=remedy)
