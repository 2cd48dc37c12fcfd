"""``medsize evaluate``."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|PREDICTIONS",
            help="A run folder; or, with --reference, a folder of label files of any tool.",
            show_default=False,
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(help="Labels to compare with: a folder of files CASE or CASE_gt, an ACDC folder, or a manifest."),
    ] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(help="Of PREDICTIONS: a structure and its value in the files, lv=3. Repeat for more."),
    ] = None,
    nsd_tolerance: Annotated[
        list[str] | None,
        typer.Option(help="Tolerance of the NSD in mm, 2, or for each structure, lv=1.5. Without it there is no NSD."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Of PREDICTIONS: folder for tables and report; default PREDICTIONS/report."
        ),
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Of RUN: also measure what predict --tta does, beside the network alone.")
    ] = False,
    keep_largest: Annotated[
        bool, typer.Option("--keep-largest", help="Likewise; several of these three are measured together.")
    ] = False,
    crf: Annotated[bool, typer.Option("--crf", help="Likewise.")] = False,
    device: Annotated[str, typer.Option(help="Of RUN: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Measure a run on its held-out cases, or label files against others: tables, summary.json and the report."""
    from medsize.evaluation.tolerance import parse_tolerances

    tolerance_mm = parse_tolerances(nsd_tolerance or ())
    if reference is None:
        _refuse({"--structure": structure, "--output": output}, "describe label files: name their --reference too")
        _evaluate_run(path, tolerance_mm, {"tta": tta, "keep_largest": keep_largest, "crf": crf}, device)
    else:
        _refuse({"--tta": tta, "--keep-largest": keep_largest, "--crf": crf}, "are for runs: leave out --reference")
        _evaluate_predictions(path, reference, output or path / "report", structure or [], tolerance_mm)


def _evaluate_run(
    path: Path, tolerance_mm: float | dict[str, float] | None, options: dict[str, bool], device: str
) -> None:
    from medsize.console import progress_bar, show
    from medsize.errors import InputError
    from medsize.run_folder import RunFolder

    if path.is_dir() and not RunFolder(path).config.is_file():
        raise InputError(
            f"{path} is not a run",
            expected="a folder written by 'medsize train', holding config.yaml",
            found="no config.yaml in it",
            remedy="to compare label files in it with others, say where those are: --reference FOLDER",
        )
    run = RunFolder.existing(path)

    from medsize.evaluation import evaluate_run, write_report
    from medsize.evaluation.processes import available_cores
    from medsize.inference.options import PredictionOptions

    with progress_bar("Evaluating") as moved:
        evaluation = evaluate_run(
            run,
            device=device,
            options=PredictionOptions(**options),
            nsd_tolerance_mm=tolerance_mm,
            processes=available_cores(),
            progress=moved,
        )
    show(evaluation.describe())
    show(f"report: {write_report(run)}")
    evaluation.check()


def _evaluate_predictions(
    path: Path,
    reference: Path,
    output: Path,
    structures: list[str],
    tolerance_mm: float | dict[str, float] | None,
) -> None:
    from medsize.console import progress_bar, show
    from medsize.errors import InputError
    from medsize.evaluation import evaluate_predictions, write_report
    from medsize.evaluation.processes import available_cores
    from medsize.run_folder import RunFolder

    run = RunFolder(path)
    if run.config.is_file():
        raise InputError(
            f"{path} is a run, and knows its labels",
            remedy=f"leave out --reference, or name its predictions, {run.predictions / 'last'}",
        )
    with progress_bar("Comparing") as moved:
        evaluation = evaluate_predictions(
            path,
            reference,
            output,
            structures=structures,
            nsd_tolerance_mm=tolerance_mm,
            processes=available_cores(),
            progress=moved,
        )
    show(evaluation.describe())
    show(f"report: {write_report(output)}")
    evaluation.check()


def _refuse(options: dict[str, object], why: str) -> None:
    from medsize.errors import InputError

    if given := [name for name, value in options.items() if value]:
        raise InputError(f"{', '.join(given)} cannot be used here: such options {why}")
