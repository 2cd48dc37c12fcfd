"""How fast and how exact the dense CRF loss is, value and gradient, on real images.

    python benchmarks/crf.py [--data ../shared/data] [--repeats 15] [--exact 3]

12 ACDC slices (128², one channel) and 12 ECSSD photos (256², colour), with 2 and with 21 classes, σ 15 of 255 and 50
pixels, float32. Times are the shortest of the repeats, in units of one product of two 2048 × 2048 float32 matrices in
the same run, so that they compare across machines. The peer's figures are of the well-known C++ permutohedral lattice
(-O3 -march=native, OpenMP, two cores, filtering alone, three-channel features), given in the same unit.

``--exact N`` compares N images of each set with the sum over all pairs (half a minute a photo), medsize's engine beside
such a lattice (``lattice.py``): error of the energy, for masks and for soft predictions, and cosine of the gradients.

With CUDA, also the exact kernel: time, memory and error for 12 photos with 21 classes, and its share of the limit.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK
import torch
from lattice import lattice_filter
from torch import Tensor
from torch.nn import functional as F

from medsize.losses import Features, dense_crf, gaussian_filter
from medsize.losses.gaussian_filter.low_rank import TOLERANCE, landmarks

SIGMA_SPACE, SIGMA_INTENSITY = 50.0, 15 / 255
LATTICE = {("ACDC", 2): 0.5, ("ACDC", 21): 2.2, ("ECSSD", 2): 3.7, ("ECSSD", 21): 11.3}


def shortest(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of a call in seconds."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def resized(image: Tensor, size: int, mode: str) -> Tensor:
    """Return an image (C, H, W) at size × size pixels."""
    return F.interpolate(image[None], (size, size), mode=mode)[0]


def acdc(data: Path, number: int) -> tuple[Tensor, Tensor]:
    """Return the middle slice of every eighth patient, (N, 1, 128, 128) in [0, 1], and masks of the left ventricle."""
    images, masks = [], []
    for patient in range(1, 8 * number + 1, 8):
        path = sorted((data / "acdc/training" / f"patient{patient:03d}").glob("*_gt.nii.gz"))[0]
        label = torch.from_numpy(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)).astype("float32"))
        volume = torch.from_numpy(
            SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path).replace("_gt", ""))).astype("float32")
        )
        volume = (volume - volume.min()) / (volume.max() - volume.min())
        middle = len(volume) // 2
        images.append(resized(volume[middle : middle + 1], 128, "bilinear"))
        masks.append(resized((label[middle : middle + 1] == 3).float(), 128, "nearest")[0])
    return torch.stack(images), torch.stack(masks)


def ecssd(data: Path, number: int) -> tuple[Tensor, Tensor]:
    """Return photos, (N, 3, 256, 256) in [0, 1], and their masks."""
    images, masks = [], []
    paths = sorted((data / "ecssd/images").iterdir())
    for path in paths[:: len(paths) // number][:number]:
        photo = torch.from_numpy(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)).astype("float32") / 255)
        mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(next((data / "ecssd/masks").glob(path.stem + ".*"))))
        photo = photo.movedim(-1, 0) if photo.ndim == 3 else photo.expand(3, -1, -1)
        images.append(resized(photo, 256, "bilinear"))
        mask = torch.from_numpy(mask.astype("float32"))
        masks.append((resized((mask if mask.ndim == 2 else mask[..., 0])[None], 256, "nearest")[0] > 127).float())
    return torch.stack(images), torch.stack(masks)


def predictions(masks: Tensor, classes: int) -> Tensor:
    """Return soft predictions (N, K, H, W): blurred masks under slow random changes."""
    generator = torch.Generator().manual_seed(0)
    coarse = 2 * torch.randn(len(masks), classes, *(n // 8 for n in masks.shape[1:]), generator=generator)
    logits = F.interpolate(coarse, masks.shape[1:], mode="bilinear")
    logits[:, 1] += 6 * F.avg_pool2d(masks[:, None], 5, 1, 2)[:, 0] - 3
    return logits.softmax(1)


def value_and_gradient(probs: Tensor, image: Tensor, sigma_intensity: float) -> Callable[[], object]:
    """Return a call that computes the loss and its gradient."""
    probs = probs.clone().requires_grad_()

    def run() -> None:
        probs.grad = None
        dense_crf(probs, image, sigma_space=SIGMA_SPACE, sigma_intensity=sigma_intensity).backward()

    return run


def print_errors(image: Tensor, probs: Tensor, sigma_intensity: float) -> None:
    """Print how far the engine and the lattice are from all pairs."""
    features = Features.of_image(image, sigma_space=SIGMA_SPACE, sigma_intensity=sigma_intensity)
    by_lattice = [
        lattice_filter(points.double().numpy(), values.flatten(1).T.double().numpy()).T
        for points, values in zip(features.points, probs, strict=True)
    ]
    energies, gradients = {}, {}
    for name, filtered in (
        ("exact", gaussian_filter(features, probs, engine="exact")),
        ("low rank", gaussian_filter(features, probs, engine="low_rank")),
        ("lattice", torch.from_numpy(np.stack(by_lattice)).reshape(probs.shape)),
    ):
        energies[name] = (probs * (filtered.sum(1, keepdim=True) - filtered)).flatten(1).sum(1)
        gradients[name] = (filtered - filtered.mean(1, keepdim=True)).flatten(1).double()
    for name in ("low rank", "lattice"):
        energy = (energies[name] / energies["exact"] - 1).abs().max()
        cosine = torch.cosine_similarity(gradients[name], gradients["exact"], dim=1).min()
        print(f"    {name}: energy off by {energy:.1%} at most, cosine of the gradients {cosine:.4f} at least")


def on_cuda(image: Tensor, masks: Tensor, repeats: int) -> None:
    """Print time, memory and error of the exact kernel, and its share of what the chip can do."""
    image, probs = image.cuda(), predictions(masks, 21).cuda()
    call = value_and_gradient(probs, image, SIGMA_INTENSITY)

    def run() -> None:
        call()
        torch.cuda.synchronize()

    run()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    seconds = shortest(run, repeats)
    extra = (torch.cuda.max_memory_allocated() - before) / 2**20
    features = Features.of_image(image[:1], sigma_space=SIGMA_SPACE, sigma_intensity=SIGMA_INTENSITY)
    found = gaussian_filter(features, probs[:1])
    exact = gaussian_filter(Features(features.intensity.double(), features.steps), probs[:1].double())
    chip = torch.cuda.get_device_properties(0)
    clock = chip.clock_rate * 1e3  # Hz
    pairs = len(image) * image[0, 0].numel() ** 2
    exponentials = pairs / (16 * chip.multi_processor_count * clock)
    products = 6 * pairs / (128 * chip.multi_processor_count * clock)
    print(f"{chip.name}, 12 photos of 256², K = 21, exact: {1e3 * seconds:.1f} ms, {extra:.0f} MiB beyond the inputs")
    print(f"  relative error {float((found - exact).norm() / exact.norm()):.1e}")
    print(
        f"  limits: exponentials {1e3 * exponentials:.1f} ms (16 a cycle and multiprocessor), "
        f"float32 arithmetic {1e3 * products:.1f} ms; reached: {max(exponentials, products) / seconds:.0%}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("MEDSIZE_TEST_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=data, help="folder with acdc/ and ecssd/")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument(
        "--exact", type=int, default=0, metavar="N", help="images of each set to compare with all pairs"
    )
    arguments = parser.parse_args()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    matrix = torch.randn(2048, 2048)
    # Three channels alike at σ are one at σ/√3, so ACDC's affinities are those of the peer.
    sets = {
        "ACDC": (*acdc(arguments.data, 12), SIGMA_INTENSITY / 3**0.5),
        "ECSSD": (*ecssd(arguments.data, 12), SIGMA_INTENSITY),
    }
    for name, (image, masks, sigma_intensity) in sets.items():
        features = Features.of_image(image, sigma_space=SIGMA_SPACE, sigma_intensity=sigma_intensity)
        ranks = [len(landmarks(one.flatten(1).T, TOLERANCE)) for one in features.intensity]
        print(f"{name}: 12 images of {image.shape[2]}², {min(ranks)} to {max(ranks)} landmarks")
        for classes in (2, 21):
            unit = shortest(lambda: matrix @ matrix, 20)
            run = value_and_gradient(predictions(masks, classes), image, sigma_intensity)
            ratio = shortest(run, arguments.repeats) / unit
            lattice = LATTICE[name, classes]
            print(
                f"  K = {classes}: {ratio:.2f} units of {1e3 * unit:.0f} ms; "
                f"the lattice {lattice}: {ratio / lattice:.2f} of its time"
            )
        if arguments.exact:
            some = slice(None, None, 12 // arguments.exact)
            hard = torch.stack([1 - masks, masks], 1)
            for kind, probs in (("masks", hard), ("soft predictions", predictions(masks, 2))):
                print(f"  {kind}, {len(image[some])} images against all pairs:")
                print_errors(image[some], probs[some], sigma_intensity)
    if torch.cuda.is_available():
        on_cuda(*sets["ECSSD"][:2], arguments.repeats)


if __name__ == "__main__":
    main()
