"""``medsize annotate``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from medsize.cli.overrides import training_overrides

DATA_HELP = "A folder in the ACDC layout, a manifest (CSV), or a preset or YAML file that says which data."


def annotate(
    data: Annotated[str, typer.Argument(help=DATA_HELP, show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the annotations; goes on if it is there.")],
    structure: Annotated[list[str] | None, typer.Option(help="Structure; repeat for several, or all.")] = None,
    level: Annotated[
        Literal["slice", "volume"], typer.Option(help="Ask about every slice, or about whole cases in mL.")
    ] = "slice",
    practice: Annotated[
        bool, typer.Option("--practice", help="Tell raters how far off they are, on cases with labels.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order.")] = 0,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set, with a preset or YAML file.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Any key of the configuration.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on. Any but the default lets others in.")] = "127.0.0.1",
) -> None:
    """Give sizes and seeds by looking: a page in the browser of this machine.

    **medsize sizes from-annotations** makes a table and seed files of the answers. Ctrl-C ends; every answer that the
    page accepted is on disk.
    """
    from medsize.annotation import open_session
    from medsize.annotation.cases import find_data
    from medsize.console import say, show
    from medsize.errors import InputError

    try:
        from medsize.annotation.serve import LOCAL, serve
    except ModuleNotFoundError as error:
        raise InputError(
            "the annotation page needs packages that are not installed",
            expected="FastAPI and uvicorn",
            found=f"no {error.name}",
            remedy="pip install 'medsize[annotate]'",
        ) from error

    found = find_data(data, structure or (), training_overrides(data_root=data_root, assignments=assignments))
    session = open_session(
        output, found.cases, found.labels, found.structures, level=level, seed=seed, practice=practice
    )
    if host != LOCAL:
        say(f"warning: other machines can reach {host}; whoever has the address sees the images, unencrypted")
    what = "scans" if level == "volume" else "slices"
    say(f"{len(session.items)} {what} of {len(session.cases)} cases; answers go to {session.folder}; Ctrl-C ends")
    serve(session, host=host, port=port, announce=show)
