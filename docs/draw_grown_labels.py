"""Draw the picture of ``explanation/how-sizes-teach-a-network.md``: labels grown from seeds to a size, on the phantom.

python docs/draw_grown_labels.py
"""

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from medsize.data.sources.phantom import write_phantom
from medsize.supervision.grow import grow
from medsize.supervision.seeds import erosion_seeds
from medsize.supervision.settle_by_intensity import settle_by_intensity

PICTURE = Path(__file__).parent / "explanation" / "grown-labels.png"
PATIENT = "patient003"
SLICE = 4
LV = 3
TOLERANCE = 0.3
PLACE = 10.0
MARGIN = 14
"""Pixels around the ventricle that are shown."""


def draw(path: Path) -> None:
    """Draw the picture as a PNG."""
    image, label = _slice()
    seeds = erosion_seeds(label, iterations=4)
    size = np.array([np.nan, label.mean()])
    domain, spacing = np.ones(label.shape, np.bool_), np.ones(2)
    grown = grow(seeds, (1 - TOLERANCE) * size, (1 + TOLERANCE) * size)
    settled = settle_by_intensity(grown, image[None], size, size, domain=domain, spacing=spacing, place=PLACE)
    dice = 2 * np.count_nonzero((settled == 1) & (label == 1)) / (np.count_nonzero(settled == 1) + label.sum())

    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots(1, 4)
    rows, columns = np.nonzero(label)
    window = (
        slice(max(rows.min() - MARGIN, 0), rows.max() + MARGIN),
        slice(max(columns.min() - MARGIN, 0), columns.max() + MARGIN),
    )
    titles = ("seeds", "certain and undecided", "settled by intensity", f"beside the mask: Dice {dice:.2f}")
    for panel, title in zip(axes, titles, strict=True):
        panel.imshow(image[window], cmap="gray", vmin=0, vmax=1)
        panel.set_title(title, fontsize=10)
        panel.set_axis_off()
    _paint(axes[0], seeds[window] == 1, "#E69F00")
    _paint(axes[1], grown[window] == 1, "#009E73")
    _paint(axes[1], grown[window] == 255, "#F0E442")
    _paint(axes[2], settled[window] == 1, "#009E73")
    _paint(axes[3], settled[window] == 1, "#009E73")
    axes[3].contour(label[window], levels=[0.5], colors="#D55E00", linewidths=1.5)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _slice() -> tuple[np.ndarray, np.ndarray]:
    """Return a slice of the phantom, intensities in [0, 1], and the mask of its left ventricle."""
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(Path(folder) / "phantom", patients=3, seed=0)
        scan = Path(folder) / "phantom" / "training" / PATIENT / f"{PATIENT}_frame01.nii.gz"
        image = np.asarray(nib.load(scan).dataobj)[..., SLICE].T
        label = np.asarray(nib.load(scan.with_name(f"{PATIENT}_frame01_gt.nii.gz")).dataobj)[..., SLICE].T
    return (image / image.max()).clip(0, 1), (label == LV).astype(np.uint8)


def _paint(panel: Axes, mask: np.ndarray, colour: str) -> None:
    panel.imshow(np.ma.masked_where(~mask, mask), cmap=ListedColormap([colour]), alpha=0.55, interpolation="nearest")


if __name__ == "__main__":
    draw(PICTURE)
