"""Tables of sizes on a terminal, and as JSON."""

import dataclasses
import json
import math
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from medsize.supervision.size_table.check import Check, Finding

_PIPED_WIDTH = 160


def show_check(check: Check, cases: int) -> None:
    """Print what a check has found: the findings, what the table covers, and a line that sums up.

    Args:
        check: The result.
        cases: Number of cases of the data.
    """
    console = output_console()
    if check.findings:
        table = Table("", "row", "about", "finding")
        for finding in check.findings:
            table.add_row(*_cells(finding))
        console.print(table)
    if check.structures:
        table = Table("structure", *(f"{name}" for name in _COVERAGE))
        for structure, covered in check.structures.items():
            table.add_row(Text(structure), *(_number(name, getattr(covered, name)) for name in _COVERAGE.values()))
        console.print(table)
    errors, warnings = len(check.of("error")), len(check.of("warning"))
    named = [name for name in check.raters if name]
    raters = f", raters: {', '.join(named)}" if named else ""
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
    return Text(finding.severity, style), Text(row), Text(finding.about), Text(finding.message)


def _number(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.0%}" if name in ("share", "median_spread", "largest_spread") else str(value)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
