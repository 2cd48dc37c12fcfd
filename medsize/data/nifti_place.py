"""Where the voxels of a NIfTI file lie, by its header's pixdim, units, qform and sform."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.quaternions import quat2mat
from numpy.typing import NDArray

from medsize.data.placement import Affine, Place
from medsize.errors import InputError

_UNITS: Final = {0: ("no unit", 1.0), 1: ("metres", 1000.0), 2: ("mm", 1.0), 3: ("micrometres", 0.001)}
_UNIT_OF_SPACE: Final = 0b111  # the other bits of xyzt_units are the unit of time
_STANDARD_SPACE: Final = 3  # Talairach; from here on an sform may lead to a body of another size
_AGREE: Final = 0.01  # more than programs round, less than any mistake of a unit
_ONE: Final = 1e-3
_TURN: Final = 1e-3  # by which b² + c² + d² of a rotation may exceed 1


@dataclass(frozen=True, slots=True)
class _Pixdim:
    """The lengths that the header gives as they stand there, their unit, and both as text."""

    given: NDArray[np.float64]
    unit_mm: float
    text: str

    @property
    def mm(self) -> NDArray[np.float64]:
        return self.given * self.unit_mm

    @property
    def is_possible(self) -> bool:
        return bool((np.isfinite(self.mm) & (self.mm > 0)).all())

    @property
    def is_one(self) -> bool:
        """Whether it is what programs write that do not know."""
        return bool((self.given == 1).all())


def nifti_place(header: nib.Nifti1Header, path: Path) -> Place:
    """Return where the voxels lie, in mm.

    The spacing is pixdim's, as the standard has it, and the axes are those of the sform, or without one of the qform.
    What contradicts itself is read where one side is what programs write that do not know: an sform of 1 (ACDC), or a
    pixdim of 1. An sform to a standard space may be of another size than the body. All else is refused.

    A header without form codes has no place; then the axes are those that ITK takes, and nibabel's are as good.

    Args:
        header: As it stands in the file, nothing corrected.
        path: The file.

    Raises:
        InputError: The header does not say how large the voxels are, contradicts itself, or has an unknown unit.
    """
    unit, factor = _unit(header, path)
    given = header["pixdim"][1:4].astype(np.float64)
    pixdim = _Pixdim(given, factor, f"pixdim[1:4] = {_numbers(given)}, in {unit} (xyzt_units)")
    qform = _qform(header, pixdim, path) if header["qform_code"] > 0 and pixdim.is_possible else None
    if header["sform_code"] > 0:
        return _of_sform(_in_mm(header.get_sform(), factor), qform, pixdim, int(header["sform_code"]), path)
    if qform is not None:
        return Place(qform, _three(pixdim.mm), pixdim.text)
    if not pixdim.is_possible or pixdim.is_one:
        raise _without_size(pixdim, header, path)
    return _without_codes(pixdim, header)


def _of_sform(sform: Affine, qform: Affine | None, pixdim: _Pixdim, code: int, path: Path) -> Place:
    lengths, others = voxel_sizes(sform), () if qform is None else (qform,)
    of_pixdim = Place(sform, _three(pixdim.mm), pixdim.text, others)
    of_sform = Place(sform, _three(lengths), f"srow_x, srow_y and srow_z have axes of {_numbers(lengths)} mm")
    if not pixdim.is_possible:
        return of_sform
    if not np.isfinite(sform).all() or not (lengths > 0).all():
        return of_pixdim  # which whoever checks places refuses
    square = abs(np.linalg.det(sform[:3, :3])) > (1 - _AGREE) * lengths.prod()
    if np.allclose(lengths, pixdim.mm, rtol=_AGREE, atol=0) and (square or qform is None):
        return of_pixdim
    if pixdim.is_one and qform is None:
        return of_sform
    if np.allclose(lengths, pixdim.unit_mm, rtol=_ONE, atol=0):
        return of_pixdim
    if code >= _STANDARD_SPACE and qform is not None:
        return Place(qform, _three(pixdim.mm), pixdim.text, (sform,))
    if code >= _STANDARD_SPACE and square:
        return of_pixdim
    raise InputError(
        f"{path} says twice how large its voxels are, and not the same",
        expected="axes of the sform as long as pixdim (within 1 %), and at right angles where there is a qform",
        found=f"{pixdim.text}; {of_sform.spacing_from}",
        remedy="find out which is right, and write the file again with it in both",
    )


def _without_codes(pixdim: _Pixdim, header: nib.Nifti1Header) -> Place:
    x, y, z = _three(pixdim.mm)
    of_itk, of_standard = np.diag([-x, -y, z, 1.0]), np.diag([x, y, z, 1.0])
    of_nibabel = _in_mm(header.get_base_affine(), pixdim.unit_mm)
    return Place(of_itk, (x, y, z), pixdim.text, (of_standard, of_nibabel))


def _qform(header: nib.Nifti1Header, pixdim: _Pixdim, path: Path) -> Affine:
    b, c, d = (float(header[f"quatern_{axis}"]) for axis in "bcd")
    rest = 1 - (b * b + c * c + d * d)
    if not rest >= -_TURN:
        raise InputError(
            f"{path} does not say where its voxels are",
            expected="a rotation in quatern_b, quatern_c and quatern_d: the sum of their squares at most 1",
            found=_numbers([b, c, d]),
            remedy="write the file again with its orientation",
        )
    affine = np.eye(4)
    mirrored = -1 if header["pixdim"][0] < 0 else 1
    affine[:3, :3] = quat2mat([max(rest, 0) ** 0.5, b, c, d]) * [1, 1, mirrored] * pixdim.mm
    affine[:3, 3] = [float(header[f"qoffset_{axis}"]) * pixdim.unit_mm for axis in "xyz"]
    return affine


def _without_size(pixdim: _Pixdim, header: nib.Nifti1Header, path: Path) -> InputError:
    return InputError(
        f"{path} does not say how large its voxels are",
        expected="pixdim[1:4] above 0 (1, 1, 1 is what programs write that do not know), or an sform with a code",
        found=f"{pixdim.text}; sform_code {int(header['sform_code'])}, qform_code {int(header['qform_code'])}",
        remedy="write the file again with its spacing: of nibabel, with its affine",
    )


def _unit(header: nib.Nifti1Header, path: Path) -> tuple[str, float]:
    code = int(header["xyzt_units"]) & _UNIT_OF_SPACE
    if code not in _UNITS:
        raise InputError(
            f"{path} gives its lengths in a unit that is not known",
            expected="xyzt_units of 0 (none), 1 (metres), 2 (mm) or 3 (micrometres) in its lowest three bits",
            found=f"xyzt_units {int(header['xyzt_units'])}, a unit of space of {code}",
            remedy="write the file again in mm",
        )
    return _UNITS[code]


def _in_mm(affine: NDArray[Any], factor: float) -> Affine:
    return np.asarray(np.diag([factor, factor, factor, 1.0]) @ affine)


def _three(lengths: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = map(float, lengths)
    return x, y, z


def _numbers(values: Any) -> str:
    return ", ".join(f"{float(value):.6g}" for value in values)
