"""``medsize data``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medsize.cli.data_build import build
from medsize.cli.overrides import training_overrides

if TYPE_CHECKING:
    from medsize.config.run import RunConfig

data = typer.Typer(no_args_is_help=True, help="Data sets: make a phantom, describe, prepare, build.")
data.add_typer(build, name="build")

Config = Annotated[str, typer.Argument(help="A preset or a YAML file that says which data.", show_default=False)]
Root = Annotated[Path | None, typer.Option(help="Folder of the data set.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="Any key of the configuration.")]


@data.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.", show_default=False)],
    patients: Annotated[int, typer.Option(min=1, max=999, help="How many patients, two frames each.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Write a synthetic data set of short-axis hearts in the ACDC layout."""
    from medsize.console import progress_bar, show
    from medsize.data.sources.phantom import write_phantom

    with progress_bar("Writing the phantom") as moved:
        write_phantom(folder, patients=patients, seed=seed, progress=moved)
    show(f"{folder}: {patients} patients")


@data.command()
def describe(config: Config, data_root: Root = None, assignments: Assignments = None) -> None:
    """Show what a data set holds: cases, shapes, spacings, structures and their volumes."""
    from medsize.console import show
    from medsize.data.describe import describe_cases
    from medsize.data.sources import find_cases

    table = describe_cases(find_cases(_config(config, data_root, assignments).data))
    show(table.to_string())


@data.command()
def prepare(config: Config, data_root: Root = None, assignments: Assignments = None) -> None:
    """Build the slice store ahead of a training."""
    from medsize.console import show
    from medsize.data.prepare import find_split_cases, prepare_slices

    settings = _config(config, data_root, assignments).data
    store = prepare_slices(settings, find_split_cases(settings))
    show(f"{store.path}: {len(store.index)} slices")


def _config(name: str, data_root: Path | None, assignments: list[str] | None) -> "RunConfig":
    from medsize.config.loading import load_config

    return load_config(name, training_overrides(data_root=data_root, assignments=assignments))
