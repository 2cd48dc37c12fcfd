"""The values of DICOM files, as stored: native and run-length encoded by pydicom, other compression by GDCM."""
# SimpleITK is typed in part only:
# mypy: allow-untyped-calls

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from medsize.data.dicom_files import Damaged, read_dataset, reading

if TYPE_CHECKING:
    from pydicom import Dataset

_SMALL_BYTES: Final = 64 * 2**20
_MOST_RATIO: Final = 200
"""Times that compressed values may grow, if they are not small; images shrink two to twenty times, bombs a thousand."""
_DESCRIBING: Final = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData"),
)
_BY_PYDICOM: Final = "1.2.840.10008.1.2.5"  # RLE


def stored_values(path: Path) -> NDArray[Any]:
    """Read the values of a file, before any rescaling.

    Returns:
        (frames, rows, columns), integers or floats.

    Raises:
        Damaged: They cannot be read, are fewer than the file's attributes say, or would take far more room than images.
    """
    dataset = read_dataset(path)
    with reading():
        bits, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or dataset.BitsAllocated)
        frames = int(dataset.get("NumberOfFrames") or 1)
        shape = (frames, int(dataset.Rows), int(dataset.Columns))
        if int(dataset.get("HighBit", stored - 1)) != stored - 1:
            raise Damaged(f"keeps its values in other bits than the lowest (HighBit {dataset.HighBit} of {stored})")
        _check_size(dataset, shape, bits)
        syntax = dataset.file_meta.TransferSyntaxUID
        if not syntax.is_compressed or syntax.is_deflated or syntax == _BY_PYDICOM:
            values = dataset.pixel_array
        else:
            values = _by_gdcm(dataset)
        if values.size != np.prod(shape):
            raise Damaged(f"has {values.size:,} values, not {' × '.join(map(str, shape))}")
        return np.asarray(values).reshape(shape)


def _check_size(dataset: "Dataset", shape: tuple[int, int, int], bits: int) -> None:
    """Refuse values that are not what the attributes say, before room is made for them."""
    content = next(
        (dataset[name].value for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in dataset),
        b"",
    )
    there = len(content or b"")
    needed = shape[0] * shape[1] * shape[2] * bits // 8
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        if there < needed:
            raise Damaged(f"is cut off: {there:,} bytes of values where {needed:,} are due")
        if there >= 2 * needed:
            raise Damaged(f"has {there:,} bytes of values where {needed:,} are due (NumberOfFrames is {shape[0]})")
    elif needed > _SMALL_BYTES and needed > _MOST_RATIO * there:
        raise Damaged(f"unpacks {there / 2**20:,.1f} MiB to {needed / 2**20:,.0f} MiB, as a bomb does")


def _by_gdcm(dataset: "Dataset") -> NDArray[Any]:
    """Decompress by GDCM, which sees the values and their bits only, so that it neither rescales nor places them."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage, generate_uid

    bare = pydicom.Dataset()
    for keyword in _DESCRIBING:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    bare.SOPInstanceUID = generate_uid()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory(prefix="medsize-") as folder:
        path = Path(folder) / "values.dcm"
        bare.save_as(path, enforce_file_format=True)
        image = SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
    return np.asarray(SimpleITK.GetArrayFromImage(image))
