"""Which of the given sizes to doubt: those that the trained network disagrees with most."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.evaluation.measured_weights import require_measured_weights
from medsize.evaluation.seal import REMEDY, sealed
from medsize.evaluation.summary import read_summary
from medsize.files import restore_folder
from medsize.run.size_targets import TOLD_TEXTS
from medsize.run_folder import RunFolder
from medsize.tables import read_table
from medsize.text import printable

SMALLEST_SIZE: Final = 1e-4
"""A fraction below which sizes count as this: there, one pixel more or less is a factor."""

SMALLEST_SPREAD: Final = 0.05
"""A spread of ln(given/predicted) below which disagreement counts as this: nobody need doubt 5 %."""

_NORMAL: Final = 1.4826  # of a normal distribution, the standard deviation over the median absolute deviation


def rank_doubts(sizes: pd.DataFrame) -> pd.DataFrame:
    """Rank given sizes by how far they are from what the network makes of the same slice or case.

    The doubt of a size is the robust z-score of ``ln(given / predicted)`` among all sizes of its structure at its
    level: its distance from their median, in units of their spread (1.4826 times the median absolute deviation). So a
    network that finds all ventricles 10 % smaller than people do casts no doubt on any of them. Where people gave a
    range alone, the end of it that is nearer to the prediction counts as given.

    What the network predicted on average while it learned is the better witness, where it is known: in the end it
    has learned the slips too.

    Args:
        sizes: ``training_sizes.csv``: the columns ``case, slice, structure, given_fraction, predicted_fraction`` and,
            where they are known, ``low_fraction, high_fraction`` and ``while_learning_fraction``; no number of a slice
            means the whole case.

    Returns:
        Its rows that have a given size, most doubted first, with three columns more: ``expected_fraction``, predicted
        while learning or else in the end; ``times``, given over expected (of sizes that are at least
        :data:`SMALLEST_SIZE`); and ``doubt``, the score.
    """
    sizes = sizes[sizes["structure"] != "background"]
    learned = sizes["predicted_fraction"]
    sizes = sizes.assign(expected_fraction=sizes.get("while_learning_fraction", learned).fillna(learned))
    sizes = sizes.assign(stated=_stated(sizes))
    sizes = sizes[sizes["stated"].notna() & sizes["expected_fraction"].notna()].reset_index(drop=True)
    stated, expected = (sizes[name].to_numpy(np.float64) for name in ("stated", "expected_fraction"))
    empty = np.maximum(stated, expected) < SMALLEST_SIZE
    times = np.maximum(stated, SMALLEST_SIZE) / np.maximum(expected, SMALLEST_SIZE)
    doubt = np.zeros(len(sizes))
    groups = sizes.groupby([sizes["structure"], sizes["slice"].isna()]).indices if len(sizes) else {}
    for index in groups.values():
        told = index[~empty[index]]
        if len(told):
            doubt[told] = _distances(np.log(times[told]))
    ranked = sizes.drop(columns="stated").assign(times=times, doubt=doubt)
    return ranked.sort_values("doubt", ascending=False, kind="stable", ignore_index=True)


def read_training_sizes(run: RunFolder) -> pd.DataFrame:
    """Read ``report/training_sizes.csv``, which an evaluation writes.

    Raises:
        InputError: The file is missing or damaged, or the run has other weights by now.
    """
    restore_folder(run.report)
    require_measured_weights(run, read_summary(run.report))
    return read_table(
        sealed(run.report, run.report / "training_sizes.csv"),
        texts=("case", "structure"),
        further_texts=TOLD_TEXTS,
        needed=("slice", "exact_fraction", "given_fraction", "predicted_fraction"),
        types={"slice": "Int64"},
        remedy=REMEDY,
    )


def corrections(sizes: pd.DataFrame) -> pd.DataFrame:
    """Compare the errors of given and of predicted sizes where the exact ones are known: does the pupil excel?

    Args:
        sizes: ``training_sizes.csv``.

    Returns:
        One row a level and class, and one of all ``structures`` (not the background) where there are several:
        ``structure``, ``whole_case``, ``sizes`` (how many), and the mean relative errors ``given`` and ``predicted``
        over the same sizes ("Approximate Size Targets", P0 eq. 14).
    """
    known = sizes[(sizes["exact_fraction"] > 0) & sizes["given_fraction"].notna()]
    known = known.assign(
        whole_case=known["slice"].isna(),
        **{
            kind: (known[f"{kind}_fraction"] - known["exact_fraction"]).abs() / known["exact_fraction"]
            for kind in ("given", "predicted")
        },
    )
    columns = ["given", "predicted"]
    rows = []
    for whole_case, of_level in known.groupby("whole_case"):
        parts = [(str(name), part) for name, part in of_level.groupby("structure", sort=False)]
        structures = of_level[of_level["structure"] != "background"]
        parts += [("structures", structures)] if structures["structure"].nunique() > 1 else []
        rows += [
            {"structure": name, "whole_case": whole_case, "sizes": len(part), **part[columns].mean().to_dict()}
            for name, part in parts
        ]
    return pd.DataFrame(rows, columns=["structure", "whole_case", "sizes", *columns])


def _stated(sizes: pd.DataFrame) -> pd.Series:
    if "low_fraction" not in sizes:
        return sizes["given_fraction"]
    within = sizes["expected_fraction"].clip(sizes["low_fraction"], sizes["high_fraction"])
    return sizes["given_fraction"].fillna(within.where(sizes["low_fraction"].notna()))


def _distances(disagreement: NDArray[np.float64]) -> NDArray[np.float64]:
    distance = np.abs(disagreement - np.median(disagreement))
    result: NDArray[np.float64] = distance / max(_NORMAL * float(np.median(distance)), SMALLEST_SPREAD)
    return result


def in_words(row: Mapping[Hashable, Any], *, plane: str = "slice") -> dict[str, str]:
    """Return what a person needs to know of one doubt: ``given`` and ``predicted`` in the unit of the table.

    Args:
        row: One of :func:`rank_doubts`.
        plane: What people call a slice: a photo is one.
    """
    of = "case" if pd.isna(row["slice"]) else plane
    percent = f"{100 * row['expected_fraction']:.3g} % of the {of}"
    value = row.get("value")
    if value and ";" not in value and row["given_fraction"] > 0:
        unit = row["unit"]
        predicted = float(value) * row["expected_fraction"] / row["given_fraction"]  # every unit is proportional
        return {"given": f"{float(value):.6g} {unit}", "predicted": f"{predicted:.3g} {unit}"}
    if pd.isna(row["given_fraction"]):
        low, high = 100 * row["low_fraction"], 100 * row["high_fraction"]
        return {"given": f"{low:.3g} to {high:.3g} % of the {of}", "predicted": percent}
    return {"given": f"{100 * row['given_fraction']:.3g} % of the {of}", "predicted": percent}


def describe_doubts(doubts: pd.DataFrame) -> str:
    """Return doubts as a table for a terminal, the most doubted first."""
    if doubts.empty:
        return "this run was given no sizes of training cases: there is nothing to doubt"
    shown = [
        {
            "doubt": f"{row['doubt']:.1f}",
            "case": row["case"],
            "slice": "" if pd.isna(row["slice"]) else str(row["slice"]),
            "structure": row["structure"],
            **in_words(row),
            "given/predicted": f"{row['times']:.2f}",
            "row": row.get("rows", ""),
        }
        for row in doubts.to_dict("records")
    ]
    return printable(pd.DataFrame(shown).to_string(index=False))
