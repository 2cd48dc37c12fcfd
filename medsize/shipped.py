"""Where the files that come with medsize are."""

from pathlib import Path
from typing import Literal


def shipped(folder: Literal["configs", "data_manifests"]) -> Path:
    """Return the folder of shipped files: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).parent
    installed = package / folder
    return installed if installed.is_dir() else package.parent / folder
