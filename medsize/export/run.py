"""From a run to a folder that runs without medsize."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from medsize.errors import InputError
from medsize.export.bundle import inference_config, metadata
from medsize.export.facts import Facts
from medsize.export.onnx_file import check_packages, write_onnx
from medsize.export.pages import license_text, write_page
from medsize.export.trace import build_program, trace
from medsize.files import atomic_folder
from medsize.inference import load_network
from medsize.run_folder import Checkpoint, RunFolder

Format = Literal["bundle", "onnx", "card"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        folder: The folder.
        command: How it is run.
        difference: ONNX only: the largest difference of a probability between onnxruntime and torch.
    """

    folder: Path
    command: str
    difference: float | None = None


def export_run(
    run: RunFolder,
    to: Format,
    output: Path,
    *,
    checkpoint: Checkpoint = "last",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write a run's network as a folder that runs without medsize, whole or not at all.

    Args:
        run: The run.
        to: ``bundle`` (a MONAI Bundle), ``onnx``, or ``card`` (the model card alone, which the others hold too).
        output: The folder to write.
        checkpoint: Which of the run's networks.
        overwrite: Whether a folder that is there may be replaced, if it is such an export.
        progress: Called with the number of steps done and of all.

    Raises:
        InputError: The folder is there already or cannot be written, the run or its checkpoint is missing, a package
            is missing, the images are photos (bundle), or onnxruntime gives other numbers than torch.
    """
    _check_output(output, overwrite=overwrite)
    if to == "onnx":
        check_packages()
    moved = progress or (lambda *_: None)
    moved(0, 3)
    network = load_network(run, checkpoint, torch.device("cpu"))
    facts = Facts.of(run, checkpoint)
    data = facts.config.data
    if to == "bundle" and data.preprocessing.name == "photo":
        raise InputError("a bundle reads NIfTI volumes, and this run is of photos", remedy="use --to onnx")
    moved(1, 3)
    difference = None
    with atomic_folder(output) as folder:
        write_page(folder / "MODEL_CARD.md", facts)
        if to != "card":
            (folder / "LICENSE").write_text(license_text(), encoding="utf-8")
            program = build_program(network, data.preprocessing)
            exported = trace(program, data.preprocessing, data.channels)
            moved(2, 3)
        if to == "bundle":
            for name in ("configs", "models", "docs"):
                (folder / name).mkdir()
            torch.export.save(exported, folder / "models" / "model.pt2")
            for name, content in (("inference", inference_config(facts)), ("metadata", metadata(facts))):
                text = json.dumps(content, indent=2) + "\n"
                (folder / "configs" / f"{name}.json").write_text(text, encoding="utf-8")
            write_page(folder / "docs" / "README.md", facts)
        if to == "onnx":
            path = folder / "model.onnx"
            difference = write_onnx(path, program, exported, data.preprocessing, data.channels, facts.about())
    moved(3, 3)
    return Exported(output, _command(to, output), difference)


def _check_output(output: Path, *, overwrite: bool) -> None:
    if not output.exists() and not output.is_symlink():
        if output.suffix == ".onnx":
            raise InputError(f"{output} would be a folder", remedy="name a folder with -o; model.onnx is put into it")
        return
    if not overwrite:
        raise InputError(f"{output} is there already", remedy="choose another folder with -o, or add --overwrite")
    if not (output / "MODEL_CARD.md").is_file():
        raise InputError(
            f"{output} is not replaced",
            expected="a folder that 'medsize export' wrote",
            found="no MODEL_CARD.md in it",
            remedy="choose another folder with -o",
        )


def _command(to: Format, output: Path) -> str:
    if to == "bundle":
        return (
            f"cd {output} && python -m monai.bundle run --config_file configs/inference.json "
            "--dataset_dir FOLDER_OF_NIFTI --output_dir FOLDER"
        )
    if to == "onnx":
        return f"onnxruntime.InferenceSession('{output / 'model.onnx'}'), as in docs/how-to/export.md"
    return f"read {output / 'MODEL_CARD.md'}"
