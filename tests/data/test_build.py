from pathlib import Path

import numpy as np
import pytest

from medsize.config.data import PaperPreprocessing
from medsize.data.build import _GrowingArray, _prepare_in_order, prepare_case
from medsize.data.case import Case
from medsize.data.sources.acdc import ACDC_LABELS
from medsize.data.transforms import slice_transforms
from medsize.errors import InputError
from tests.data.niftis import SPACING_MM

TRANSFORMS = slice_transforms(PaperPreprocessing(size=8), ACDC_LABELS, ("lv",))


def test_a_prepared_case_has_its_slices_first(cases: list[Case]) -> None:
    prepared = prepare_case(cases[0], transforms=TRANSFORMS, structures=1)
    assert prepared.images.shape == (3, 1, 8, 8)
    assert prepared.labels is not None
    assert prepared.labels.shape == (3, 8, 8)
    assert prepared.domain.shape == (3, 8, 8)
    assert prepared.spacing_mm == pytest.approx(SPACING_MM)


def test_an_unusable_file_keeps_its_own_message(cases: list[Case]) -> None:
    cases[0].image.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        prepare_case(cases[0], transforms=TRANSFORMS, structures=1)


def test_only_a_few_cases_are_prepared_ahead() -> None:
    begun: list[str] = []

    def noted(case: Case) -> str:
        begun.append(case.id)
        return case.id

    many = [Case(id=str(number), group="", image=Path()) for number in range(50)]
    order = []
    for case, prepared in _prepare_in_order(many, noted, 2):
        order.append(case.id)
        assert prepared == case.id
        assert len(begun) <= len(order) + 2 * 2
    assert order == [case.id for case in many]


@pytest.mark.parametrize("counts", [[], [1], [9, 1], [5] * 30, [1] * 1001])
def test_a_growing_array_is_an_ordinary_npy_file(tmp_path: Path, counts: list[int]) -> None:
    blocks = [np.random.default_rng(number).random((count, 2, 3), np.float32) for number, count in enumerate(counts)]
    array = _GrowingArray(tmp_path / "a.npy")
    for block in blocks:
        array.append(block)
    array.close()
    found = np.load(tmp_path / "a.npy", mmap_mode="r")
    expected = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
    np.testing.assert_array_equal(found, expected)
