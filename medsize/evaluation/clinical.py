"""What a cardiologist reads off a segmentation: volumes of both phases, ejection fraction, mass of the myocardium."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from medsize.metrics.agreement import Agreement, agreement

DENSITY_G_PER_ML: Final = 1.05
"""Of myocardium."""

COLUMNS: Final = (
    "checkpoint",
    "split",
    "group",
    "pathology",
    "structure",
    "index",
    "unit",
    "predicted",
    "true",
    "difference",
    "missing",
)
"""Columns of ``clinical.csv``: one row a checkpoint, patient, structure and index."""

_PHASES: Final = ("ED", "ES")
_VENTRICLES: Final = ("lv", "rv")
_MYOCARDIUM: Final = "myo"


@dataclass(frozen=True, slots=True)
class Index:
    """One clinical figure.

    Attributes:
        name: What people call it.
        unit: Of its figures.
        needs: The phases it is computed from.
        of: From their volumes in mL to the figure; NaN where it is not defined.
    """

    name: str
    unit: str
    needs: tuple[str, ...]
    of: Callable[..., float]


def _ejection_percent(end_diastolic: float, end_systolic: float) -> float:
    return 100 * (end_diastolic - end_systolic) / end_diastolic if end_diastolic else math.nan


_OF_VENTRICLES: Final = (
    Index("ED volume", "mL", ("ED",), float),
    Index("ES volume", "mL", ("ES",), float),
    Index("stroke volume", "mL", _PHASES, operator.sub),
    Index("ejection fraction", "%", _PHASES, _ejection_percent),
)
_OF_MYOCARDIUM: Final = (Index("mass at ED", "g", ("ED",), DENSITY_G_PER_ML.__mul__),)


def clinical_indices(metrics: pd.DataFrame) -> pd.DataFrame:
    """Compute the clinical indices of every patient, predicted and true.

    Ventricles (``lv``, ``rv``) have an end-diastolic and an end-systolic volume, their difference (stroke volume) and
    that over the first (ejection fraction); myocardium (``myo``) has its mass at end-diastole, 1.05 g/mL.

    Args:
        metrics: ``metrics.csv``; a patient is a ``group``, its phases are the ``phase`` ``ED`` and ``ES`` of its cases.

    Returns:
        The columns :data:`COLUMNS`, empty where no case has one of these phases and structures. ``difference`` is
        predicted minus true. An index that cannot be computed has a row without figures, and ``missing`` says why.
    """
    rows = metrics[metrics["phase"].isin(_PHASES)]
    rows = rows[rows["structure"].isin((*_VENTRICLES, _MYOCARDIUM))]
    keys = ["checkpoint", "split", "structure", "group"]
    found = [
        {**dict(zip(keys, key, strict=True)), **figures}
        for key, of_patient in rows.groupby(keys, sort=False)
        for figures in _of_patient(of_patient, str(key[keys.index("structure")]))
    ]
    return pd.DataFrame(found, columns=list(COLUMNS))


def agreements(indices: pd.DataFrame) -> dict[tuple[str, str, str], Agreement]:
    """Compare predicted with true indices over the patients.

    Args:
        indices: Rows of :func:`clinical_indices` of one checkpoint and split.

    Returns:
        Agreement by structure, index and unit, of those that some patient has.
    """
    complete = indices[indices["difference"].notna()]
    return {
        (str(structure), str(index), str(unit)): agreement(part["predicted"], part["true"])
        for (structure, index, unit), part in complete.groupby(["structure", "index", "unit"], sort=False)
    }


def _of_patient(rows: pd.DataFrame, structure: str) -> list[dict[str, Any]]:
    by_phase = {phase: rows[rows["phase"] == phase] for phase in _PHASES}
    problems = {phase: problem for phase, part in by_phase.items() if (problem := _problem(part, phase))}
    volumes = {
        kind: {phase: float(part[f"volume_{kind}_ml"].iloc[0]) for phase, part in by_phase.items() if len(part) == 1}
        for kind in ("predicted", "true")
    }
    found = []
    for index in _OF_MYOCARDIUM if structure == _MYOCARDIUM else _OF_VENTRICLES:
        missing = [problems[phase] for phase in index.needs if phase in problems]
        values = {
            kind: math.nan if missing else index.of(*(of_phase[phase] for phase in index.needs))
            for kind, of_phase in volumes.items()
        }
        undefined = [f"the {kind} volume at ED is 0" for kind, value in values.items() if math.isnan(value)]
        found.append(
            {
                "pathology": rows["pathology"].iloc[0],
                "index": index.name,
                "unit": index.unit,
                **values,
                "difference": values["predicted"] - values["true"],
                "missing": "; ".join(missing or undefined),
            }
        )
    return found


def _problem(rows: pd.DataFrame, phase: str) -> str:
    """Return why there is no volume of a phase, nothing if there is one."""
    if len(rows) != 1:
        return f"no case at {phase}" if rows.empty else f"{len(rows)} cases at {phase}"
    volumes = rows[["volume_predicted_ml", "volume_true_ml"]].iloc[0]
    return f"no prediction at {phase}" if rows["failure"].iloc[0] or volumes.isna().any() else ""
