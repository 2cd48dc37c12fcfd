"""``cases.csv``: who trained and who was held out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pandas as pd

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.run_folder import RunFolder
from medsize.tables import read_table, write_table

_TEXTS: Final = ("case", "group", "image", "label", "frame", "phase", "pathology", "split", "fold")
_REMEDY: Final = "copy the run folder again, whole"


def write_cases(run: RunFolder, cases: Iterable[Case]) -> None:
    """Write ``cases.csv``.

    Raises:
        InputError: The place cannot be written to.
    """
    write_table(run.cases, pd.DataFrame([asdict(case) for case in cases]).rename(columns={"id": "case"}))


def read_cases(run: RunFolder) -> list[Case]:
    """Read ``cases.csv``: who trained and who was held out when the run was started.

    Raises:
        InputError: The file is missing or damaged.
    """
    table = read_table(run.cases, texts=_TEXTS, further_texts=["instances"], remedy=_REMEDY)
    try:
        cases = [_case(row) for row in table.to_dict("records")]
        if not cases:
            raise ValueError("no case in it")
        if strange := [case.id for case in cases if _leads_away(case.id)]:
            raise ValueError(f"the case {strange[0]!r}, whose results would be written to another folder")
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{run.cases} cannot be read",
            expected="the table of cases that 'medsize train' writes",
            found=str(error),
            remedy=_REMEDY,
        ) from error
    return cases


def _leads_away(name: str) -> bool:
    return not name or "\0" in name or ".." in re.split(r"[/\\]", name) or bool(re.match(r"[/\\]|[A-Za-z]:", name))


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
