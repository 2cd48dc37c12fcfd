"""What an evaluation found: its tables, their files, and a few lines for a terminal."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from medsize.errors import InputError, InputErrors
from medsize.evaluation.photo_text import describe_photos
from medsize.evaluation.scored_case import PREDICTIONS
from medsize.evaluation.seal import write_seal
from medsize.evaluation.trained_data import data_words
from medsize.files import write_text
from medsize.tables import write_table
from medsize.text import printable

_MOST_FAILURES: Final = 20
_MADE_OF_TABLES: Final = ("index.html", "index.pdf", "clinical.csv")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        tables: Name to content: ``metrics``, one row a checkpoint, case and structure; of volumes ``slices``, one row
            a slice; of photos ``instances``, one row an object, and ``confusion``, the matrix of the set.
        summary: The content of ``summary.json``.
        problems: Why cases are in no table, and what makes all the figures doubtful; :meth:`check` raises them.
    """

    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    problems: tuple[InputError, ...] = ()

    @property
    def metrics(self) -> pd.DataFrame:
        """The content of ``metrics.csv``."""
        return self.tables["metrics"]

    @property
    def slices(self) -> pd.DataFrame:
        """The content of ``slices.csv``, of volumes."""
        return self.tables["slices"]

    def write(self, folder: Path, *, also: Iterable[Path] = (), beside: Iterable[tuple[str, Path]] = ()) -> None:
        """Write a CSV file a table, ``summary.json``, and last ``files.json``, which binds them together.

        The pages of an earlier evaluation are removed first: they would tell of other figures.

        Args:
            folder: Where to.
            also: Files that the evaluation wrote there before.
            beside: Names and places of its files elsewhere; see :func:`medsize.evaluation.seal.write_seal`.

        Raises:
            InputError: The place cannot be written to.
        """
        for name in _MADE_OF_TABLES:
            (folder / name).unlink(missing_ok=True)
        paths = [folder / f"{name}.csv" for name in self.tables]
        for path, table in zip(paths, self.tables.values(), strict=True):
            write_table(path, table)
        summary = folder / "summary.json"
        write_text(summary, json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False))
        write_seal(folder, [*paths, summary, *also], beside=beside)

    def check(self) -> None:
        """Raise what is wrong with the evaluation although it was written.

        Raises:
            InputError: A case could not be evaluated, or nothing at all was found right.
        """
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            raise InputErrors(list(self.problems))

    def describe(self) -> str:
        """Return the figures in a few lines for a terminal."""
        blocks = [self.summary, *self.summary["others"]] if len(self.metrics) else []
        of_photos = self.summary.get("images") == "photos"
        lines = [line for block in blocks for line in (describe_photos if of_photos else _describe)(block)]
        if not blocks:
            lines = ["no held-out case has a label: nothing can be said about accuracy"]
        elif of_photos:
            lines.append("photos have no spacing: neither distances in mm nor volumes are measured")
        else:
            lines += _describe_distances(self.summary)
            if without := self.summary["nsd_left_out"]:
                lines.append(f"NSD is not measured without a tolerance in mm (--nsd-tolerance): {', '.join(without)}")
        failures = self.summary["failures"]
        lines += [f"FAILED, scored as empty: {each['case']}: {each['reason']}" for each in failures[:_MOST_FAILURES]]
        if (more := len(failures) - _MOST_FAILURES) > 0:
            lines.append(f"FAILED, scored as empty: {more} more, all in metrics.csv and the report")
        for key, words in _NAMED.items():
            if named := self.summary[key]:
                lines.append(f"{words}: {', '.join(named)}")
        if self.summary.get("left_out"):
            lines.append(f"not held out in the manifest, not evaluated: {len(self.summary['left_out'])} cases")
        for where, values in self.summary.get("unnamed_values", {}).items():
            listed = ", ".join(f"{value} (in {count})" for value, count in values.items())
            lines += [f"values that no structure has, in the {where}, taken as background: {listed}"] if values else []
        lines += data_words(self.summary)
        if self.summary["leaks"]:
            lines.append(f"the split leaks: {', '.join(self.summary['leaks'])} on both sides")
        return printable("\n".join(lines))


_NAMED = {
    "unevaluated": "held-out cases without a label, not evaluated",
    "extra_predictions": "predictions without a label, not evaluated",
}


def _describe(block: Mapping[str, Any]) -> list[str]:
    chosen = " (chosen on these cases)" if block["chosen_on_these_cases"] else ""
    lines = []
    for name, figures in block["aggregates"].items():
        dice = figures["measures"]["dice_scan"]
        split = f" {block['split']}" if block["split"] else ""
        of = "" if block["checkpoint"] == PREDICTIONS else f" checkpoint {block['checkpoint']},"
        where = f"dice_scan {name},{of} {figures['cases']}{split} cases{chosen}"
        undefined = f", undefined in {dice['undefined']}" if dice["undefined"] else ""
        if dice["mean"] is None:
            lines.append(f"{where}: undefined in all")
        else:
            lines.append(f"{where}: mean {dice['mean']:.3f}, median {dice['median']:.3f}{undefined}")
    return lines


def _describe_distances(block: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, figures in block["aggregates"].items():
        parts = []
        for measure, words in (("hd95_mm", "HD95 {} mm"), ("assd_mm", "ASSD {} mm"), ("nsd", "NSD {}")):
            distance = figures["measures"].get(measure)
            if distance and distance["median"] is not None:
                shown = distance["median"] if isinstance(distance["median"], str) else f"{distance['median']:.3g}"
                infinite = f" (infinite in {distance['infinite']})" if distance["infinite"] else ""
                parts.append(words.format(shown) + infinite)
        lines += [f"medians {name}: {', '.join(parts)}"] if parts else []
    return lines
