"""MONAI dictionary transforms from files to the slices a network sees; each works in any ``Compose``."""
# nibabel and MONAI are typed in part only:
# mypy: allow-untyped-calls

from collections.abc import Collection, Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import ScaleIntensityd
from monai.transforms.transform import MapTransform
from monai.transforms.utility.dictionary import MapLabelValued
from monai.utils.misc import ensure_tuple, ensure_tuple_rep
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.geometry import SliceGrid, grid_for
from medsize.data.volumes import read_label, read_volume


class LoadVolumed(MapTransform):
    """Read image files, and label files that must lie on the grid of the first image, with every check.

    A path becomes a channel-first ``MetaTensor`` (1, X, Y, Z) with its affine (RAS mm): float32 intensities as
    stored, or uint8 labels. A label whose path is None leaves the dictionary.

    Args:
        keys: Keys of image paths.
        label_keys: Keys of label paths.
        allowed: Values that labels may hold besides 0.

    Raises:
        InputError: A file cannot be used; see ``read_volume`` and ``read_label``.
    """

    def __init__(
        self,
        keys: KeysCollection = "image",
        label_keys: KeysCollection = "label",
        *,
        allowed: Collection[int] = range(1, 256),
    ) -> None:
        super().__init__(keys)
        self.label_keys: tuple[Hashable, ...] = ensure_tuple(label_keys)
        self.allowed = allowed

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with volumes in place of paths."""
        found = dict(data)
        images = {key: read_volume(Path(found[key])) for key in self.keys}
        first = next(iter(images.values()))
        for key, image in images.items():
            found[key] = _meta_tensor(image.array, image.metric_affine)
        for key in self.label_keys:
            path = found.pop(key, None)
            if path is not None:
                label = read_label(Path(path), first, self.allowed)
                found[key] = _meta_tensor(label.array, first.metric_affine)
        return found


class ToSliceGridd(MapTransform):
    """Bring volumes (1, X, Y, Z) onto the slice grid of a preprocessing: (1, H, W, Z), affine included.

    Padding is 0 in images and 255 in labels. The ``SliceGrid``, which takes predictions back to the case, is put
    into the dictionary as ``grid``.

    Args:
        keys: Keys of volumes on one grid: ``MetaTensor`` with an affine, or tensors (taken as 1 mm spacing).
        preprocessing: How the grid lies on the plane.
        mode: ``bilinear`` (images) or ``nearest`` (labels), one for all keys or one each.
        allow_missing_keys: Whether keys may be absent.

    Raises:
        ValueError: A mode is not known, or a volume does not have the shape (1, X, Y, Z).
    """

    def __init__(
        self,
        keys: KeysCollection,
        preprocessing: PaperPreprocessing | PhysicalPreprocessing,
        *,
        mode: str | tuple[str, ...] = "bilinear",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.preprocessing = preprocessing
        self.modes = ensure_tuple_rep(mode, len(self.keys))
        unknown = sorted(set(self.modes) - {"bilinear", "nearest"})
        if unknown:
            raise ValueError(f"expected mode bilinear or nearest, got {', '.join(unknown)}")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the volumes on the slice grid, and the grid."""
        found = dict(data)
        for key, mode in self.key_iterator(found, self.modes):
            volume = found[key]
            affine = np.asarray(volume.affine) if isinstance(volume, MetaTensor) else np.eye(4)
            grid = found["grid"] = self._grid(tuple(volume.shape), affine)
            planes = grid.resample(np.asarray(volume)[0], 0 if mode == "nearest" else 1)
            found[key] = _meta_tensor(planes, _slice_affine(grid, affine))
        return found

    def _grid(self, shape: tuple[int, ...], affine: NDArray[Any]) -> SliceGrid:
        if len(shape) != 4 or shape[0] != 1:
            raise ValueError(f"expected a volume of shape (1, X, Y, Z), got {shape}")
        x, y, _ = voxel_sizes(affine)
        return grid_for(self.preprocessing, (shape[1], shape[2]), (float(x), float(y)))


def slice_transforms(
    preprocessing: PaperPreprocessing | PhysicalPreprocessing,
    labels: Mapping[str, int],
    structures: tuple[str, ...],
) -> Compose:
    """Return the way from files to slices: read, min-max per volume, slice grid, label values to classes.

    It takes ``{"image": path, "label": path or None}``. The image becomes (1, H, W, Z) float32 in [0, 1], the
    label, if any, (1, H, W, Z) uint8 classes (0 background, i + 1 for ``structures[i]``, 255 padding), and
    ``grid`` is the ``SliceGrid``.

    Args:
        preprocessing: How slices are made.
        labels: Structure name to value, for every value the label files may hold.
        structures: The structures to keep; the others become background.
    """
    classes = dict.fromkeys(labels.values(), 0)
    classes |= {labels[name]: number for number, name in enumerate(structures, start=1)}
    return Compose(
        [
            LoadVolumed("image", "label", allowed=tuple(labels.values())),
            ScaleIntensityd("image", minv=0.0, maxv=1.0),
            ToSliceGridd(("image", "label"), preprocessing, mode=("bilinear", "nearest"), allow_missing_keys=True),
            MapLabelValued("label", list(classes), list(classes.values()), np.uint8, allow_missing_keys=True),
        ]
    )


def _meta_tensor(array: NDArray[Any], affine: NDArray[Any]) -> MetaTensor:
    return MetaTensor(torch.from_numpy(np.ascontiguousarray(array)[None]), affine=torch.tensor(affine))


def _slice_affine(grid: SliceGrid, affine: NDArray[Any]) -> NDArray[Any]:
    to_case = np.diag([*grid.scale, 1.0, 1.0])
    to_case[:2, 3] = grid.offset
    return np.asarray(affine @ to_case)
