"""Images made on the grid of another: NIfTI, NRRD and MetaImage that lie voxel for voxel on their source."""
# nibabel and SimpleITK are typed in part only:
# mypy: allow-untyped-calls

import gzip
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
import SimpleITK
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medsize.data.decoded import LPS_TO_RAS, itk_affine
from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES, decode, is_nifti, load_nifti, read_grid
from medsize.data.photos import write_photo_label
from medsize.data.volumes import Volume
from medsize.errors import InputError
from medsize.files import atomic_path

_COMPRESSION: Final = 1  # labels compress well at any level, and writing must not outlast the network
_SQUARE: Final = 1e-4


def write_on_grid(path: Path, array: NDArray[Any], *, like: Path | Volume) -> None:
    """Write values on exactly the grid of the image they belong to, whole or not at all.

    Args:
        path: File to write; its suffix chooses the format: ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``; of photos
            ``.png``, whose 255 is a value of 1 where values are fractions.
        array: (X, Y, Z) or (X, Y, Z, T), uint8 or float32; the shape of the image.
        like: The image. Of a NIfTI file that becomes NIfTI the shape, sform, qform and their codes, spacing and units
            are kept as they are; of NRRD and MetaImage that become either of them direction, origin and spacing. From
            one to the other the affine is kept (for ACDC's contradictory headers see ``Volume.metric_affine``).
            A ``Volume`` stands for an image that no single file holds.

    Raises:
        InputError: The place cannot be written to, the format is not one of these, or the image has sheared axes and
            the format cannot say so.
    """
    if path.suffix.lower() == ".png":
        plane = array[:, :, 0]
        are_classes = plane.dtype == np.uint8
        shown = plane if are_classes else (255 * plane).round().astype(np.uint8)
        write_photo_label(path, shown, are_classes=are_classes)
        return
    if is_nifti(path):
        image = _nifti(array, like)
        with atomic_path(path) as partial:
            if path.name.lower().endswith(".gz"):
                partial.write_bytes(_gzipped(image.to_bytes()))
            else:
                nib.save(image, partial)
    elif path.name.lower().endswith((".nrrd", ".mha")):
        itk = _itk(array, like)
        with atomic_path(path) as partial:
            SimpleITK.WriteImage(itk, str(partial), useCompression=True, compressionLevel=_COMPRESSION)
    else:
        raise InputError(
            f"cannot write values to {path}", expected=f"a name ending in {', '.join(NIFTI_SUFFIXES)}, .nrrd or .mha"
        )


def write_label(path: Path, array: NDArray[Any], *, like: Path | Volume) -> None:
    """Write labels, of values 0 … 255, as uint8; see ``write_on_grid``."""
    write_on_grid(path, array.astype(np.uint8), like=like)


def check_axes(affine: NDArray[np.float64], path: Path) -> None:
    """Refuse an image whose axes are not at right angles: of these formats only NIfTI can say where its voxels are.

    Args:
        affine: Of the image.
        path: The image.

    Raises:
        InputError: They are not.
    """
    axes = affine[:3, :3] / voxel_sizes(affine)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SQUARE:
        raise InputError(
            f"the axes of {path} are not at right angles",
            expected="axes that every reader of NRRD, MetaImage and DICOM understands",
            found=f"{np.array2string(affine[:3, :3], precision=4, separator=', ')}".replace("\n", ""),
            remedy="choose --format nifti",
        )


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, _COMPRESSION, mtime=0)


def _nifti(array: NDArray[Any], like: Path | Volume) -> nib.Nifti1Image:
    if isinstance(like, Path) and is_nifti(like):
        source = load_nifti(like)
        header = source.header.copy()
        header.extensions.clear()  # may hold the patient's data
        header.set_data_dtype(array.dtype)
        header["cal_min"] = header["cal_max"] = 0
        header["scl_slope"] = header["scl_inter"] = np.nan
        return type(source)(_of_shape(array, source.shape), source.affine, header)
    affine, _, shape = _place(like)
    image = nib.Nifti1Image(_of_shape(array, shape), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    return image


def _itk(array: NDArray[Any], like: Path | Volume) -> SimpleITK.Image:
    if isinstance(like, Path) and like.name.lower().endswith(ITK_SUFFIXES):
        reader = _read_header(like)
        image = SimpleITK.GetImageFromArray(_of_shape(array, reader.GetSize()).T, isVector=False)
        image.SetSpacing(reader.GetSpacing())
        image.SetOrigin(reader.GetOrigin())
        image.SetDirection(reader.GetDirection())
        return image
    affine, spacing_mm, shape = _place(like)
    check_axes(affine, like.path if isinstance(like, Volume) else like)
    image = SimpleITK.GetImageFromArray(_of_shape(array, shape).T, isVector=False)
    extra = len(shape) - 3
    affine = LPS_TO_RAS @ affine
    direction = np.eye(len(shape))
    direction[:3, :3] = affine[:3, :3] / voxel_sizes(affine)
    image.SetSpacing([*spacing_mm, *[1.0] * extra])
    image.SetOrigin([*affine[:3, 3].tolist(), *[0.0] * extra])
    image.SetDirection(direction.ravel().tolist())
    return image


def _place(like: Path | Volume) -> tuple[NDArray[np.float64], tuple[float, float, float], tuple[int, ...]]:
    """Return affine, spacing in mm and shape of an image."""
    if isinstance(like, Volume):
        return like.affine, like.spacing_mm, like.array.shape
    if is_nifti(like):
        source = load_nifti(like)
        return np.asarray(source.affine), read_grid(like).spacing_mm, source.shape
    if like.is_dir():
        decoded = decode(like)
        return decoded.affine, decoded.spacing_mm, decoded.array.shape
    reader = _read_header(like)
    return itk_affine(reader), read_grid(like).spacing_mm, tuple(reader.GetSize())


def _read_header(path: Path) -> SimpleITK.ImageFileReader:
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader


def _of_shape(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.shape != shape and (*array.shape, *(1,) * (len(shape) - array.ndim)) != shape:
        raise ValueError(f"expected values of shape {shape}, got {array.shape}")
    return array.reshape(shape)
