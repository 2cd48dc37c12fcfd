"""Classes of the network and values of the source's label files, either way."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from medsize.config.data import DataConfig
from medsize.data.sources import labels_of, resolve_structures


def label_values(config: DataConfig) -> dict[str, int]:
    """Return the value of every structure that the source's label files can hold."""
    return labels_of(config.source)


def structure_values(config: DataConfig) -> dict[str, int]:
    """Return the value that each structure of a run has in the source's label files, in class order.

    Raises:
        InputError: A structure is not one of the source's.
    """
    known = label_values(config)
    return {name: known[name] for name in resolve_structures(config.structures, known)}


def to_source_values(classes: NDArray[np.uint8], values: Mapping[str, int]) -> NDArray[np.uint8]:
    """Return class indices as the values that the source's own label files use, e.g. 3 for ACDC's LV.

    Args:
        classes: Class indices, any shape.
        values: Structure to its value, in class order.
    """
    return np.array([0, *values.values()], np.uint8)[classes]


def to_classes(label: NDArray[np.uint8], values: Mapping[str, int]) -> NDArray[np.uint8]:
    """Return the values of a source's label file as class indices; structures not segmented are background.

    Args:
        label: Values, any shape.
        values: Structure to its value, in class order.
    """
    classes = np.zeros(256, np.uint8)
    classes[list(values.values())] = np.arange(1, len(values) + 1)
    return classes[label]
