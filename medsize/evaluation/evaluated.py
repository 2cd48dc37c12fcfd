"""What an evaluation left behind, of a run or of anybody's label files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from medsize.errors import InputError
from medsize.evaluation.measured_weights import require_measured_weights
from medsize.evaluation.photo_scores import BACKGROUND, CONFUSION_COLUMNS, INSTANCE_COLUMNS, PHOTO_COLUMNS
from medsize.evaluation.scores import SLICE_COLUMNS
from medsize.evaluation.seal import REMEDY, sealed
from medsize.evaluation.summary import read_summary
from medsize.files import restore_folder
from medsize.metrics.measures import MEASURES
from medsize.run_folder import RunFolder
from medsize.tables import read_table

_TEXTS = ("checkpoint", "split", "case", "group", "phase", "pathology", "structure", "failure")
_SLICE_TEXTS = ("checkpoint", "split", "case", "structure", "position")
_PHOTO_TEXTS = ("checkpoint", "split", "case", "group", "structure", "failure")
_INSTANCE_TEXTS = ("checkpoint", "split", "case", "structure")
_CONFUSION_TEXTS = ("checkpoint", "split", "true", "predicted")


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
            InputError: It was not evaluated, a table of it is damaged or of another evaluation, or the run has other
                weights by now.
        """
        run = RunFolder(path)
        is_run = run.config.is_file()
        if is_run:
            restore_folder(run.report)
            restore_folder(run.predictions)
        folder = run.report if is_run or not (path / "metrics.csv").is_file() else path
        summary = read_summary(folder)
        if summary["kind"] == "run" and not is_run and folder != path:
            raise InputError(
                f"{path} is a run without its configuration",
                expected=str(run.config),
                found="not a file" if run.config.exists() else "no such file",
                remedy="copy the run folder again, whole",
            )
        if summary["kind"] == "run":  # also where the folder of its report was named
            require_measured_weights(RunFolder(folder.parent), summary)
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
        "metrics": _read(folder, "metrics", _TEXTS, needed),
        "slices": _read(folder, "slices", _SLICE_TEXTS, SLICE_COLUMNS),
    }


def _read_photos(folder: Path) -> dict[str, pd.DataFrame]:
    metrics = _read(folder, "metrics", _PHOTO_TEXTS, PHOTO_COLUMNS)
    return {
        "metrics": metrics[metrics["structure"] != BACKGROUND].reset_index(drop=True),
        "slices": pd.DataFrame(columns=list(SLICE_COLUMNS)),
        "instances": _read(folder, "instances", _INSTANCE_TEXTS, INSTANCE_COLUMNS),
        "confusion": _read(folder, "confusion", _CONFUSION_TEXTS, CONFUSION_COLUMNS),
    }


def _read(folder: Path, name: str, texts: tuple[str, ...], needed: tuple[str, ...] = ()) -> pd.DataFrame:
    return read_table(sealed(folder, folder / f"{name}.csv"), texts=texts, needed=needed, remedy=REMEDY)
