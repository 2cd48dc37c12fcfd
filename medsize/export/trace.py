"""From a run's network to a traced program."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from medsize.config.data import Preprocessing
from medsize.export.program import PaperProgram, PhotoProgram, PhysicalProgram

Inputs = tuple[Tensor, ...]


def build_program(network: nn.Module, preprocessing: Preprocessing) -> nn.Module:
    """Return a network with the way to the slices that it was trained on, ready to be traced.

    Args:
        network: Maps (B, C, size, size) to logits (B, K, size, size), on the CPU; it is changed.
        preprocessing: The run's.
    """
    network.requires_grad_(False)
    for weight in network.parameters():  # the memory format of training is no part of an export
        weight.data = weight.data.contiguous()
    if preprocessing.name == "physical":
        return PhysicalProgram(network, preprocessing.size, preprocessing.spacing_mm).eval()
    if preprocessing.name == "photo":
        return PhotoProgram(network, preprocessing.size).eval()
    return PaperProgram(network, preprocessing.size).eval()


def sample_inputs(
    preprocessing: Preprocessing, channels: int, *, batch: int, shape: tuple[int, int], spacing_mm: float = 1.4
) -> Inputs:
    """Return random planes of a size, with the spacing where the program wants one."""
    generator = torch.Generator().manual_seed(0)
    shape = (preprocessing.size, preprocessing.size) if preprocessing.name == "photo" else shape
    planes = torch.rand((batch, channels, *shape), generator=generator)
    if preprocessing.name == "physical":
        return planes, torch.tensor([spacing_mm, 1.1 * spacing_mm])
    return (planes,)


@torch.no_grad()
def trace(program: nn.Module, preprocessing: Preprocessing, channels: int) -> ExportedProgram:
    """Trace a program: any number of planes, of any size (photos: of the network's).

    Args:
        program: As :func:`build_program` returns it.
        preprocessing: The run's.
        channels: Of the images.

    Returns:
        The program without the traces of the source code that torch keeps, in which there are local paths.
    """
    inputs = sample_inputs(preprocessing, channels, batch=2, shape=(40, 56))
    with known_warnings():
        exported = torch.export.export(program, inputs, dynamic_shapes=free_axes(preprocessing))
    for module in exported.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return exported


def free_axes(preprocessing: Preprocessing) -> tuple[dict[int, Dim] | None, ...]:
    """Return the axes of each input that may have any length."""
    planes = {0: Dim("batch", min=1)}
    if preprocessing.name == "photo":
        return (planes,)
    planes |= {2: Dim("x", min=2), 3: Dim("y", min=2)}
    return (planes, None) if preprocessing.name == "physical" else (planes,)


@contextmanager
def known_warnings() -> Iterator[None]:
    """Leave out what torch 2.13 says about its own code while exporting; everything else is heard."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)  # it misses torchvision, whose operators no network here uses
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\)", FutureWarning)
            yield
    finally:
        registration.setLevel(level)
