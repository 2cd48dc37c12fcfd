"""The cases of a run as its folder recorded them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.run_folder import RunFolder


def read_cases(run: RunFolder) -> list[Case]:
    """Read ``cases.csv``: who trained and who was held out when the run was started.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        table = pd.read_csv(run.cases, dtype=str, keep_default_na=False)
        if table.empty:
            raise ValueError("no case in it")
        return [_case(row) for row in table.to_dict("records")]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{run.cases} cannot be read",
            expected="the table of cases that 'medsize train' writes",
            found=f"no column {error}" if isinstance(error, KeyError) else str(error),
            remedy="copy the run folder again, whole",
        ) from error


def _case(row: Mapping[Any, str]) -> Case:
    return Case(
        id=row["case"],
        group=row["group"],
        image=Path(row["image"]),
        label=Path(row["label"]) if row["label"] else None,
        # pandas writes a column of whole numbers with gaps as 1.0
        frame=int(float(row["frame"])) if row["frame"] else None,
        phase=row["phase"] or None,
        pathology=row["pathology"] or None,
        split=row["split"],
        fold=int(float(row["fold"])) if row["fold"] else None,
        instances=Path(row["instances"]) if row.get("instances") else None,
    )
