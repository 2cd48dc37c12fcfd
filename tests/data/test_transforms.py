from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms import Compose, EnsureTyped, ScaleIntensityd

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.geometry import paper_grid, physical_grid
from medsize.data.sources.acdc import ACDC_LABELS
from medsize.data.transforms import LoadVolumed, ToSliceGridd, slice_transforms
from medsize.errors import InputError
from tests.data.niftis import SHAPE, SPACING_MM, grey_volume, label_volume, write_nifti

PAPER = PaperPreprocessing(size=24)
PHYSICAL = PhysicalPreprocessing(name="physical", size=24, spacing_mm=2.5)


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return {
        "image": write_nifti(tmp_path / "scan.nii.gz", grey_volume()),
        "label": write_nifti(tmp_path / "gt.nii.gz", label_volume()),
    }


def test_files_become_channel_first_tensors_that_know_their_spacing(paths: dict[str, Path]) -> None:
    found = LoadVolumed()({**paths, "case": "a"})
    assert found["image"].shape == found["label"].shape == (1, *SHAPE)
    assert found["image"].dtype == torch.float32
    assert found["label"].dtype == torch.uint8
    assert found["case"] == "a"
    np.testing.assert_allclose(np.asarray(found["image"].pixdim), SPACING_MM)
    np.testing.assert_array_equal(found["label"].affine, found["image"].affine)
    np.testing.assert_array_equal(found["image"][0], grey_volume())


def test_a_label_without_a_path_leaves_the_dictionary(paths: dict[str, Path]) -> None:
    assert list(LoadVolumed()({"image": paths["image"], "label": None})) == ["image"]
    assert list(LoadVolumed()({"image": paths["image"]})) == ["image"]


def test_a_label_is_checked_against_the_values_and_the_image(paths: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="only 0, 1, 2"):
        LoadVolumed(allowed=(1, 2))(paths)
    write_nifti(paths["label"], label_volume()[1:])
    with pytest.raises(InputError, match="does not fit its image"):
        LoadVolumed()(paths)


@pytest.mark.parametrize("preprocessing", [PAPER, PHYSICAL])
def test_volumes_come_onto_the_grid_of_the_preprocessing(
    paths: dict[str, Path], preprocessing: PaperPreprocessing | PhysicalPreprocessing
) -> None:
    loaded = LoadVolumed()(paths)
    found = ToSliceGridd(("image", "label"), preprocessing, mode=("bilinear", "nearest"))(loaded)
    physical = physical_grid(SHAPE[:2], SPACING_MM[:2], 24, 2.5)
    grid = paper_grid(SHAPE[:2], 24) if preprocessing is PAPER else physical
    assert found["grid"] == grid
    np.testing.assert_array_equal(found["image"][0], grid.resample(grey_volume().astype(np.float32), 1))
    np.testing.assert_array_equal(found["label"][0], grid.resample(label_volume(), 0))
    assert loaded["image"].shape == (1, *SHAPE)


@pytest.mark.parametrize("preprocessing", [PAPER, PHYSICAL])
def test_the_affine_follows_the_voxels_onto_the_slices(
    paths: dict[str, Path], preprocessing: PaperPreprocessing | PhysicalPreprocessing
) -> None:
    loaded = LoadVolumed()(paths)
    found = ToSliceGridd("image", preprocessing)(loaded)
    grid = found["grid"]
    in_slice = np.array([7, 3, 1, 1])
    in_case = [*(grid.scale * in_slice[:2] + grid.offset), 1, 1]
    there, here = (volume["image"].affine.numpy() for volume in (loaded, found))
    np.testing.assert_allclose(here @ in_slice, there @ in_case)
    if preprocessing is PHYSICAL:
        np.testing.assert_allclose(np.asarray(found["image"].pixdim), (2.5, 2.5, 10))


def test_a_plain_tensor_has_pixels_of_1_mm() -> None:
    preprocessing = PhysicalPreprocessing(name="physical", size=8, spacing_mm=2)
    found = ToSliceGridd("image", preprocessing)({"image": torch.rand(1, 16, 16, 2)})
    assert found["grid"] == physical_grid((16, 16), (1, 1), 8, 2)
    assert isinstance(found["image"], MetaTensor)


def test_a_wrong_mode_or_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected mode bilinear or nearest, got cubic"):
        ToSliceGridd("image", PAPER, mode="cubic")
    with pytest.raises(ValueError, match=r"shape \(1, X, Y, Z\), got \(16, 16, 2\)"):
        ToSliceGridd("image", PAPER)({"image": torch.rand(16, 16, 2)})
    with pytest.raises(KeyError, match="absent"):
        ToSliceGridd("absent", PAPER)({"image": torch.rand(1, 16, 16, 2)})


def test_the_transforms_work_in_anybodys_compose(paths: dict[str, Path]) -> None:
    compose = Compose(
        [
            LoadVolumed(),
            ScaleIntensityd("image"),
            ToSliceGridd(("image", "label"), PAPER, mode=("bilinear", "nearest")),
            EnsureTyped(("image", "label")),
        ]
    )
    found = compose(paths)
    assert found["image"].shape == found["label"].shape == (1, 24, 24, 3)


def test_the_way_to_slices_scales_each_volume_and_numbers_the_classes(paths: dict[str, Path]) -> None:
    found = slice_transforms(PAPER, ACDC_LABELS, ("lv", "rv"))(paths)
    image = grey_volume().astype(np.float32)
    scaled = (image - image.min()) / (image.max() - image.min())
    grid = paper_grid(SHAPE[:2], 24)
    np.testing.assert_allclose(found["image"][0], grid.resample(scaled, 1), atol=1e-6)
    classes = np.array([0, 2, 0, 1], np.uint8)[label_volume()]
    np.testing.assert_array_equal(found["label"][0], grid.resample(classes, 0))
    assert found["label"].dtype == torch.uint8
    assert found["image"].dtype == torch.float32


def test_padding_of_labels_stays_unlabelled_whatever_the_classes(paths: dict[str, Path]) -> None:
    label = slice_transforms(PHYSICAL, ACDC_LABELS, ("myo",))(paths)["label"].numpy()
    assert set(np.unique(label)) == {0, 1, 255}


def test_the_way_to_slices_needs_no_label(paths: dict[str, Path]) -> None:
    found = slice_transforms(PAPER, ACDC_LABELS, ("lv",))({"image": paths["image"], "label": None})
    assert set(found) == {"image", "grid"}
