from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from medsize.data.case import Case
from medsize.data.describe import describe_cases, measure_cases
from medsize.data.sources import CaseList
from medsize.data.sources.acdc import ACDC_LABELS
from medsize.errors import InputError, InputErrors
from tests.data.niftis import label_volume
from tests.data.photo_files import two_objects, write_mask, write_photo


def case_list(cases: list[Case]) -> CaseList:
    return CaseList(cases, dict(ACDC_LABELS), ("lv",))


def test_a_case_is_measured_in_pixels_mm_and_ml(cases: list[Case]) -> None:
    table = measure_cases(case_list(cases))
    assert table["case"].tolist() == [case.id for case in cases]
    row = table.iloc[0]
    assert (row["group"], row["pathology"], row["phase"]) == ("patient001", "DCM", "ED")
    assert (row["size_x"], row["size_y"], row["slices"]) == (20, 16, 3)
    assert (row["spacing_x_mm"], row["spacing_y_mm"], row["spacing_z_mm"]) == (1.5, 2.0, 10.0)
    for name, value in ACDC_LABELS.items():
        assert row[f"{name}_ml"] == pytest.approx(np.count_nonzero(label_volume(1) == value) * 0.03)


def test_a_case_without_a_label_has_no_volumes(cases: list[Case]) -> None:
    table = measure_cases(case_list([replace(cases[0], label=None), cases[1]]))
    assert table["lv_ml"].isna().tolist() == [True, False]


def test_a_data_set_is_told_at_a_glance(cases: list[Case]) -> None:
    table = describe_cases(case_list([replace(cases[0], label=None), *cases[1:]]))
    assert table.loc["cases", "count"] == "6"
    assert table.loc["groups", "count"] == "3"
    assert table.loc["cases with a label", "count"] == "5"
    assert table.loc["cases of DCM", "count"] == "4"
    assert table.loc["size x (pixels)"].tolist() == ["6", "20", "20", "20"]
    assert table.loc["spacing z (mm)", "median"] == "10"
    volumes = [np.count_nonzero(label_volume(seed) == 3) * 0.03 for seed in (2, 2, 3, 3, 4)]
    expected = [f"{value:.4g}" for value in (min(volumes), np.median(volumes), max(volumes))]
    assert table.loc["lv (mL)"].tolist() == ["5", *expected]
    assert "NaN" not in table.to_string()


def test_a_data_set_without_labels_has_no_volumes(cases: list[Case]) -> None:
    table = describe_cases(case_list([replace(case, label=None, pathology=None) for case in cases]))
    assert table.loc["lv (mL)"].tolist() == ["0", "", "", ""]
    assert not [name for name in table.index if name.startswith("cases of")]


def test_all_files_that_cannot_be_used_are_listed(cases: list[Case]) -> None:
    cases[0].image.write_bytes(b"")
    (cases[3].label or Path()).unlink()
    with pytest.raises(InputErrors, match=r"2 problems(.|\n)*is empty(.|\n)*no such file"):
        describe_cases(case_list(cases))


def test_photos_are_described_in_pixels_and_percent(tmp_path: Path) -> None:
    mask = two_objects(0)
    case = Case(id="a", group="a", image=write_photo(tmp_path / "a.jpg"), label=write_mask(tmp_path / "a.png", mask))
    labels = {"one": 1, "person": 15}
    row = measure_cases(CaseList([case], labels, tuple(labels))).iloc[0]
    assert (row["size_x"], row["size_y"], row["slices"]) == (32, 24, 1)
    assert np.isnan(row["spacing_x_mm"])
    assert row["person_percent"] == pytest.approx(100 * (mask == 15).sum() / (mask != 255).sum())


@pytest.mark.parametrize(("mask_value", "labels"), [(255, {"object": 1}), (0, {"object": 1}), (0, {"object": 255})])
def test_masks_in_which_no_case_shows_anything_are_refused(
    tmp_path: Path, mask_value: int, labels: dict[str, int]
) -> None:
    cases = []
    for name in ("a", "b"):
        mask = np.zeros((24, 32), np.uint8)
        mask[5:9, 4:8] = mask_value
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
        image = write_photo(tmp_path / f"{name}.jpg")
        cases.append(Case(id=name, group=name, image=image, label=tmp_path / f"{name}.png"))
    with pytest.raises(InputError, match=r"no label holds any of the structures(.|\n)*none in 2 labels"):
        describe_cases(CaseList(cases, labels, tuple(labels)))


def test_volumes_in_which_no_case_shows_anything_are_refused_and_one_voxel_is_something(cases: list[Case]) -> None:
    for number, case in enumerate(cases):
        label = nib.load(case.label)
        voxels = np.zeros(label.shape, np.uint8)
        voxels[0, 0, 0] = number == 0
        nib.save(nib.Nifti1Image(voxels, label.affine, label.header), case.label)
    assert describe_cases(case_list(cases)).loc["rv (mL)", "maximum"] == "0.03"
    with pytest.raises(InputError, match=r"\(rv = 1, myo = 2, lv = 3\)(.|\n)*none in 5 labels"):
        describe_cases(case_list(cases[1:]))
