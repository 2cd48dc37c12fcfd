"""The option ``--separator`` of commands that write a CSV."""

import typer

SEPARATOR_HELP = (
    "Between the cells of a CSV: ',', ';' (decimals then have commas, as European spreadsheets do) or 'tab'."
)


def separator_of(text: str) -> str:
    """Return the separator that an option names.

    Raises:
        BadParameter: It names none.
    """
    separator = "\t" if text in ("tab", r"\t") else text
    if separator not in (",", ";", "\t"):
        raise typer.BadParameter("expected ',', ';' or 'tab'", param_hint="--separator")
    return separator
