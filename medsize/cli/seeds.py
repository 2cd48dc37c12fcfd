"""``medsize seeds``."""

from pathlib import Path
from typing import Annotated

import typer

seeds = typer.Typer(no_args_is_help=True, help="Seeds, as files.")


@seeds.callback()
def _group() -> None:
    """Keep ``cues`` a command of a group while it is the only one."""


@seeds.command()
def cues(
    run: Annotated[Path, typer.Argument(help="A run trained on tags, e.g. of voc_tags.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the cues, one file a training case.")],
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="A class has cues where it has this part of its greatest probability.")
    ] = 0.2,
    background: Annotated[
        float, typer.Option(min=0, max=1, help="Part of each slice, the least salient, that is background.")
    ] = 0.1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Write where a network sees the classes of each training case: seeds for another training (SEC)."""
    from medsize.run_folder import RunFolder

    folder = RunFolder.existing(run)

    from medsize.console import progress_bar, show
    from medsize.inference.cues import write_cues

    with progress_bar("Writing cues") as moved:
        shares = write_cues(folder, output, threshold=threshold, background=background, device=device, progress=moved)
    show(f"cues in {output}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items() if share))
    show(f"use them with --set 'supervision.seeds={{kind: cues, folder: {output}}}'")
