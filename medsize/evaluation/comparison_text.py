"""A comparison as a few lines for a terminal."""

import math
from typing import Final

import pandas as pd

from medsize.evaluation.compare import Comparison
from medsize.metrics.signed_rank import SIGNIFICANCE
from medsize.text import printable

_SHOWN: Final = ("dice_scan", "hd95_mm")


def describe_comparison(comparison: Comparison) -> str:
    """Return the figures of each run, the differences between them and what to beware of."""
    lines = [f"{comparison.cases} cases of {comparison.patients} patients that all runs have"]
    lines += [
        f"left out, for not all runs have them: {len(cases)} of {name}" for name, cases in comparison.left_out.items()
    ]
    for measure in _SHOWN:
        if measure in comparison.measures:
            lines += ["", _runs(comparison, measure), "", _differences(comparison, measure)]
    lines += ["", *(f"beware: {warning}" for warning in comparison.warnings)] if comparison.warnings else []
    return printable("\n".join(lines))


def p_words(p: float) -> str:
    """Return a p value as people write it."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _runs(comparison: Comparison, measure: str) -> str:
    rows = []
    for structure in comparison.structures:
        for run in comparison.names:
            found = comparison.statistics[measure, structure, run]
            rows.append(
                {
                    measure: structure,
                    "run": run,
                    "mean": f"{found.mean:.3f}",
                    "95 % interval": f"{found.low:.3f} to {found.high:.3f}",
                    "median [quartiles]": f"{found.median:.3f} [{found.q25:.3f}, {found.q75:.3f}]",
                }
            )
    return pd.DataFrame(rows).to_string(index=False)


def _differences(comparison: Comparison, measure: str) -> str:
    rows = comparison.differences[comparison.differences["measure"] == measure]
    shown = [
        {
            "difference": row["structure"],
            "run − other": f"{row['run']} − {row['other']}",
            "mean": _signed(row["mean_difference"]),
            "95 % interval": "–" if math.isnan(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}",
            "p (Holm)": p_words(row["p_holm"]) + (" *" if row["p_holm"] < SIGNIFICANCE else ""),
        }
        for row in rows.to_dict("records")
    ]
    return pd.DataFrame(shown).to_string(index=False)


def _signed(difference: float) -> str:
    return "–" if math.isnan(difference) else f"{difference:+.3f}"
