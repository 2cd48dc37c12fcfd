"""PNG files of every kind, written bit by bit, so that nothing of what reads them wrote them."""

import struct
import zlib
from pathlib import Path

import numpy as np

GREY, COLOURS, PALETTE, GREY_ALPHA, COLOURS_ALPHA = 0, 2, 3, 4, 6


def write_png(
    path: Path,
    samples: np.ndarray,
    kind: int,
    bits: int = 8,
    palette: list[tuple[int, int, int]] | None = None,
    opacity: list[int] | None = None,
) -> Path:
    """Write a PNG.

    Args:
        path: The file.
        samples: (H, W) or (H, W, C) numbers below 2 ** bits.
        kind: PNG's colour type.
        bits: Of a sample.
        palette: Red, green and blue of each number.
        opacity: Of each number of the palette.
    """
    height, width, *_ = samples.shape
    rows = samples.reshape(height, -1).astype(np.int64)
    places = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1  # each sample as its bits, the highest first
    packed = np.packbits(places.reshape(height, -1).astype(np.uint8), axis=1)
    content = b"".join(b"\0" + row.tobytes() for row in packed)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))]
    if palette is not None:
        chunks.append((b"PLTE", b"".join(bytes(colour) for colour in palette)))
    if opacity is not None:
        chunks.append((b"tRNS", bytes(opacity)))
    chunks += [(b"IDAT", zlib.compress(content)), (b"IEND", b"")]
    told = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(told))
    return path
