"""What an evaluation left behind, of a run or of anybody's label files."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from medsize.errors import InputError
from medsize.evaluation.photo_scores import BACKGROUND, CONFUSION_COLUMNS, INSTANCE_COLUMNS, PHOTO_COLUMNS
from medsize.evaluation.scores import MEASURES, SLICE_COLUMNS
from medsize.evaluation.summary import read_summary
from medsize.run_folder import RunFolder

_TEXTS = ("checkpoint", "split", "case", "group", "phase", "pathology", "structure", "failure")
_SLICE_TEXTS = ("checkpoint", "split", "case", "structure", "position")
_PHOTO_TEXTS = ("checkpoint", "split", "case", "group", "structure", "failure")
_INSTANCE_TEXTS = ("checkpoint", "split", "case", "structure")
_CONFUSION_TEXTS = ("checkpoint", "split", "true", "predicted")
_REMEDY = "evaluate first: medsize evaluate RUN, or medsize evaluate PREDICTIONS --reference LABELS"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The tables of an evaluation.

    Attributes:
        name: Of the run or the folder.
        folder: Where the tables are.
        run: The run that was evaluated, if it was one.
        metrics: ``metrics.csv`` without the rows of the background; texts that are not there are empty.
        slices: ``slices.csv``; of photos nothing.
        summary: ``summary.json``.
        instances: Of photos ``instances.csv``.
        confusion: Of photos ``confusion.csv``.
    """

    name: str
    folder: Path
    run: RunFolder | None
    metrics: pd.DataFrame
    slices: pd.DataFrame
    summary: dict[str, Any]
    instances: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a run folder, or a folder that an evaluation of label files wrote.

        Raises:
            InputError: It was not evaluated, or a table of it is damaged.
        """
        run = RunFolder(path)
        is_run = run.config.is_file()
        folder = run.report if is_run or not (path / "metrics.csv").is_file() else path
        summary = read_summary(folder / "summary.json")
        tables = (_read_photos if summary.get("images") == "photos" else _read_volumes)(folder)
        return cls(
            name=path.resolve().name,
            folder=folder,
            run=run if is_run else None,
            metrics=tables["metrics"],
            slices=tables["slices"],
            summary=summary,
            instances=tables.get("instances", pd.DataFrame()),
            confusion=tables.get("confusion", pd.DataFrame()),
        )

    @property
    def of_photos(self) -> bool:
        """Whether the cases are photos, which have neither spacing nor slices."""
        return self.summary.get("images") == "photos"

    @property
    def headline(self) -> pd.DataFrame:
        """The rows of ``metrics.csv`` that count: checkpoint ``last`` on the cases that decided nothing."""
        return self.of_headline(self.metrics)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that were measured: of NSD there is none without a tolerance."""
        return tuple(name for name in MEASURES if name in self.metrics and self.metrics[name].notna().any())

    def of_headline(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table that are about the headline's checkpoint and split."""
        checkpoint, split = (self.summary.get(key) or "" for key in ("checkpoint", "split"))
        return table[(table["checkpoint"] == checkpoint) & (table["split"] == split)]


def _read_volumes(folder: Path) -> dict[str, pd.DataFrame]:
    needed = ("dice_scan", "volume_true_ml", "volume_predicted_ml")
    return {
        "metrics": read_table(folder / "metrics.csv", _TEXTS, needed),
        "slices": read_table(folder / "slices.csv", _SLICE_TEXTS, SLICE_COLUMNS),
    }


def _read_photos(folder: Path) -> dict[str, pd.DataFrame]:
    metrics = read_table(folder / "metrics.csv", _PHOTO_TEXTS, PHOTO_COLUMNS)
    return {
        "metrics": metrics[metrics["structure"] != BACKGROUND].reset_index(drop=True),
        "slices": pd.DataFrame(columns=list(SLICE_COLUMNS)),
        "instances": read_table(folder / "instances.csv", _INSTANCE_TEXTS, INSTANCE_COLUMNS),
        "confusion": read_table(folder / "confusion.csv", _CONFUSION_TEXTS, CONFUSION_COLUMNS),
    }


def read_table(path: Path, texts: tuple[str, ...], needed: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table of an evaluation.

    Args:
        path: The CSV file.
        texts: Columns to read as text, empty where there is none.
        needed: Other columns that must be there.

    Raises:
        InputError: It is missing or damaged.
    """
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=dict.fromkeys(texts, "str"))
        if missing := [column for column in (*texts, *needed) if column not in table]:
            raise ValueError(f"no column {', '.join(missing)}")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read", found=str(error), remedy=_REMEDY) from error
    return table.fillna(dict.fromkeys(texts, ""))


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run.

    Raises:
        InputError: It is missing or damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read", found=str(error), remedy="copy the run folder again") from error
