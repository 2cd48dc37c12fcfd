from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medsize.data.dicom_series import decode_series, find_series
from medsize.errors import InputError
from tests.data.dicoms import AXIAL, at, write_cine

CINE = np.random.default_rng(1).integers(0, 1000, (6, 5, 4, 3)).astype(np.int16)


def sizes(tmp_path: Path, **changes: Any) -> list[tuple[int, int]]:
    """Return planes and time frames of what is found among a series a slice."""
    series, aside = find_series(write_cine(tmp_path / "scan", CINE, series_a_slice=True, **changes))
    assert not aside
    return [(len(one.planes) // one.phases, one.phases) for one in series]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"SliceThickness": lambda z, t: 8 + z % 2},
        {"SeriesDescription": lambda z, t: ["base", "mid", "low", "apex"][z]},
        {"RescaleSlope": lambda z, t: 1 + z},
        {"InstanceNumber": lambda z, t: t + 1},
        {"TriggerTime": lambda z, t: (30 + z) * t},
    ],
    ids=["plain", "thickness", "described", "rescale", "number", "heart rate"],
)
def test_series_of_a_slice_each_are_one_stack(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert sizes(tmp_path, **changes) == [(4, 3)]


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("StudyInstanceUID", lambda z, t: f"1.2.{z}"),
        ("PatientID", lambda z, t: f"p{z}"),
        ("Modality", lambda z, t: ["MR", "CT", "PT", "NM"][z]),
        ("ImageOrientationPatient", lambda z, t: [1, 0, 0, 0, *((1, 0), (0.8, 0.6), (0.6, 0.8), (0, 1))[z]]),
        ("FrameOfReferenceUID", lambda z, t: f"1.2.{z}"),
        ("PixelSpacing", lambda z, t: [2 + z / 10, 1.5]),
        ("EchoTime", lambda z, t: 1 + z),
    ],
)
def test_what_belongs_to_different_things_stays_apart(tmp_path: Path, keyword: str, values: Any) -> None:
    assert sizes(tmp_path, **{keyword: values}) == [(1, 3)] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PixelSpacing": lambda z, t: [2.1 if z == 1 else 2.0, 1.5]}, "differ in PixelSpacing"),
        ({"PixelSpacing": lambda z, t: [2.1 if z == 3 else 2.0, 1.5]}, "differ in PixelSpacing"),
        ({"FrameOfReferenceUID": lambda z, t: f"1.{z == 2:d}"}, "differ in FrameOfReferenceUID"),
        ({"ImagePositionPatient": lambda z, t: at([0, 10, 30, 40][z])}, "not evenly spaced"),
        ({"ImagePositionPatient": lambda z, t: at([0, 10, 10, 20][z])}, "not the same number of time frames"),
    ],
)
def test_a_stack_that_lacks_a_slice_or_has_one_twice_is_refused(tmp_path: Path, changes, message: str) -> None:
    series, _ = find_series(write_cine(tmp_path / "scan", CINE, series_a_slice=True, **changes))
    (one,) = series
    with pytest.raises(InputError, match=message):
        decode_series(one, tmp_path / "scan")


def test_slices_with_other_numbers_of_time_frames_are_refused(tmp_path: Path) -> None:
    files = write_cine(tmp_path / "scan", CINE, series_a_slice=True)
    (one,), _ = find_series(files[:-1])
    with pytest.raises(InputError, match=r"not the same number of time frames(.|\n)*3 at .* 2 at"):
        decode_series(one, tmp_path / "scan")


def test_two_stacks_in_one_place_are_told_apart_by_their_descriptions(tmp_path: Path) -> None:
    files = []
    for number, name in enumerate(("LGE_MAG", "LGE_PSIR")):
        files += write_cine(
            tmp_path / name,
            CINE[..., :1] + number,
            series_a_slice=True,
            SeriesDescription=lambda z, t, name=name: f"{name}_{z}",
            SeriesInstanceUID=lambda z, t, number=number: f"1.2.{number}.{z}",
        )
    series, _ = find_series(files)
    assert [one.description for one in series] == ["LGE_MAG_", "LGE_PSIR_"]
    for number, one in enumerate(series):
        np.testing.assert_array_equal(decode_series(one, tmp_path).array, CINE[..., 0] + number)


def test_a_view_along_the_axis_stays_beside_the_stack(tmp_path: Path) -> None:
    files = write_cine(tmp_path / "sax", CINE, series_a_slice=True)
    files += write_cine(
        tmp_path / "lax", CINE[:, :, :1], ImageOrientationPatient=list(AXIAL), SeriesInstanceUID="1.9", SeriesNumber=2
    )
    series, _ = find_series(files)
    assert sorted((len(one.planes) // one.phases, one.phases) for one in series) == [(1, 3), (4, 3)]
