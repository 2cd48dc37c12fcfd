"""Seeds, size targets, bounds, tags and labels grown from them as MONAI transforms, for anybody's ``Compose``."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform
from monai.utils.misc import ensure_tuple_rep
from monai.utils.type_conversion import convert_to_dst_type, convert_to_numpy
from numpy.typing import NDArray

from medsize.config.supervision import Bounds, CommonBounds, ErosionSeeds
from medsize.errors import InputError
from medsize.supervision.bounds import make_bounds
from medsize.supervision.grow import grow
from medsize.supervision.rng import NOISE, SEEDS, rng_for
from medsize.supervision.seeds import MaskSeeds, make_seeds
from medsize.supervision.size_targets import NoiseOn, exact_sizes, noisy_sizes
from medsize.supervision.tags import tags_from_sizes

Data = dict[Hashable, Any]


class Seedsd(MapTransform):
    """Make seeds from a label of class indices.

    The label is (1, *spatial) or (*spatial), 2-D or 3-D, an array or a tensor. The seeds have its shape and kind and
    are uint8: the class of each seed pixel, 255 elsewhere.

    A random choice depends on ``seed`` and on the label alone: an image has the same seeds in every epoch, worker and
    cache, as if drawn once before training. So the transform is deterministic to MONAI, and may be cached.

    Args:
        keys: Labels.
        seeds: The kind of seeds.
        output_keys: Where the seeds go, one a label.
        seed: Of random seeds.
        allow_missing_keys: Skip labels that are not there.

    Raises:
        InputError: When applied to something else than class indices.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        seeds: MaskSeeds | None = None,
        output_keys: KeysCollection = "seeds",
        seed: int = 0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.seeds = seeds or ErosionSeeds()
        self.output_keys = ensure_tuple_rep(output_keys, len(self.keys))
        self.seed = seed

    def __call__(self, data: Mapping[Hashable, Any]) -> Data:
        """Add the seeds."""
        result = dict(data)
        for key, output in self.key_iterator(result, self.output_keys):
            label = _classes(result[key], key)
            seeds = make_seeds(self.seeds, label, _rng_for(self.seed, SEEDS, label)).reshape(result[key].shape)
            result[output] = convert_to_dst_type(seeds, result[key], dtype=np.uint8)[0]
        return result


class SizeTargetd(MapTransform):
    """Measure the size of every class on a label of class indices, exactly or with the papers' noise.

    The size target is (K,) float32, fractions that sum to 1, background first. Its noise depends on ``seed`` and on
    the label alone, as it is drawn once before training ("Approximate Size Targets", P0 eq. 15).

    Args:
        keys: Labels, (1, *spatial) or (*spatial), 2-D or 3-D, arrays or tensors; 255 is unknown.
        classes: K, background included.
        noise: Nominal mean relative error, e.g. 0.08.
        noise_on: ``"all"``, or ``"foreground"`` for no noise on the background.
        domain_key: Where the domain is, True inside the image and False on padding, if there is padding.
        output_keys: Where the size targets go, one a label.
        seed: Of the noise.
        allow_missing_keys: Skip labels that are not there.

    Raises:
        InputError: When applied to something else than indices of these classes.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        classes: int,
        noise: float = 0.0,
        noise_on: NoiseOn = "all",
        domain_key: Hashable | None = None,
        output_keys: KeysCollection = "size_target",
        seed: int = 0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.classes = classes
        self.noise = noise
        self.noise_on: NoiseOn = noise_on
        self.domain_key = domain_key
        self.output_keys = ensure_tuple_rep(output_keys, len(self.keys))
        self.seed = seed

    def __call__(self, data: Mapping[Hashable, Any]) -> Data:
        """Add the size targets."""
        result = dict(data)
        for key, output in self.key_iterator(result, self.output_keys):
            label = _classes(result[key], key, self.classes)
            domain = None
            if self.domain_key is not None:
                domain = _array(result[self.domain_key]).astype(bool).reshape(label.shape)
            sizes = exact_sizes(label, self.classes, domain)
            if self.noise > 0:
                sizes = noisy_sizes(sizes[None], self.noise, _rng_for(self.seed, NOISE, label), self.noise_on)[0]
            result[output] = torch.from_numpy(sizes).float()
        return result


class SizeBoundsd(MapTransform):
    """Put bounds around size targets, for a size barrier.

    Args:
        keys: Size targets, (K,), background first.
        bounds: Common to all images, or individual.
        output_keys: Where the bounds go, (K, 2) float32, one a size target.
        allow_missing_keys: Skip size targets that are not there.
    """

    def __init__(
        self,
        keys: KeysCollection = "size_target",
        *,
        bounds: Bounds | None = None,
        output_keys: KeysCollection = "size_bounds",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.bounds = bounds or CommonBounds()
        self.output_keys = ensure_tuple_rep(output_keys, len(self.keys))

    def __call__(self, data: Mapping[Hashable, Any]) -> Data:
        """Add the bounds."""
        result = dict(data)
        for key, output in self.key_iterator(result, self.output_keys):
            bounds = make_bounds(self.bounds, _array(result[key])[None])[0]
            result[output] = torch.from_numpy(bounds).float()
        return result


class Tagsd(MapTransform):
    """Tell from size targets which classes are present.

    Args:
        keys: Size targets, (K,), background first.
        output_keys: Where the tags go, (K,) bool, one a size target.
        allow_missing_keys: Skip size targets that are not there.
    """

    def __init__(
        self,
        keys: KeysCollection = "size_target",
        *,
        output_keys: KeysCollection = "tags",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.output_keys = ensure_tuple_rep(output_keys, len(self.keys))

    def __call__(self, data: Mapping[Hashable, Any]) -> Data:
        """Add the tags."""
        result = dict(data)
        for key, output in self.key_iterator(result, self.output_keys):
            result[output] = torch.from_numpy(tags_from_sizes(_array(result[key])[None])[0])
        return result


class GrowSeedsd(MapTransform):
    """Grow seeds to size targets: labels that are certain, and a ring left open where the sizes may be wrong.

    The labels have the shape and kind of the seeds and are uint8, 255 where undecided: see
    :func:`~medsize.supervision.grow.grow`.

    Args:
        keys: Seeds, (1, *spatial) or (*spatial), 2-D or 3-D, arrays or tensors; 255 is unlabelled.
        size_keys: Size targets, (K,), background first, one for each key; NaN is unknown.
        tolerance: A size is one of ± this.
        image_key: Where the image is, (C, *spatial) in [0, 1], to grow along it; without one, growth goes straight.
        contrast: Along an image: how many radii of a structure a change of intensity by 1 on the way counts as.
        domain_key: Where the domain is, True inside the image and False on padding, if there is padding.
        spacing: Of the pixels along each axis. By default that of seeds with MONAI's metadata, else all alike.
        output_keys: Where the labels go, one for each key.
        allow_missing_keys: Skip seeds that are not there.

    Raises:
        InputError: When applied to something else than seeds with sizes for their classes.
    """

    def __init__(
        self,
        keys: KeysCollection = "seeds",
        *,
        size_keys: KeysCollection = "size_target",
        tolerance: float = 0.2,
        image_key: Hashable | None = None,
        contrast: float = 10.0,
        domain_key: Hashable | None = None,
        spacing: Sequence[float] | None = None,
        output_keys: KeysCollection = "pseudo_label",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.size_keys = ensure_tuple_rep(size_keys, len(self.keys))
        self.tolerance = tolerance
        self.image_key = image_key
        self.contrast = contrast
        self.domain_key = domain_key
        self.spacing = spacing
        self.output_keys = ensure_tuple_rep(output_keys, len(self.keys))

    def __call__(self, data: Mapping[Hashable, Any]) -> Data:
        """Add the labels."""
        result = dict(data)
        for key, size_key, output in self.key_iterator(result, self.size_keys, self.output_keys):
            seeds, sizes = _classes(result[key], key), _array(result[size_key]).astype(np.float64)
            spacing = getattr(result[key], "pixdim", None) if self.spacing is None else self.spacing
            labels = grow(
                seeds,
                sizes * (1 - self.tolerance),
                sizes * (1 + self.tolerance),
                domain=None
                if self.domain_key is None
                else _array(result[self.domain_key]).astype(bool).reshape(seeds.shape),
                spacing=None if spacing is None else np.asarray(spacing, np.float64)[: seeds.ndim],
                image=None if self.image_key is None else _array(result[self.image_key]),
                contrast=self.contrast,
            )
            result[output] = convert_to_dst_type(labels.reshape(result[key].shape), result[key], dtype=np.uint8)[0]
        return result


def _array(values: Any) -> NDArray[Any]:
    array: NDArray[Any] = convert_to_numpy(values)
    return array


def _classes(label: Any, key: Hashable, classes: int = 255) -> NDArray[np.uint8]:
    """The label as uint8 class indices (*spatial), without a channel axis."""
    array = _array(label)
    # An image of one row does not exist, a label of one channel always does in MONAI's pipelines.
    spatial = array[0] if array.ndim > 2 and array.shape[0] == 1 else array
    if spatial.ndim not in (2, 3):
        raise InputError(
            f"'{key}' is not a label of class indices",
            expected="(1, *spatial) or (*spatial), 2-D or 3-D",
            found=f"shape {array.shape}",
            remedy="turn one-hot channels into indices first (AsDiscreted(argmax=True))",
        )
    values = np.unique(spatial)
    wrong = values[~np.isin(values, [*range(classes), 255])]
    if wrong.size:
        raise InputError(
            f"'{key}' holds values that are not classes",
            expected=f"whole numbers from 0 to {classes - 1}, or 255 where unknown",
            found=", ".join(f"{value:g}" for value in wrong[:8]),
            remedy="map the label's values to class indices first (MapLabelValued)",
        )
    return spatial.astype(np.uint8)


def _rng_for(seed: int, purpose: int, label: NDArray[np.uint8]) -> np.random.Generator:
    return rng_for(seed, purpose, np.ascontiguousarray(label).tobytes())
