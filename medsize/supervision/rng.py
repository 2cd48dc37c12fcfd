"""Random draws that depend on what they are for, not on what was drawn before."""

import zlib
from typing import Final

import numpy as np

SEEDS: Final = 0
NOISE: Final = 1


def rng_for(seed: int, purpose: int, *of: str | int | bytes) -> np.random.Generator:
    """Return the generator for one thing, e.g. one case: the same whatever is drawn for others, and in any order.

    Args:
        seed: The run's seed.
        purpose: Keeps draws for different purposes apart: ``SEEDS`` or ``NOISE``.
        of: What the draws are for; text and bytes count by their CRC-32.
    """
    keys = [
        part if isinstance(part, int) else zlib.crc32(part.encode() if isinstance(part, str) else part) for part in of
    ]
    return np.random.default_rng([seed, purpose, *keys])
