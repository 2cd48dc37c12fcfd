"""Which data a run was trained on, as its folder tells."""

from collections.abc import Mapping
from typing import Any

from medsize.errors import InputError
from medsize.run_folder import RunFolder
from medsize.text import read_json


def trained_on(run: RunFolder) -> str | None:
    """Return the key of the slice store that a run was trained on; None if its folder does not say.

    Raises:
        InputError: ``environment.json`` is damaged.
    """
    if not run.environment.is_file():  # stopped before anything was trained
        return None
    environment: Any = read_json(run.environment, "versions, device and data, as 'medsize train' writes them")
    key = environment.get("data") if isinstance(environment, dict) else 0
    if key is not None and not isinstance(key, str):
        raise InputError(
            f"{run.path} does not say what it was trained on",
            expected=f"{run.environment.name} as 'medsize train' writes it",
            found="something else in it",
            remedy="copy the run folder again, whole, or start a new run",
        )
    return key


def data_words(summary: Mapping[str, Any]) -> list[str]:
    """Return what to say where a run was not evaluated on the data that it was trained on.

    Args:
        summary: ``summary.json``.
    """
    data = summary.get("data")
    if data is None or data["trained_on"] == data["evaluated_on"]:
        return []
    if data["trained_on"] is None:
        return ["The run does not say which data it was trained on: whether they have changed since is not known."]
    return [
        "The images, labels or cases of this run are not those that it was trained on: what was measured, on held-out "
        "and on training cases, is of the data as they are now."
    ]
