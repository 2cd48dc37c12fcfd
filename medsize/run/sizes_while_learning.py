"""``sizes_while_learning.safetensors``: what a run's network made of its training slices while it learned."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from medsize.errors import InputError
from medsize.run_folder import RunFolder


def write_sums(path: Path, sums: Mapping[str, NDArray[np.number]]) -> None:
    """Write the sums that :func:`read_sums` reads."""
    save_file(dict(sums), path)


def read_sums(run: RunFolder) -> dict[str, NDArray[np.number]] | None:
    """Read ``fractions``, (N, K) sums of the predicted sizes of every slice, and ``times``, (N,), over how many epochs.

    Returns:
        None if the run did not write them down: it was given no sizes that may be wrong.

    Raises:
        InputError: The file is damaged.
    """
    path = run.sizes_while_learning
    if not path.is_file():
        return None
    try:
        sums = load_file(path)
        return {name: sums[name] for name in ("fractions", "times")}
    except (SafetensorError, OSError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read", found=str(error), remedy="copy the run folder again, whole, or start a new run"
        ) from error


def read_sizes_while_learning(run: RunFolder) -> NDArray[np.float64] | None:
    """Read the sizes that the network predicted of every slice on average over the epochs.

    Returns:
        Fractions of Ω, (N, K), a row a slice of the store, NaN where it was never predicted whole; or None, as
        :func:`read_sums`.

    Raises:
        InputError: The file is damaged.
    """
    sums = read_sums(run)
    if sums is None:
        return None
    with np.errstate(invalid="ignore"):
        return np.asarray(sums["fractions"] / sums["times"][:, None], np.float64)
