"""The commands together, and what becomes of errors."""

import os
import sys
from typing import Annotated

import typer

from medsize import __version__
from medsize.cli.data import data
from medsize.cli.evaluate import evaluate
from medsize.cli.info import info
from medsize.cli.predict import predict
from medsize.cli.report import report
from medsize.cli.sizes import sizes
from medsize.cli.train import train
from medsize.errors import InputError

app = typer.Typer(
    name="medsize",
    help="Train segmentation networks from approximate sizes and a few seed pixels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"medsize {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001  # acts through its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["MEDSIZE_DEBUG"] = "1"


app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(report)
app.add_typer(data, name="data")
app.add_typer(sizes, name="sizes")
app.command()(info)


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed with one message, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("MEDSIZE_DEBUG"):
            raise
        message, code = _explain(error)
        sys.stderr.write(f"error: {message}\n")
        sys.exit(code)


def _explain(error: BaseException) -> tuple[str, int]:
    if isinstance(error, InputError):
        return str(error), 1
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    return f"unexpected {type(error).__name__}: {error}\n  remedy:   run again with --debug for the traceback", 1
