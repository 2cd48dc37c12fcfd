"""``medsize train``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.console import say

CONFIG_HELP = (
    "A preset (acdc, acdc_cpu, acdc_all, acdc_clicks, acdc_volumes, acdc_full, hippocampus, phantom, voc, coco, …) "
    "or a YAML file."
)


def train(
    config: Annotated[str | None, typer.Argument(help=CONFIG_HELP, show_default=False)] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    structure: Annotated[
        list[str] | None, typer.Option(help="Structure to segment (lv, rv, myo, or all); repeat for several.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Mean relative error of the sizes, e.g. 0.08 for 8 %. Without it: exact sizes.")
    ] = None,
    sizes: Annotated[Path | None, typer.Option(help="CSV of sizes, instead of sizes measured on masks.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="ImageNet weights of the encoder (.safetensors or .pth).")
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Fold that is held out.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; default runs/CONFIG-DATE-TIME.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any key of the configuration, e.g. training.epochs=50; repeat for several."),
    ] = None,
) -> None:
    """Train a network, evaluate it on the held-out cases and write the report.

    Ctrl-C saves; **medsize train --resume RUN** goes on, and ends with the same weights.
    """
    import shlex

    from medsize.cli.overrides import training_overrides
    from medsize.config.loading import load_config
    from medsize.run_folder import RunFolder

    if config is None and resume is None:
        raise typer.BadParameter("give a preset or a YAML file, e.g. medsize train acdc --data-root PATH")
    if noise is not None and sizes is not None:
        raise typer.BadParameter("--noise goes with sizes measured on masks, --sizes brings its own: give one")
    if resume is not None and output is not None:
        raise typer.BadParameter("--resume goes on in the run's own folder: leave out --output")
    overrides = training_overrides(
        data_root=data_root,
        structure=structure,
        noise=noise,
        sizes=sizes,
        weights=weights,
        fold=fold,
        seed=seed,
        assignments=assignments,
    )
    started = RunFolder.existing(resume) if resume else None
    name = config or str(started.config if started else "")
    settings = load_config(name, overrides)

    from medsize.training import InterruptedTraining, resume_run, start_run
    from medsize.training.processes import is_first

    try:
        run = resume_run(started, settings) if started else start_run(settings, output or _new_folder(name))
    except InterruptedTraining as interrupted:
        folder = shlex.quote(str(interrupted.run.path))
        say(f"stopped and saved; go on with: medsize train --resume {folder}")
        raise typer.Exit(130) from None
    if is_first():  # of several processes, one evaluates
        _evaluate(run.path, settings.training.device)


def _new_folder(name: str) -> Path:
    from datetime import datetime

    return Path("runs") / f"{Path(name).stem}-{datetime.now():%Y%m%d-%H%M%S}"


def _evaluate(run: Path, device: str) -> None:
    from medsize.cli.evaluate import evaluate

    evaluate(run, device=device)
