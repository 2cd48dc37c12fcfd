"""The tables of an evaluation that never was: many patients, all structures, both phases."""

from pathlib import Path

import numpy as np
import pandas as pd

from medsize.evaluation.result import Evaluation
from medsize.evaluation.rules import RULES
from medsize.evaluation.scores import COLUMNS, SLICE_COLUMNS

STRUCTURES = ("rv", "myo", "lv")
PATHOLOGIES = ("DCM", "HCM", "MINF", "NOR", "RV")
POSITIONS = ("outside", "base", "base", "base", "mid", "mid", "mid", "apex", "apex", "outside")


def write_evaluation(
    folder: Path,
    *,
    patients: int = 10,
    structures: tuple[str, ...] = STRUCTURES,
    quality: float = 0.9,
    seed: int = 0,
    with_nsd: bool = True,
) -> Path:
    """Write ``metrics.csv``, ``slices.csv`` and ``summary.json`` as an evaluation of label files does."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = made_up_metrics(patients, structures, quality, seed)
    if not with_nsd:
        metrics["nsd"] = np.nan
    write_tables(folder, metrics, made_up_slices(metrics, seed))
    return folder


def write_tables(folder: Path, metrics: pd.DataFrame, slices: pd.DataFrame) -> None:
    Evaluation({"metrics": metrics, "slices": slices}, made_up_summary(metrics)).write(folder)


def made_up_metrics(patients: int, structures: tuple[str, ...], quality: float, seed: int) -> pd.DataFrame:
    # The hearts are the same whatever the seed: it decides how they were predicted.
    hearts, rng = np.random.default_rng(1), np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        for phase in ("ED", "ES"):
            for structure in structures:
                true = float(hearts.uniform(60, 250) * (1 if phase == "ED" or structure == "myo" else 0.5))
                dice = float(np.clip(quality + rng.normal(0, 0.04), 0.05, 0.99))
                predicted = true * float(rng.normal(1.03, 0.06))
                rows.append(
                    {
                        "checkpoint": "predictions", "split": "", "case": f"patient{patient:03d}_{phase}",
                        "group": f"patient{patient:03d}", "phase": phase,
                        "pathology": PATHOLOGIES[patient % len(PATHOLOGIES)], "structure": structure,
                        "dice_scan": dice, "dice_slice": dice - 0.05, "jaccard": dice / (2 - dice),
                        "precision": dice - 0.02, "recall": min(dice + 0.02, 1), "f_measure": dice - 0.01,
                        "hd95_mm": 60 * (1 - dice), "assd_mm": 15 * (1 - dice), "nsd": dice,
                        "volume_error_ml": predicted - true, "volume_error_percent": 100 * (predicted / true - 1),
                        "slices": len(POSITIONS), "volume_predicted_ml": predicted, "volume_true_ml": true,
                        "voxels_predicted": int(predicted * 50), "voxels_true": int(true * 50),
                        "voxels_overlap": int(dice * 25 * (predicted + true)), "voxels": 1_000_000, "failure": "",
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def made_up_slices(metrics: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "checkpoint": row.checkpoint, "split": row.split, "case": row.case, "structure": row.structure,
            "slice": number, "position": position,
            "dice_slice": 1.0 if position == "outside" else float(np.clip(row.dice_slice + rng.normal(0, 0.06), 0, 1)),
            "voxels_predicted": 0 if position == "outside" else 300,
            "voxels_true": 0 if position == "outside" else 310,
            "voxels_overlap": 0 if position == "outside" else 280,
        }
        for row in metrics.itertuples()
        for number, position in enumerate(POSITIONS)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(SLICE_COLUMNS))


def made_up_summary(metrics: pd.DataFrame) -> dict:
    structures = list(dict.fromkeys(metrics["structure"]))
    return {
        "kind": "predictions",
        "checkpoint": "predictions",
        "split": "",
        "chosen_on_these_cases": False,
        "others": [],
        "structures": {name: place for place, name in enumerate(structures, start=1)},
        "rules": RULES,
        "nsd_tolerance_mm": dict.fromkeys(structures, 2.0) if metrics["nsd"].notna().any() else {},
        "groups": {"from": "the names of the files", "count": metrics["group"].nunique()},
        "versions": {"medsize": "0.1.0", "numpy": "2.0"},
        "leaks": [],
        "unevaluated": [],
    }
