"""What a run notes down of itself as JSON: ``environment.json`` and ``supervision.json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medsize.errors import InputError
from medsize.files import write_text
from medsize.text import read_json


def write_notes(path: Path, notes: Mapping[str, Any]) -> None:
    """Write a JSON file of a run.

    Raises:
        InputError: The place cannot be written to.
    """
    write_text(path, json.dumps(notes, indent=2))


def read_notes(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run.

    Raises:
        InputError: It is missing or damaged.
    """
    notes = read_json(path, "what 'medsize train' wrote down about a run")
    if not isinstance(notes, dict):
        found = f"a {type(notes).__name__}"
        raise InputError(f"{path} cannot be read", found=found, remedy="copy the run folder again, whole")
    return notes
