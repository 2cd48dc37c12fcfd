"""The program as ONNX, believed only after onnxruntime has given torch's numbers."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from torch.export import ExportedProgram

from medsize.config.data import Preprocessing
from medsize.errors import InputError
from medsize.export.trace import free_axes, known_warnings, sample_inputs

TOLERANCE = 1e-4
_CHECKS = ((1, (216, 256)), (3, (33, 20)), (5, (130, 101)))
"""Planes at a time and their size, when the file is compared with torch."""


def check_packages() -> None:
    """Refuse before any work where the extra ``onnx`` is missing.

    Raises:
        InputError: A package is not installed.
    """
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]
    if missing:
        raise InputError(
            "ONNX needs packages that are not installed",
            expected="onnx, onnxruntime and onnxscript",
            found=f"no {', '.join(missing)}",
            remedy="pip install 'medsize[onnx]'",
        )


def write_onnx(
    path: Path,
    program: nn.Module,
    exported: ExportedProgram,
    preprocessing: Preprocessing,
    channels: int,
    about: Mapping[str, object],
) -> float:
    """Write a traced program as ONNX and compare it with torch at several sizes and batches.

    Args:
        path: File to write.
        program: What was traced.
        exported: The traced program.
        preprocessing: The run's.
        channels: Of the images.
        about: What the file says of itself (``metadata_props``); what is not text becomes JSON.

    Returns:
        The largest difference of a probability from torch's.

    Raises:
        InputError: onnxruntime gives other numbers; the file is removed.
    """
    names = ["planes", "spacing_mm"] if preprocessing.name == "physical" else ["planes"]
    with known_warnings():
        converted = torch.onnx.export(
            exported,
            dynamo=True,
            verbose=False,
            input_names=names,
            output_names=["probabilities"],
            dynamic_shapes=free_axes(preprocessing),
        )
    if converted is None:
        raise RuntimeError("torch wrote no ONNX program")
    converted.model.metadata_props.update(
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in about.items()}
    )
    converted.save(path)
    difference = _largest_difference(path, program, preprocessing, channels)
    if not difference <= TOLERANCE:
        path.unlink()
        raise InputError(
            "the exported network gives other probabilities in onnxruntime than in torch",
            expected=f"differences up to {TOLERANCE:g}",
            found=f"{difference:g}",
            remedy="update torch, onnxscript and onnxruntime (pip install -U 'medsize[onnx]'), or export a bundle",
        )
    return difference


@torch.no_grad()
def _largest_difference(path: Path, program: nn.Module, preprocessing: Preprocessing, channels: int) -> float:
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    differences = []
    for batch, shape in _CHECKS:
        inputs = sample_inputs(preprocessing, channels, batch=batch, shape=shape, spacing_mm=1.5)
        (found,) = session.run(None, {name: each.numpy() for name, each in zip(names, inputs, strict=True)})
        differences.append(np.abs(found - program(*inputs).numpy()).max())
    return float(np.max(differences))
