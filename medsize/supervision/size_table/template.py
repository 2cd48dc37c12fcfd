"""A table for people to fill in, and how to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.files import write_text
from medsize.supervision.size_table.columns import COLUMNS, PHASE
from medsize.supervision.size_table.entry import Unit
from medsize.supervision.size_table.write import INSTRUCTIONS, Value, write_rows


def write_template(
    path: Path,
    cases: Sequence[Case],
    structures: Sequence[str],
    *,
    slices: Mapping[str, int] | None = None,
    unit: Unit,
    separator: str = ",",
) -> int:
    """Write a table with one row a case and structure, or a slice and structure, whose sizes are blank.

    The instructions are a text file beside a CSV, and the second sheet of an ``.xlsx``.

    Args:
        path: The CSV or ``.xlsx`` to write.
        cases: Who gets rows.
        structures: What gets rows.
        slices: Number of slices of each case, for one row a slice; None for one a case.
        unit: Filled in already.
        separator: Between the cells of a CSV.

    Returns:
        How many rows were written.

    Raises:
        InputError: There is a file already, which somebody may have filled in, or the place cannot be written to.
    """
    excel = path.suffix.lower() == ".xlsx"
    beside = instructions_path(path)
    for file in [path] if excel else [path, beside]:
        if file.exists():
            raise InputError(f"{file} is there already", remedy="name another file, or move it away")
    phases = any(case.phase for case in cases)
    header = [*COLUMNS[:2], PHASE, *COLUMNS[2:]] if phases else list(COLUMNS)
    rows = [
        _row(header, case, number, structure, unit)
        for case in cases
        for number in (range(slices[case.id]) if slices else [None])
        for structure in structures
    ]
    text = _instructions(structures, unit, per_slice=slices is not None, separator=separator)
    sheet = [[line] for line in text.splitlines()]
    write_rows(path, header, rows, separator=separator, more_sheets={INSTRUCTIONS: sheet})
    if not excel:
        write_text(beside, text)
    return len(rows)


def instructions_path(path: Path) -> Path:
    """Return where the instructions of a CSV are."""
    return path.with_name(f"{path.stem}-instructions.txt")


def _row(header: Sequence[str], case: Case, number: int | None, structure: str, unit: Unit) -> list[Value]:
    joined = case.frame is not None and case.id == f"{case.group}_frame{case.frame:02d}"
    cells: dict[str, Value] = {
        "case": case.group if joined else case.id,
        "frame": case.frame if joined else None,
        PHASE: case.phase,
        "slice": number,
        "structure": structure,
        "unit": unit,
    }
    return [cells.get(column) for column in header]


def _instructions(structures: Sequence[str], unit: Unit, *, per_slice: bool, separator: str) -> str:
    decimals = "decimal commas (12,5)" if separator == ";" else "decimals as your spreadsheet shows them"
    where = (
        "Slices count from 0: slice 0 is the first of the file. Viewers that count from 1 call it 1."
        if per_slice
        else "Each row is a whole scan. For the size on one slice, write its number, from 0, in 'slice'."
    )
    return f"""\
How to fill in this table of sizes

Write how large each structure is, roughly: an error of 10 or 20 % does little harm, a slip of the comma does.
Structures: {", ".join(structures)}

value        The size, e.g. 140. "~140" and "ca. 140" are fine. 0 where the structure is absent.
low, high    If you would rather give a range, or both a value and its range. One end alone is fine too.
             "120-150" in 'value' also works, but a spreadsheet may turn "3-5" into a date: use low and high.
unit         Filled in as {unit}. Others: ml (= cm3), mm3 or voxels of a whole scan; mm2, cm2 or pixels of a slice;
             percent or fraction of the whole image; cells 5x4 or cells 3x3: how many cells of a grid over the slice.
rater        Your name or initials, if several people give sizes. Give each rater rows of their own:
             several rows about the same scan, slice and structure are several opinions, and they are averaged.
seconds      How long it took, if you measure it.
note         Anything.

Leave a row blank where you do not know: blank is "unknown", 0 is "absent".
{where}
Do not change case, frame, slice and structure. More rows, other columns and another order do no harm.
Write {decimals}. Save as .xlsx, or as CSV with any separator.

Then:  medsize sizes check FILE --data DATA
       medsize train CONFIG --sizes FILE
"""
