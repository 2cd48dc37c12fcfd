"""Where the files that come with medsize are."""

from pathlib import Path
from typing import Literal


def shipped(folder: Literal["configs", "data_manifests"]) -> Path:
    """Return the folder of shipped files: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).parent
    installed = package / folder
    return installed if installed.is_dir() else package.parent / folder


def shipped_lines(name: str) -> list[str]:
    """Return the lines of a shipped list in ``data_manifests``, without its comments."""
    lines = (shipped("data_manifests") / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]
