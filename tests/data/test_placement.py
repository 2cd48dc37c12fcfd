from pathlib import Path

import numpy as np
import pytest

from medsize.data.placement import Place, check_place, places_meet
from medsize.errors import InputError

SCAN = Path("scan")


def place(*sides: float) -> Place:
    return Place(np.diag([*sides, 1.0]), sides, "Pixel Spacing")


@pytest.mark.parametrize("sides", [(0.1, 0.1, 0.1), (50, 50, 50), (np.float32(0.1), 1, 50.0000001)])
def test_voxels_from_a_tenth_to_fifty_mm_are_believed(sides: tuple[float, ...]) -> None:
    check_place(place(*sides), (3, 3, 3), SCAN)


@pytest.mark.parametrize(
    ("sides", "remedy"),
    [
        ((0.0015, 0.0015, 0.008), "probably metres"),
        ((0.05, 0.05, 0.5), "probably centimetres"),
        ((1500, 1500, 8000), "probably micrometres"),
        ((0, 1, 1), "that the scanner gave"),
        ((-1, 1, 1), "that the scanner gave"),
        ((np.nan, 1, 1), "that the scanner gave"),
        ((np.inf, 1, 1), "that the scanner gave"),
    ],
)
def test_other_voxels_are_refused_with_the_field_and_the_likely_unit(sides: tuple[float, ...], remedy: str) -> None:
    with pytest.raises(InputError, match=f"0.1 to 50 mm(.|\n)*found: +Pixel Spacing(.|\n)*{remedy}"):
        check_place(place(*sides), (3, 3, 3), SCAN)


def test_an_image_longer_than_any_patient_is_refused() -> None:
    check_place(place(1, 1, 6), (100, 100, 500), SCAN)
    with pytest.raises(InputError, match=r"would be 3\.01 m long(.|\n)*100 × 100 × 501 voxels"):
        check_place(place(1, 1, 6.01), (100, 100, 501), SCAN)


def test_a_corner_a_twentieth_of_a_voxel_off_is_elsewhere() -> None:
    here, moved, turned = np.diag([2.0, 2, 8, 1]), np.diag([2.0, 2, 8, 1]), np.diag([2.0, 2, 8, 1])
    moved[0, 3] = 0.09
    turned[0, 1] = 0.01  # 0.99 mm at the far corner of 100 voxels
    assert places_meet([here], [np.diag([9.0, 9, 9, 1]), moved], (100, 100, 10))
    assert not places_meet([here], [turned], (100, 100, 10))
