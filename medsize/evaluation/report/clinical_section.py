"""The clinical indices as the report shows them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from medsize.evaluation.clinical import agreements
from medsize.evaluation.report.agreement_figures import bland_altman, scatter
from medsize.evaluation.report.spread_figure import series
from medsize.metrics.agreement import Agreement


@dataclass(frozen=True, slots=True)
class ShownIndex:
    """One clinical index over the patients.

    Attributes:
        structure: Its structure.
        index: Its name.
        unit: Of its figures.
        found: How well predicted and true figures agree.
        figures: Scatter, and differences after Bland and Altman.
    """

    structure: str
    index: str
    unit: str
    found: Agreement
    figures: tuple[Markup, Markup]


def show_indices(indices: pd.DataFrame, structures: tuple[str, ...]) -> list[ShownIndex]:
    """Draw every index that some patient has.

    Args:
        indices: Rows of ``clinical.csv`` of one checkpoint and split.
        structures: In class order, for their colours.
    """
    shown: list[ShownIndex] = []
    complete = indices[indices["difference"].notna()]
    for (structure, index, unit), found in agreements(indices).items():
        rows = complete[(complete["structure"] == structure) & (complete["index"] == index)]
        predicted, true = (rows[name].to_numpy(np.float64) for name in ("predicted", "true"))
        about: dict[str, Any] = {
            "title": f"{structure} {index}",
            "unit": unit,
            "colour": series(structures.index(structure)),
        }
        name = f"clinical-{len(shown)}"
        figures = (
            scatter(predicted, true, found, name=f"{name}-scatter", **about),
            bland_altman(predicted, true, found, name=f"{name}-differences", **about),
        )
        shown.append(ShownIndex(structure, index, unit, found, figures))
    return shown


def missing_indices(indices: pd.DataFrame) -> dict[str, list[str]]:
    """Return the patients without some index: the reason, with the index, to their names."""
    rows = indices[indices["missing"].fillna("") != ""]
    found: dict[str, list[str]] = {}
    for (structure, reason), part in rows.groupby(["structure", "missing"], sort=False):
        wanting = ", ".join(dict.fromkeys(part["index"]))
        found[f"{structure}, {reason} (so no {wanting})"] = sorted(set(part["group"].astype(str)))
    return found
