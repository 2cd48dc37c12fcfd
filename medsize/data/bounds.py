"""How much of a file is read: what its header announces, if that can be in it and if there is memory for it."""

from collections.abc import Sequence
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Final

import psutil

from medsize.errors import InputError

MOST_PLANES: Final = 5000
"""Planes of a volume; 3 m of CT in slices of 0.6 mm."""

MOST_FRAMES: Final = 1000
"""Time frames of a file."""

_DEFLATE: Final = 1032
"""How many bytes one byte of gzip can become at most."""

_BESIDE: Final = 6
"""Bytes a voxel beside those of the file: the values as float32, a check of them, a label."""

_REST: Final = 1 << 20
"""What may follow the voxels; some programs fill the last block."""


def check_bounds(shape: Sequence[int], voxel_bytes: int, path: Path, room: int | None) -> None:
    """Refuse a file by its header alone if it cannot be read whole.

    Args:
        shape: Voxels along X, Y, Z and T, as far as there are any.
        voxel_bytes: Of one voxel in the file.
        path: The file.
        room: How many bytes of voxels the file can hold at most, if that is known.

    Raises:
        InputError: It has no voxels, too many planes or time frames, fewer bytes than it announces, or its voxels
            need more memory than there is.
    """
    what = f"{path} announces {' × '.join(map(str, shape))} voxels"
    if not all(size > 0 for size in shape):
        raise InputError(what, expected="at least one along every axis", remedy="copy or convert the file again")
    planes, frames = ([*shape, 1, 1, 1][axis] for axis in (2, 3))
    if planes > MOST_PLANES or frames > MOST_FRAMES:
        raise InputError(
            what,
            expected=f"at most {MOST_PLANES:,} planes (Z) and {MOST_FRAMES:,} time frames",
            found=f"{planes:,} planes, {frames:,} time frames",
            remedy="check the order of its axes, or divide it into several files",
        )
    announced = prod(map(int, shape)) * voxel_bytes
    if room is not None and announced > room:
        raise InputError(
            f"{path} cannot be read",
            expected=f"{announced:,} bytes of voxels, as its header announces ({' × '.join(map(str, shape))})",
            found=f"{room:,} bytes at most: the file is truncated, or its header is damaged",
            remedy="copy or convert the file again",
        )
    needed = announced + _BESIDE * announced // voxel_bytes
    free = psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"{what}, more than fit into memory",
            expected=f"images that need up to the {free / 1e9:.3g} GB that are free",
            found=f"{needed / 1e9:.3g} GB needed",
            remedy="check its header, cut it to the part that matters, or use a machine with more memory",
        )


def most_unpacked(file_bytes: int) -> int:
    """Return how many bytes a gzip file can unpack to."""
    return _DEFLATE * file_bytes


def read_exactly(stream: BufferedIOBase, into: memoryview) -> None:
    """Fill memory from a stream.

    Raises:
        EOFError: The stream ends before.
    """
    filled = 0
    while filled < len(into):
        count = stream.readinto(into[filled:])
        if not count:
            raise EOFError
        filled += count


def skip(stream: BufferedIOBase, count: int) -> None:
    """Pass over bytes of a stream that cannot seek.

    Raises:
        EOFError: The stream ends before.
    """
    while count:
        passed = len(stream.read(min(count, _REST)))
        if not passed:
            raise EOFError
        count -= passed


def read_rest(stream: BufferedIOBase, path: Path) -> None:
    """Read a compressed stream to its end, where the checksum is, as long as what is left is little.

    Raises:
        InputError: More follows than the header announced.
    """
    left = _REST
    while passed := len(stream.read(min(left + 1, 1 << 16))):
        left -= passed
        if left < 0:
            raise InputError(
                f"{path} unpacks to more than its header announces",
                expected=f"at most {_REST:,} bytes after the voxels",
                found="more",
                remedy="copy or convert the file again",
            )
