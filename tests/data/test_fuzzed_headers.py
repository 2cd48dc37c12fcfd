"""Headers of every kind, right and wrong: the volume of a voxel is right to 0.1 %, or the file is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.data.grid_files import write_label
from medsize.data.volumes import Volume, read_frames, read_label, read_volume
from medsize.errors import InputError
from tests.data.raw_headers import GEOMETRY, metaimage_bytes, nifti_bytes, nifti_fields, nrrd_bytes, save
from tests.fuzzing import fuzz

UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
NRRD_UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "micron": 0.001, "": 1.0, "millimeters": 1.0}
WRONG = (0.0, -1.0, math.nan, math.inf, -math.inf)

sizes = st.tuples(st.integers(2, 5), st.integers(2, 5), st.integers(1, 4))
believable = st.tuples(*[st.floats(0.2, 20)] * 3)
any_sides = st.one_of(
    believable, believable, st.tuples(*[st.sampled_from([0.01, 0.09, 0.11, 1.0, 49.0, 51.0, 1e4])] * 3)
)
quaternions = st.tuples(*[st.floats(-0.57, 0.57)] * 3)


def rotation(b: float, c: float, d: float) -> np.ndarray:
    """The matrix of the standard (method 2)."""
    a = math.sqrt(max(1 - b * b - c * c - d * d, 0))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )


def are_plausible(sides: np.ndarray) -> bool:
    return bool(np.isfinite(sides).all() and (sides > 0.1001).all() and (sides < 49.99).all())


@st.composite
def niftis(draw: st.DrawFn) -> dict[str, object]:
    """A file; ``volume_mm3`` is that of a voxel by the standard, ``must_be_read`` whether nothing speaks against it."""
    shape = draw(sizes) + draw(st.sampled_from([(), (), (1,), (2,), (3,)]))
    kind = draw(st.sampled_from(["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]))
    values = np.arange(math.prod(shape)).reshape(shape, order="F").astype(kind)
    unit = draw(st.sampled_from([0, 1, 2, 3, 2, 3, 1, 5]))
    unit_mm = UNIT_MM.get(unit, 1.0)
    sides_mm, turn = np.array(draw(any_sides)), draw(quaternions)
    pixdim = draw(st.sampled_from(["right"] * 5 + ["one", "wrong", "other"]))
    sform_code, qform_code = (draw(st.sampled_from([0, 1, 2, 3, 4])) for _ in range(2))
    sform = draw(st.sampled_from(["right"] * 4 + ["one", "other", "nan"]))
    given_pixdim = {
        "right": sides_mm / unit_mm,
        "one": np.ones(3),
        "wrong": np.where([True, *draw(st.tuples(st.booleans(), st.booleans()))], draw(st.sampled_from(WRONG)), 1.5),
        "other": np.array(draw(believable)) / unit_mm,
    }[pixdim]
    of_sform = {
        "right": sides_mm / unit_mm,
        "one": np.ones(3),
        "other": np.array(draw(believable)) / unit_mm,
        "nan": np.array([math.nan, 1, 1]),
    }[sform]
    offset_mm = np.array(draw(st.tuples(*[st.floats(-200, 200)] * 3)))
    rows = np.c_[rotation(*turn) * of_sform, offset_mm / unit_mm]
    slope, intercept = draw(st.sampled_from([(0.0, 0.0), (1.0, 0.0), (0.5, -3.0), (math.nan, 0.0), (2.0, math.nan)]))
    fields = {
        "pixdim": [draw(st.sampled_from([1.0, -1.0, 0.0])), *given_pixdim, 1.0, 1.0, 1.0, 1.0],
        "xyzt_units": unit | draw(st.sampled_from([0, 8, 16])),
        "sform_code": sform_code,
        "qform_code": qform_code,
        "quatern": turn,
        "qoffset": tuple(offset_mm / unit_mm),
        "srow": tuple(rows.ravel()),
        "scl_slope": slope,
        "scl_inter": intercept,
    }
    rescaled = math.isfinite(slope) and slope != 0
    with_size = bool(np.isfinite(given_pixdim).all() and (given_pixdim > 0).all())
    unknown = pixdim == "one" and qform_code == 0
    by_sform = sform_code > 0 and (not with_size or unknown)
    lengths_mm = (of_sform if by_sform else given_pixdim) * unit_mm
    forms_agree = sform_code == 0 or sform == "right"
    return {
        "content": nifti_bytes(values, draw(st.sampled_from([1, 2])), draw(st.sampled_from("<>")), **fields),
        "values": values.astype(np.float64) * (slope if rescaled else 1) + (intercept if rescaled else 0),
        "volume_mm3": float(np.prod(lengths_mm)),
        "must_be_read": unit in UNIT_MM
        and are_plausible(sides_mm)
        and pixdim == "right"
        and forms_agree
        and not (rescaled and math.isnan(intercept))
        and not ((given_pixdim == 1).all() and sform_code == qform_code == 0),
    }


@fuzz()
@given(niftis(), st.sampled_from([".nii", ".nii.gz"]))
def test_a_nifti_is_read_with_its_volume_and_written_back_where_it_lies_or_refused(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, object], suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = save(folder / f"scan{suffix}", drawn["content"])
    try:
        frames = read_frames(path)
    except InputError:
        assert not drawn["must_be_read"]
        return
    values = np.stack([frame.array for frame in frames], axis=-1).reshape(drawn["values"].shape, order="F")
    np.testing.assert_allclose(values, drawn["values"], rtol=1e-6)
    assert frames[0].voxel_ml * 1000 == pytest.approx(drawn["volume_mm3"], rel=1e-3)
    check_written_back(path, frames, folder / "label.nii.gz")
    before, after = nifti_fields(path), nifti_fields(folder / "label.nii.gz")
    for field in GEOMETRY:
        np.testing.assert_array_equal(after[field], before[field], err_msg=field)
    check_in_mm(frames, folder, path)


def check_written_back(path: Path, frames: list[Volume], label: Path) -> None:
    """A label of one voxel is written and read again: where the image lies, and with its volume."""
    shape = frames[0].array.shape + ((len(frames),) if len(frames) > 1 else ())
    array = np.zeros(shape, np.uint8)
    array[1, 0, 0] = 3
    write_label(label, array, like=path)
    if len(frames) == 1:
        found = read_label(label, frames[0], (3,))
        np.testing.assert_array_equal(found.array, array)
        assert read_label(label, None, (3,)).voxel_ml == pytest.approx(frames[0].voxel_ml, rel=1e-3)


def check_in_mm(frames: list[Volume], folder: Path, path: Path) -> None:
    """What another format of the image says in mm is the same volume at the same place."""
    if len(frames) > 1:
        return
    for name in ("other.mha", "other.nrrd"):
        write_label(folder / name, np.ones(frames[0].array.shape, np.uint8), like=path)
        assert read_label(folder / name, frames[0], (1,)).array.all()
        assert read_label(folder / name, None, (1,)).voxel_ml == pytest.approx(frames[0].voxel_ml, rel=1e-3)


VALUES = np.arange(60).reshape(3, 4, 5, order="F")


@st.composite
def nrrds(draw: st.DrawFn) -> dict[str, object]:
    sides_mm = np.array(draw(any_sides))
    unit = draw(st.sampled_from([*NRRD_UNITS, "furlong"]))
    sides = sides_mm / NRRD_UNITS.get(unit, 1.0)
    lines, must_be_read = [], unit in NRRD_UNITS and are_plausible(sides_mm)
    kind = draw(st.sampled_from(["directions", "directions", "spacings", "none", "wrong"]))
    says_unit = f'"{unit}" "{unit}" "{unit}"'
    if kind == "directions":
        vectors = rotation(*draw(quaternions)) * sides
        lines.append(f"space: {draw(st.sampled_from(['left-posterior-superior', 'RAS', 'scanner-xyz', 'LAS']))}")
        lines.append("space directions: " + " ".join(f"({','.join(f'{v:.17g}' for v in row)})" for row in vectors.T))
        lines += [f"space units: {says_unit}", f"space origin: ({','.join(f'{v:.17g}' for v in sides)})"]
    elif kind == "spacings":
        lines += [f"spacings: {' '.join(f'{side:.17g}' for side in sides)}", f"units: {says_unit}"]
    elif kind == "wrong":
        lines.append(f"spacings: {draw(st.sampled_from(['nan 1 1', '0 1 1', '1 1', 'inf 1 1', 'a b c', '']))}")
    if draw(st.booleans()):
        lines.append("kinds: domain domain domain")
    return {
        "content": nrrd_bytes(VALUES, *lines),
        "volume_mm3": float(np.prod(sides_mm)),
        "must_be_read": must_be_read and kind in ("directions", "spacings"),
        "has_size": kind in ("directions", "spacings") and unit in NRRD_UNITS,
    }


@st.composite
def metaimages(draw: st.DrawFn) -> dict[str, object]:
    sides_mm = np.array(draw(any_sides))
    unit = draw(st.sampled_from(["mm", "cm", "um", "?", None, "furlong"]))
    sides = sides_mm / {"cm": 10.0, "um": 0.001}.get(unit, 1.0)
    field = draw(st.sampled_from(["ElementSpacing", "ElementSpacing", "ElementSize", None]))
    wrong = draw(st.sampled_from([""] * 6 + ["nan 1 1", "0 1 1", "1 1", "inf 1 1", "a b c"]))
    factor = draw(st.sampled_from([1.0, 1.0, 1.0, 2.0]))
    matrix = (rotation(*draw(quaternions)) * factor).T.ravel()
    lines = [f"TransformMatrix = {' '.join(f'{v:.17g}' for v in matrix)}"]
    lines += [f"{field} = {wrong or ' '.join(f'{side:.17g}' for side in sides)}"] if field else []
    lines += [f"DistanceUnits = {unit}"] if unit else []
    has_size = field is not None and not wrong and unit != "furlong" and factor == 1
    return {
        "content": metaimage_bytes(VALUES, *lines),
        "volume_mm3": float(np.prod(sides_mm)),
        "must_be_read": has_size and are_plausible(sides_mm),
        "has_size": has_size,
    }


@fuzz()
@given(st.one_of(nrrds().map(lambda drawn: (".nrrd", drawn)), metaimages().map(lambda drawn: (".mha", drawn))))
def test_an_nrrd_or_metaimage_is_read_with_its_volume_and_written_back_where_it_lies_or_refused(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[str, dict[str, object]]
) -> None:
    suffix, drawn = case
    folder = tmp_path_factory.mktemp("fuzz")
    path = save(folder / f"scan{suffix}", drawn["content"])
    try:
        image = read_volume(path)
    except InputError:
        assert not drawn["must_be_read"]
        return
    assert drawn["has_size"]
    np.testing.assert_array_equal(image.array, VALUES)
    assert image.voxel_ml * 1000 == pytest.approx(drawn["volume_mm3"], rel=1e-3)
    for name in (f"label{suffix}", "label.nii.gz", "label.mha"):
        check_written_back(path, [image], folder / name)
