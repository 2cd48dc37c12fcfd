"""How large and how fast each network is, beside MobileNetV2-DeepLabV3+.

    python benchmarks/networks.py [--batch 2] [--size 128] [--steps 3] [NAME …]

Parameters are those of the whole network for 21 classes. Multiply-adds are counted by PyTorch's own counter on one
image of 512², on the meta device. Times are medians of a forward pass without gradients, and of a training step's
forward and backward pass, in the memory format and precision of ``medsize train``; each network takes turns with
MobileNetV2-DeepLabV3+, and what is printed is the ratio of the two. They are processor time on one thread, so that
other work on the machine counts little.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import get_args

import torch
from pydantic import TypeAdapter
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from medsize.config.network import NetworkConfig
from medsize.inference.precision import resolve_precision

PEER = "mobilenetv2_deeplabv3plus"
NAMES = [
    name for model in get_args(get_args(NetworkConfig)[0]) for name in get_args(model.model_fields["name"].annotation)
]


def build(name: str) -> nn.Module:
    """Return a network of a configuration's name, for photos and 21 classes."""
    return TypeAdapter(NetworkConfig).validate_python({"name": name}).build(in_channels=3, classes=21)


def count(name: str) -> tuple[int, int]:
    """Return the parameters, and the multiply-adds for one image of 512²."""
    with torch.device("meta"):
        network = build(name).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.rand(1, 3, 512, 512))
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2


def passes(name: str, batch: int, size: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return a forward pass, and a forward and backward pass."""
    network = build(name).to(memory_format=torch.channels_last)
    image = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    precision = resolve_precision("auto", torch.device("cpu"))
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16)

    def forward() -> None:
        network.eval()
        with torch.inference_mode(), autocast:
            network(image)

    def train() -> None:
        network.train().zero_grad()
        with autocast:
            logits = network(image)
        logits.square().mean().backward()

    return forward, train


def seconds(work: Callable[[], None]) -> float:
    """Return the processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    peer = passes(PEER, options.batch, options.size)
    print(f"One thread, batch {options.batch} of {options.size}², {options.steps} steps in turn")
    print(f"{'network':28s} {'parameters':>12s} {'G multiply-adds':>16s} {'forward':>9s} {'training':>9s}")
    for name in options.names or NAMES:
        parameters, multiply_adds = count(name)
        ratios = []
        for theirs, ours in zip(peer, passes(name, options.batch, options.size), strict=True):
            times = [(seconds(theirs), seconds(ours)) for _ in range(options.steps + 1)][1:]  # the first warms up
            ratios.append(statistics.median(b for _, b in times) / statistics.median(a for a, _ in times))
        row = f"{name:28s} {parameters:12,d} {multiply_adds / 1e9:16.1f} {ratios[0]:8.1f}x {ratios[1]:8.1f}x"
        print(row, flush=True)


if __name__ == "__main__":
    main()
