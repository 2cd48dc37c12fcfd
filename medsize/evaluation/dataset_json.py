"""nnU-Net's ``dataset.json``: what the values in label files are called, in every order that it was written in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from medsize.errors import InputError
from medsize.names import check_structure_name, name_key
from medsize.text import read_json

_NAME: Final = "dataset.json"
_EXPECTED: Final = (
    'nnU-Net\'s {"labels": {"background": 0, "lv": 1}}, or {"0": "background", "1": "lv"}, as it once was'
)
_REMEDY: Final = "correct the file, or name the structures and their values by --structure NAME=VALUE"


def named_labels(*folders: Path) -> dict[str, int]:
    """Return structure to value, as the first ``dataset.json`` of some folders says; nothing where there is none.

    Raises:
        InputError: The file is no JSON, or what it says cannot be used: a value of several, one out of 1 … 255, or one
            that stands twice.
    """
    path = next((file for folder in folders if (file := folder / _NAME).is_file()), None)
    if path is None:
        return {}
    content = read_json(path, _EXPECTED)
    labels = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(labels, dict):
        raise _unusable(path, "no names of labels in it")
    named = {name: _value(value, name, path) for name, value in _by_name(labels).items()}
    found = {name: value for name, value in named.items() if value and name_key(name) != "background"}
    twice = [name for name, value in found.items() if list(found.values()).count(value) > 1]
    if twice:
        raise _unusable(path, f"the value {found[twice[0]]} for {' and for '.join(twice)}")
    for name in found:
        check_structure_name(name)
    return found


def _by_name(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return name to value: version 1 of nnU-Net wrote it the other way round."""
    if labels and all(key.strip().isdecimal() for key in labels) and all(isinstance(v, str) for v in labels.values()):
        return {str(name): number for number, name in labels.items()}
    return dict(labels)


def _value(value: Any, name: str, path: Path) -> int:
    if isinstance(value, list):
        raise _unusable(path, f"{name}: {value}, a region of several values: regions overlap, and are not evaluated")
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 3 or int(text) > 255:
        raise _unusable(path, f"{name}: {str(value)[:60]!r}, which is no whole number from 0 to 255")
    return int(text)


def _unusable(path: Path, found: str) -> InputError:
    return InputError(f"the labels in {path} cannot be used", expected=_EXPECTED, found=found, remedy=_REMEDY)
