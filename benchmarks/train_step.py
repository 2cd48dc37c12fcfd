"""How fast a training step is: medsize's own against a plain float32 PyTorch loop over the same network.

    python benchmarks/train_step.py [--batch 12] [--size 256] [--steps 8]

Both train MobileNetV2-DeepLabV3+ from the same weights on the same slices with partial cross entropy and size targets,
SGD with momentum, in turn in one process; the figure is the median over the steps. The plain loop is what one would
write first: contiguous float32 tensors, the soft-max and its average by hand. medsize's step is the one of
``medsize train``: reading the batch from the slice store, augmentation, mixed precision where the machine gains, the
objective. What the two losses alone cost is printed beside.
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional as F

from medsize.config.training import Augmentation
from medsize.data.augmentation import augment
from medsize.inference.precision import resolve_precision
from medsize.losses import Objective, PartialCrossEntropyLoss, Prediction, SizeTargetLoss
from medsize.networks import DeepLabV3Plus

LEARNING_RATE, MOMENTUM = 0.005, 0.9


def plain_step(network: nn.Module, images: np.ndarray, seeds: np.ndarray, sizes: np.ndarray) -> Callable[[int], None]:
    """Return a step of the loop that one would write first."""
    optimiser = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def step(_number: int) -> None:
        image, seed, size = torch.from_numpy(images), torch.from_numpy(seeds).long(), torch.from_numpy(sizes)
        probs = F.softmax(network(image), 1)
        pce = F.nll_loss(torch.log(probs), seed, ignore_index=255)
        average = probs.mean((2, 3))
        kl = (size * torch.log(size / average)).sum(1).mean()
        optimiser.zero_grad()
        (pce + kl).backward()
        optimiser.step()

    return step


def medsize_step(
    network: nn.Module, folder: Path, seeds: np.ndarray, sizes: np.ndarray, precision: torch.dtype
) -> Callable[[int], None]:
    """Return a step as ``medsize train`` takes it."""
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if precision == torch.bfloat16 else "no")
    network = network.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
    network, optimiser = accelerator.prepare(network, sgd)
    objective = Objective({"seeds": (1.0, PartialCrossEntropyLoss()), "size": (1.0, SizeTargetLoss())})

    def step(number: int) -> None:
        images = np.load(folder / "images.npy", mmap_mode="r")[np.arange(len(seeds))]
        batch = {key: torch.from_numpy(value) for key, value in (("image", images), ("seeds", seeds))}
        batch["size_target"] = torch.from_numpy(sizes)
        batch = augment(batch, Augmentation(), seed=0, step=number)
        with accelerator.autocast():
            logits = network(batch["image"])
        value = objective(Prediction(logits), batch)
        optimiser.zero_grad()
        accelerator.backward(value.total)
        optimiser.step()

    return step


def milliseconds(step: Callable[[int], None], number: int) -> float:
    """Return the wall time of one call."""
    began = time.perf_counter()
    step(number)
    return 1000 * (time.perf_counter() - began)


def losses_alone(batch: int, size: int, seeds: np.ndarray, sizes: np.ndarray) -> float:
    """Return the wall time of both losses and their gradient, in milliseconds."""
    logits = torch.randn(batch, 2, size, size, requires_grad=True)
    objective = Objective({"seeds": (1.0, PartialCrossEntropyLoss()), "size": (1.0, SizeTargetLoss())})
    target = {"seeds": torch.from_numpy(seeds), "size_target": torch.from_numpy(sizes)}
    times = [milliseconds(lambda _: objective(Prediction(logits), target).total.backward(), 0) for _ in range(7)]
    return statistics.median(times)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    images = rng.random((options.batch, 1, options.size, options.size), np.float32)
    seeds = np.full((options.batch, options.size, options.size), 255, np.uint8)
    seeds[:, 120:125, 120:125] = 1
    sizes = np.tile(np.array([0.987, 0.013], np.float32), (options.batch, 1))
    torch.manual_seed(0)
    network = DeepLabV3Plus(in_channels=1, classes=2)
    precision = resolve_precision("auto", torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "images.npy", images)
        steps = {
            "plain": plain_step(copy.deepcopy(network).train(), images, seeds, sizes),
            "medsize": medsize_step(copy.deepcopy(network).train(), Path(folder), seeds, sizes, precision),
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        for number in range(options.steps + 2):  # the first two warm up
            for name, step in steps.items():
                times[name].append(milliseconds(step, number))
    plain, ours = (statistics.median(times[name][2:]) for name in ("plain", "medsize"))
    alone = losses_alone(options.batch, options.size, seeds, sizes)
    print(f"{torch.get_num_threads()} threads, batch {options.batch} of {options.size}², {options.steps} steps in turn")
    print(f"plain float32, contiguous      {plain:8.0f} ms a step")
    print(f"medsize, {str(precision).removeprefix('torch.'):8s} channels-last {ours:8.0f} ms a step")
    print(f"medsize is                     {plain / ours:8.2f} x as fast")
    print(f"size target + partial CE alone {alone:8.1f} ms, {alone / ours:.1%} of medsize's step")


if __name__ == "__main__":
    main()
