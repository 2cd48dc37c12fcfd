"""Evaluations changed by hand, and sealed again: what another evaluation would have written."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from medsize.evaluation.seal import write_seal


def edit_table(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Change a table of an evaluation as if it had been written so, and return it."""
    table = change(pd.read_csv(path))
    table.to_csv(path, index=False)
    reseal(path.parent)
    return table


def edit_summary(folder: Path, **changes: object) -> None:
    """Change keys of an evaluation's summary as if it had been written so."""
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))
    reseal(folder)


def reseal(folder: Path) -> None:
    names = json.loads((folder / "files.json").read_text("utf-8"))
    inside = [folder / name for name in names if not name.startswith("..")]
    write_seal(folder, inside, beside=[(name, folder / name) for name in names if name.startswith("..")])
