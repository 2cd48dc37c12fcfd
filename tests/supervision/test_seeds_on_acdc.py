"""The published counts of the size-constraint authors' seeds and sizes, on real ACDC."""

import re
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from matplotlib.image import imread

from medsize.data.geometry import paper_grid
from medsize.data.sources import paper_validation_cases
from medsize.supervision.seeds import erosion_seeds

pytestmark = pytest.mark.real_data

LV = 3


def lv_slices(folder: Path, case: str) -> np.ndarray:
    """The left ventricle of a case on 256 × 256 slices, (256, 256, Z)."""
    label = np.asarray(nib.load(folder / "acdc" / "training" / case.split("_")[0] / f"{case}_gt.nii.gz").dataobj)
    return paper_grid(label.shape[:2], 256).resample((label == LV).astype(np.uint8), order=0)


def pixel_counts(folder: Path, *, validation: bool) -> tuple[np.ndarray, np.ndarray]:
    """The LV's pixels and those of its seeds on every slice of one side of the paper's split."""
    held_out = set(paper_validation_cases())
    every = [path.name.removesuffix("_gt.nii.gz") for path in folder.glob("acdc/training/*/*_gt.nii.gz")]
    sizes, seeds = [], []
    for case in sorted(every):
        if (case in held_out) == validation:
            for plane in np.moveaxis(lv_slices(folder, case), -1, 0):
                sizes.append(np.count_nonzero(plane))
                seeds.append(np.count_nonzero(erosion_seeds(plane) == 1))
    return np.array(sizes), np.array(seeds)


def test_training_slices_have_the_published_sizes_and_seeds(real_data: Path) -> None:
    sizes, seeds = pixel_counts(real_data, validation=False)
    positive = sizes > 0
    assert (len(sizes), np.count_nonzero(~positive)) == (1674, 83)
    assert (seeds > 0).tolist() == positive.tolist()
    assert np.median(seeds[positive]) == 14
    assert round(seeds[positive].mean()) == 88
    assert round(100 * sizes[positive].mean() / 256**2, 3) == 1.346
    assert np.median(sizes[positive]) == 795
    assert [round(value) for value in np.percentile(sizes[positive], [5, 95])] == [76, 1998]
    assert (sizes[positive].min(), sizes.max()) == (6, 3255)


def test_validation_slices_have_the_published_number_of_negatives(real_data: Path) -> None:
    sizes, _ = pixel_counts(real_data, validation=True)
    assert (len(sizes), np.count_nonzero(sizes == 0)) == (228, 11)


def authors_seeds(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The mask on the authors' grid of 256 × 256, and the seeds that they shipped."""
    labels: dict[str, np.ndarray] = {}
    for path in sorted((folder / "acdc_seeds_midl2018").glob("*.png")):
        patient, frame, number = re.fullmatch(r"patient(\d+)_(\d+)_(\d+)", path.stem).groups()
        case = f"patient{patient}_frame{frame}"
        if case not in labels:
            file = folder / "acdc" / "training" / f"patient{patient}" / f"{case}_gt.nii.gz"
            labels = {case: np.asarray(nib.load(file).dataobj)}
        mask = labels[case][::-1, ::-1, int(number) - 1] == LV
        # They pad one pixel less before than half of what is missing, so that the image is off the centre by one.
        before = [(256 - side) // 2 - (side < 256) for side in mask.shape]
        after = [256 - side - pad for side, pad in zip(mask.shape, before, strict=True)]
        yield np.pad(mask, list(zip(before, after, strict=True))), imread(path)[..., 0] > 0


def test_the_authors_own_files_are_erosions_in_larger_steps(real_data: Path) -> None:
    """The files of 2018 are the first of 10, 7 and 3 erosions that leaves something, else nothing."""
    count = 0
    for mask, shipped in authors_seeds(real_data):
        label = mask.astype(np.uint8)
        ours = next((core for n in (10, 7, 3) if (core := eroded(label, n)).any()), np.zeros_like(mask))
        np.testing.assert_array_equal(shipped, ours)
        count += 1
    assert count == 1394


def eroded(label: np.ndarray, iterations: int) -> np.ndarray:
    """A mask after exactly so many erosions: the seeds, if that many leave something."""
    seeds, fewer = (erosion_seeds(label, n) == 1 for n in (iterations, iterations - 1))
    return seeds if np.count_nonzero(seeds) < np.count_nonzero(fewer) else np.zeros_like(seeds)
