from pathlib import Path

import numpy as np
import pytest

from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError
from tests.data.raw_headers import nifti_bytes, save

VALUES = np.arange(60, dtype="i2").reshape(3, 4, 5)
RIGHT = (1.5, 2.0, 8.0)


def header(pixdim: tuple[float, ...] = RIGHT, **fields: object) -> dict[str, object]:
    return {"pixdim": [1.0, *pixdim, 1.0, 1.0, 1.0, 1.0], **fields}


def sform(x: float, y: float, z: float, code: int = 2, offset: tuple[float, ...] = (0, 0, 0)) -> dict[str, object]:
    return {"sform_code": code, "srow": [x, 0, 0, offset[0], 0, y, 0, offset[1], 0, 0, z, offset[2]]}


def scan(folder: Path, fields: dict[str, object], name: str = "scan.nii", values: np.ndarray = VALUES) -> Path:
    return save(folder / name, nifti_bytes(values, **fields))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [(1, 1e-3), (2, 1.0), (3, 1e3), (0, 1.0), (1 | 8, 1e-3)],
    ids=["metre", "mm", "micron", "none", "metre and seconds"],
)
@pytest.mark.parametrize("form", ["sform", "qform", "neither"])
def test_lengths_are_millimetres_whatever_the_unit(tmp_path: Path, unit: int, factor: float, form: str) -> None:
    sides = tuple(side * factor for side in RIGHT)
    of_form = {
        "sform": sform(*sides, offset=(10 * factor, 20 * factor, 30 * factor)),
        "qform": {"qform_code": 1, "qoffset": [10 * factor, 20 * factor, 30 * factor]},
        "neither": {},
    }[form]
    image = read_volume(scan(tmp_path, header(sides, xyzt_units=unit, **of_form)))
    assert image.spacing_mm == pytest.approx(RIGHT)
    assert image.voxel_ml == pytest.approx(0.024)
    if form != "neither":
        np.testing.assert_allclose(image.affine[:3, 3], (10, 20, 30), rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "spacing_mm"),
    [
        (header(**sform(1, 1, 1)), RIGHT),
        (header((1, 1, 1), **sform(1.5, 2, 8)), RIGHT),
        (header((0, 2, 8), **sform(1.5, 2, 8)), RIGHT),
        (header((np.nan, 2, 8), **sform(1.5, 2, 8)), RIGHT),
        (header((-1.5, 2, 8), **sform(1.5, 2, 8)), RIGHT),
        (header((1.504, 2, 8), **sform(1.5, 2, 8)), (1.504, 2, 8)),
        (header(**sform(1.8, 2.4, 9.6, code=4)), RIGHT),
        (header(**sform(1.8, 2.4, 9.6, code=4), qform_code=1), RIGHT),
        (header((1, 1, 1), qform_code=1), (1, 1, 1)),
    ],
    ids=["ACDC", "pixdim 1", "pixdim 0", "NaN", "negative", "rounding", "template", "template and qform", "1 mm"],
)
def test_of_two_sizes_the_one_that_a_program_made_up_does_not_count(
    tmp_path: Path, fields: dict[str, object], spacing_mm: tuple[float, ...]
) -> None:
    assert read_volume(scan(tmp_path, fields)).spacing_mm == pytest.approx(spacing_mm)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (header((1, 1, 1)), r"does not say how large(.|\n)*pixdim\[1:4\] = 1, 1, 1(.|\n)*sform_code 0, qform_code 0"),
        (header((0, 2, 8)), r"does not say how large(.|\n)*pixdim\[1:4\] = 0, 2, 8"),
        (header((np.nan, 2, 8), qform_code=1), r"does not say how large(.|\n)*pixdim\[1:4\] = nan, 2, 8"),
        (header((np.inf, 2, 8)), r"does not say how large(.|\n)*inf"),
        (header((1.5, 2, -8)), r"does not say how large(.|\n)*-8"),
        (header(**sform(1.8, 2.4, 9.6)), r"says twice how large(.|\n)*pixdim(.|\n)*1.8, 2.4, 9.6 mm"),
        (header((1, 1, 1), **sform(1.5, 2, 8), qform_code=1), "says twice how large"),
        (header(xyzt_units=5), r"a unit that is not known(.|\n)*xyzt_units 5"),
        (header((0.0015, 0.002, 0.008)), r"0.0015 × 0.002 × 0.008 mm, which cannot be(.|\n)*probably metres"),
        (header((1500, 2000, 8000)), r"cannot be(.|\n)*xyzt_units(.|\n)*probably micrometres"),
        (header((1.5, 2, 60), qform_code=1), r"0.1 to 50 mm a side(.|\n)*found: +pixdim"),
        (header(quatern=(1, 1, 0), qform_code=1), r"where its voxels are(.|\n)*quatern_b"),
        (header(qoffset=(np.nan, 0, 0), qform_code=1), "does not say where its voxels are"),
        (header(**sform(1.5, 2, 0)), "does not say where its voxels are"),
    ],
)
def test_a_size_that_is_unknown_contradictory_or_unbelievable_is_refused_by_its_field(
    tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_volume(scan(tmp_path, fields))


SHEARED = {"sform_code": 1, "srow": [1.5, 0, 4.8, 0, 0, 2, 0, 0, 0, 0, 6.4, 0]}


def test_a_sheared_sform_gives_its_own_volume_unless_a_qform_contradicts(tmp_path: Path) -> None:
    assert read_volume(scan(tmp_path, header(**SHEARED))).voxel_ml == pytest.approx(1.5 * 2 * 6.4 / 1000)
    with pytest.raises(InputError, match="at right angles where there is a qform"):
        read_volume(scan(tmp_path, header(**SHEARED, qform_code=1)))


def test_both_forms_of_an_image_are_places_for_its_label(tmp_path: Path) -> None:
    image = read_volume(
        scan(tmp_path, header(**sform(1.5, 2, 8, offset=(1, 2, 3)), qform_code=1, qoffset=(12, -7, 30)))
    )
    label = VALUES % 2
    for name, offset in (("sform.nii", (1, 2, 3)), ("qform.nii", (12, -7, 30))):
        path = scan(tmp_path, header(qform_code=1, qoffset=offset), name, label)
        np.testing.assert_array_equal(read_label(path, image, (1,)).array, label)
    with pytest.raises(InputError, match="does not lie where its image lies"):
        read_label(scan(tmp_path, header(qform_code=1, qoffset=(13, -7, 30)), "x.nii", label), image, (1,))


def test_a_header_without_codes_lies_where_itk_nibabel_and_the_standard_put_it(tmp_path: Path) -> None:
    image = read_volume(scan(tmp_path, header()))
    label = VALUES % 2
    of_itk = header(qform_code=1, quatern=(0, 0, 1))
    centred = header(**sform(-1.5, 2, 8, offset=(1.5, -3, -16)))
    for fields in (of_itk, centred, header(qform_code=1), header()):
        assert read_label(scan(tmp_path, fields, "label.nii", label), image, (1,)).array.sum() == 30
    with pytest.raises(InputError, match="does not lie where its image lies"):
        read_label(scan(tmp_path, header(qform_code=1, qoffset=(1, 0, 0)), "label.nii", label), image, (1,))
