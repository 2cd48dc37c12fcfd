"""Tables of sizes on a terminal, and as JSON."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medsize.supervision.size_table.check import Check, Finding
from medsize.supervision.size_table.compare import BIN, Comparison, histogram
from medsize.text import printable

_PIPED_WIDTH = 160
_MOST_SHOWN = 200
_BAR = 50


def show_check(check: Check, cases: int) -> None:
    """Print what a check has found: the findings, what the table covers, and a line that sums up.

    Args:
        check: The result.
        cases: Number of cases of the data.
    """
    console = output_console()
    if check.findings:
        table = Table("", "row", "about", "finding")
        for finding in check.findings[:_MOST_SHOWN]:
            table.add_row(*_cells(finding))
        console.print(table)
        if len(check.findings) > _MOST_SHOWN:
            console.print(f"and {len(check.findings) - _MOST_SHOWN} more; --json lists all", highlight=False)
    if check.structures:
        table = Table("structure", *(f"{name}" for name in _COVERAGE))
        for structure, covered in check.structures.items():
            table.add_row(_as_text(structure), *(_number(name, getattr(covered, name)) for name in _COVERAGE.values()))
        console.print(table)
    errors, warnings = len(check.of("error")), len(check.of("warning"))
    named = [name for name in check.raters if name]
    raters = f", raters: {printable(', '.join(named))}" if named else ""
    console.print(
        f"{check.rows} sizes, {check.blank} blank rows, {cases} cases in the data{raters}: "
        f"{_count(errors, 'error')}, {_count(warnings, 'warning')}",
        markup=False,
        highlight=False,
    )


def check_as_json(check: Check) -> str:
    """Return what a check has found, as JSON; what is not known is null."""
    return json.dumps(
        {
            "errors": [dataclasses.asdict(finding) for finding in check.of("error")],
            "warnings": [dataclasses.asdict(finding) for finding in check.of("warning")],
            "structures": {name: _plain(dataclasses.asdict(covered)) for name, covered in check.structures.items()},
            "raters": check.raters,
            "rows": check.rows,
            "blank": check.blank,
        },
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )


def show_summary(summary: pd.DataFrame) -> None:
    """Print the summary of a table of sizes."""
    table = Table(*(name.replace("_", " ") for name in summary.columns))
    for line in summary.itertuples(index=False):
        table.add_row(*(_as_text(cell) if isinstance(cell, str) else _short(cell) for cell in line))
    output_console().print(table)


def show_comparison(comparison: Comparison) -> None:
    """Print the errors of each structure, their histogram, and what could not be compared."""
    console = output_console()
    structures = comparison.structures()
    table = Table("structure", *(name.replace("_", " ") for name in structures.columns))
    for name, line in structures.iterrows():
        numbers = zip(structures.columns, line, strict=True)
        table.add_row(
            _as_text(str(name)),
            *(_short(value) if "_in_" in of or of == "items" else _percent(of, value) for of, value in numbers),
        )
    console.print(table)
    edges, shares = histogram(comparison.errors["relative_error"].dropna())
    for edge, share in zip(edges, shares, strict=True):
        bar = "█" * round(_BAR * share / max(shares)) or ("▏" if share else "")
        console.print(f"{edge + BIN / 2:+7.0%} {bar} {f'{share:.0%}' if share else ''}".rstrip(), highlight=False)
    left_out = [
        (comparison.only_given, "only in the first table"),
        (comparison.only_reference, "only in the second"),
        (comparison.incomparable, "in units that need --data to be compared"),
    ]
    if told := [f"{count} {what}" for count, what in left_out if count]:
        console.print(f"left out: {', '.join(told)}", highlight=False)


def frame_as_json(frame: pd.DataFrame, **more: object) -> str:
    """Return a table as JSON, with other values beside it; what is not known is null."""
    rows = [_plain(row) for row in frame.to_dict(orient="records")]
    return json.dumps({"rows": rows, **more} if more else rows, indent=2, ensure_ascii=False, allow_nan=False)


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _percent(of: str, value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.1%}" if of == "bias" else f"{value:.1%}"


def output_console() -> Console:
    """Return the console of standard output; wide when piped, so that no line breaks."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


_COVERAGE = {
    "cases": "cases",
    "slices": "slices",
    "of all cases": "share",
    "absent": "absent",
    "ranges": "ranges",
    "several raters": "several_raters",
    "median spread": "median_spread",
    "largest": "largest_spread",
}


def _cells(finding: Finding) -> tuple[Text, Text, Text, Text]:
    style = "red" if finding.severity == "error" else "yellow"
    row = "" if finding.row is None else str(finding.row)
    return Text(finding.severity, style), Text(row), _as_text(finding.about), _as_text(finding.message)


def _as_text(text: str) -> Text:
    """A text of other people: neither markup nor what would act on the terminal."""
    return Text(printable(text))


def _number(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.0%}" if name in ("share", "median_spread", "largest_spread") else str(value)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
