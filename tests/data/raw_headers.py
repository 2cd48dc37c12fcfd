"""Image files written byte by byte from their standards, without any library that reads them."""

import gzip
import struct
from pathlib import Path

import numpy as np

DATATYPES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}
_NIFTI_1 = {
    "sizeof_hdr": (0, "i"),
    "dim": (40, "8h"),
    "intent_code": (68, "h"),
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    "pixdim": (76, "8f"),
    "vox_offset": (108, "f"),
    "scl_slope": (112, "f"),
    "scl_inter": (116, "f"),
    "xyzt_units": (123, "B"),
    "descrip": (148, "80s"),
    "aux_file": (228, "24s"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
    "quatern": (256, "3f"),
    "qoffset": (268, "3f"),
    "srow": (280, "12f"),
    "intent_name": (328, "16s"),
    "magic": (344, "4s"),
    "data_type": (4, "10s"),
    "db_name": (14, "18s"),
}
_NIFTI_2 = {
    "sizeof_hdr": (0, "i"),
    "magic": (4, "8s"),
    "datatype": (12, "h"),
    "bitpix": (14, "h"),
    "dim": (16, "8q"),
    "pixdim": (104, "8d"),
    "vox_offset": (168, "q"),
    "scl_slope": (176, "d"),
    "scl_inter": (184, "d"),
    "descrip": (240, "80s"),
    "aux_file": (320, "24s"),
    "qform_code": (344, "i"),
    "sform_code": (348, "i"),
    "quatern": (352, "3d"),
    "qoffset": (376, "3d"),
    "srow": (400, "12d"),
    "xyzt_units": (500, "i"),
    "intent_code": (504, "i"),
    "intent_name": (508, "16s"),
}
GEOMETRY = ("dim", "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern", "qoffset", "srow")


def nifti_bytes(values: np.ndarray, version: int = 1, order: str = "<", **fields: object) -> bytes:
    """Return a NIfTI file of values whose header has these fields, and 0 in all others."""
    layout, size, magic = (_NIFTI_1, 348, b"n+1\0") if version == 1 else (_NIFTI_2, 540, b"n+2\0\r\n\x1a\n")
    dim = [values.ndim, *values.shape, *[1] * (7 - values.ndim)]
    kind = values.dtype.str[1:]
    own = {"sizeof_hdr": size, "dim": dim, "datatype": DATATYPES[kind], "bitpix": 8 * values.dtype.itemsize}
    header = bytearray(size)
    for name, value in {**own, "vox_offset": size + 4, "magic": magic, **fields}.items():
        if name in layout:
            at, form = layout[name]
            struct.pack_into(order + form, header, at, *(value if isinstance(value, list | tuple) else [value]))
    return bytes(header) + bytes(4) + values.astype(values.dtype.newbyteorder(order)).tobytes("F")


def nifti_fields(path: Path) -> dict[str, object]:
    """Return the fields of a NIfTI file as they stand there."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.name.endswith(".gz") else content
    for layout, size in ((_NIFTI_1, 348), (_NIFTI_2, 540)):
        for order in "<>":
            if struct.unpack_from(f"{order}i", content)[0] == size:
                found = {name: struct.unpack_from(order + form, content, at) for name, (at, form) in layout.items()}
                return {name: value[0] if len(value) == 1 else value for name, value in found.items()}
    raise AssertionError("no NIfTI")


def save(path: Path, content: bytes) -> Path:
    """Write a file, packed if its name says so."""
    path.write_bytes(gzip.compress(content, 1) if path.name.endswith(".gz") else content)
    return path


def nrrd_bytes(values: np.ndarray, *lines: str) -> bytes:
    """Return an NRRD file of int16 values whose header has these lines besides type, sizes and encoding."""
    sizes = " ".join(map(str, values.shape))
    first = ["NRRD0005", "type: short", f"dimension: {values.ndim}", f"sizes: {sizes}"]
    header = "\n".join([*first, *lines, "encoding: raw", "endian: little", "", ""])
    return header.encode() + values.astype("<i2").tobytes("F")


def metaimage_bytes(values: np.ndarray, *lines: str) -> bytes:
    """Return a MetaImage of int16 values whose header has these lines besides the size and the type."""
    sizes = " ".join(map(str, values.shape))
    first = ["ObjectType = Image", f"NDims = {values.ndim}", "BinaryData = True", "BinaryDataByteOrderMSB = False"]
    last = [f"DimSize = {sizes}", "ElementType = MET_SHORT", "ElementDataFile = LOCAL", ""]
    return "\n".join([*first, *lines, *last]).encode() + values.astype("<i2").tobytes("F")
