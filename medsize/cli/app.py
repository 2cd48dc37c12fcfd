"""The commands together, and what becomes of errors."""

import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from medsize import __version__
from medsize.cli.annotate import annotate
from medsize.cli.compare import compare
from medsize.cli.data import data
from medsize.cli.evaluate import evaluate
from medsize.cli.export import export
from medsize.cli.info import info
from medsize.cli.predict import predict
from medsize.cli.report import report
from medsize.cli.seeds import seeds
from medsize.cli.sizes import sizes
from medsize.cli.train import train
from medsize.cli.weights import weights
from medsize.errors import InputError
from medsize.failures import is_out_of_memory, no_memory, refused
from medsize.text import printable


class _Commands(TyperGroup):
    """The commands, and the two ways to end one that Typer would not explain."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from None
        except EOFError as error:  # Typer would take it for an unanswered question and say "Aborted."
            raise RuntimeError(f"a file ended too early: {error}") from error


app = typer.Typer(
    name="medsize",
    cls=_Commands,
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
app.command()(compare)
app.command()(export)
app.add_typer(data, name="data")
app.add_typer(sizes, name="sizes")
app.add_typer(seeds, name="seeds")
app.add_typer(weights, name="weights")
app.command()(annotate)
app.command()(info)


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed with one message, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know fewer letters than there are
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if os.environ.get("MEDSIZE_DEBUG"):
            raise
        sys.stderr.write(f"error: {printable(_explain(error))}\n")
        sys.exit(1)


def _explain(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    if is_out_of_memory(error):
        return str(no_memory("this takes more memory than there is", error))
    if isinstance(error, OSError) and error.strerror:
        return str(refused(error))
    return f"unexpected {type(error).__name__}: {error}\n  remedy:   run again with --debug for the traceback"
