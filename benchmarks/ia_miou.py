"""How long IA-mIoU and mIoU take on as many masks as PASCAL VOC's validation set has, of their size.

The masks are synthetic: ellipses of 20 classes with void borders; predictions are moved, and false in patches. The peer
labels every class of the prediction and of the reference by scipy and loops over the instances, on some of the masks.

python benchmarks/ia_miou.py [--masks 1449] [--processes 2]
"""

import argparse
import time
from functools import partial

import numpy as np
from scipy import ndimage

from medsize.evaluation.photo_scores import score_photo
from medsize.evaluation.processes import in_processes

HEIGHT, WIDTH, CLASSES = 375, 500, 21
VALUES = {f"class {number}": number for number in range(1, CLASSES)}


def make(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A prediction and its reference."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    reference = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(random.integers(1, 6)):
        radius = np.exp(random.uniform(np.log(8), np.log(150)))
        down, right = random.integers(HEIGHT), random.integers(WIDTH)
        inside = ((rows - down) / radius) ** 2 + ((columns - right) / (radius * random.uniform(0.5, 1.5))) ** 2 < 1
        reference[inside] = random.integers(1, CLASSES)
    border = ndimage.morphological_gradient(reference, size=5) > 0
    prediction = np.roll(reference, random.integers(-8, 9, size=2), (0, 1))
    false = np.kron(random.random((24, 32)) < 0.03, np.ones((16, 16), bool))[:HEIGHT, :WIDTH]
    prediction[false] = random.integers(1, CLASSES)
    reference[border] = 255
    return prediction, reference


def per_class(prediction: np.ndarray, reference: np.ndarray) -> list[float]:
    """IoU of each instance by a loop over classes, instances and regions."""
    valid, found = reference != 255, []
    for number in range(CLASSES):
        objects, count = ndimage.label(reference == number, np.ones((3, 3)))
        objects, count = (reference == number, 1) if number == 0 else (objects, count)
        regions, _ = ndimage.label(prediction == number, np.ones((3, 3)))
        for instance in range(1, count + 1):
            mask, assigned, overlap = objects == instance, 0.0, 0
            for region in np.unique(regions[mask & (regions > 0)]):
                inside = (regions == region) & valid
                on_objects, here = (inside & (objects > 0)).sum(), (inside & mask).sum()
                assigned += inside.sum() * here / on_objects
                overlap += here
            found.append(overlap / (assigned + mask.sum() - overlap))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--masks", type=int, default=1449)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    pairs = [make(seed) for seed in range(options.masks)]
    few = pairs[:20]
    ours, peer = [], []
    for pair in few:
        start = time.perf_counter()
        score = score_photo(*pair, VALUES)
        middle = time.perf_counter()
        expected = per_class(*pair)
        ours.append(middle - start)
        peer.append(time.perf_counter() - middle)
        np.testing.assert_allclose(np.sort(score.instances.ious), np.sort(expected), atol=1e-12)
    print(f"one mask, median of {len(few)}: {1e3 * np.median(ours):.1f} ms", end="")
    print(f"; a loop over classes and instances: {1e3 * np.median(peer):.1f} ms; ratio {sum(peer) / sum(ours):.1f}")
    start = time.perf_counter()
    count = sum(1 for _ in in_processes(partial(_score, VALUES), pairs, options.processes))
    print(f"{count} masks in {options.processes} processes: {time.perf_counter() - start:.1f} s")


def _score(values: dict[str, int], pair: tuple[np.ndarray, np.ndarray]) -> int:
    return len(score_photo(*pair, values).instances.ious)


if __name__ == "__main__":
    main()
