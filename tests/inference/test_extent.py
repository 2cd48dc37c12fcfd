import nibabel as nib
import numpy as np
import pytest

from medsize.data.prepare import find_split_cases, prepare_slices
from medsize.data.volumes import Volume, read_volume
from medsize.errors import InputError
from medsize.inference.extent import Extent
from medsize.networks.weight_files import read_metadata
from medsize.training import start_run

HEARTS = Extent(200.0, 360.0)


def volume(side_mm: float) -> Volume:
    spacing_mm = (side_mm / 64, side_mm / 32, 8.0)
    return Volume(np.zeros((64, 40, 2), np.float32), np.diag([*spacing_mm, 1]), spacing_mm, "x.nii")


@pytest.mark.parametrize("side_mm", [41, 200, 360, 1799])
def test_a_crop_and_another_scanner_are_taken(side_mm: float):
    HEARTS.require(volume(side_mm))


@pytest.mark.parametrize("side_mm", [28, 0.28, 2800, 280_000])
def test_a_wrong_unit_is_refused_by_the_side_of_the_image(side_mm: float):
    with pytest.raises(InputError, match=r"x\.nii has another scale(.|\n)*about 200 to 360 mm(.|\n)*unit: cm, m or µm"):
        HEARTS.require(volume(side_mm))


def test_a_photo_has_no_length():
    colours = np.zeros((2, 3, 3), np.uint8)
    HEARTS.require(Volume(np.zeros((2, 3, 1), np.float32), np.eye(4), (1.0, 1.0, 1.0), "x.png", colours))


def test_it_is_that_of_the_shorter_side_of_the_cases_on_their_own_grids(tiny_config):
    found = find_split_cases(tiny_config.data)
    store = prepare_slices(tiny_config.data, found)
    ids = [case.id for case in found.cases]
    x, y = read_volume(found.cases[0].image).array.shape[:2]
    assert Extent.of_cases(store, ids) == Extent(min(x, y) * 1.5, min(x, y) * 1.5)
    assert Extent.of_cases(store, []) is None


def test_the_weights_of_a_training_say_it(tiny_config, tmp_path):
    config = tiny_config.model_copy(update={"training": tiny_config.training.model_copy(update={"epochs": 1})})
    run = start_run(config, tmp_path / "run")
    for name in ("last", "best"):
        assert Extent.in_metadata(read_metadata(run.weights(name))) == Extent(48.0, 48.0)
    assert Extent.in_metadata({}) is None


def test_a_prediction_refuses_an_image_in_cm_that_does_not_say_so(tiny_config, tiny_acdc, tmp_path):
    from medsize.inference import predict_files

    config = tiny_config.model_copy(update={"training": tiny_config.training.model_copy(update={"epochs": 1})})
    run = start_run(config, tmp_path / "run")
    image = nib.load(tiny_acdc / "training" / "patient001" / "patient001_frame01.nii.gz")
    affine = image.affine.copy()
    affine[:3] /= 10
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), tmp_path / "cm.nii.gz")
    with pytest.raises(InputError, match=r"cm\.nii\.gz has another scale(.|\n)*about 48 mm(.|\n)*4\.8 mm"):
        predict_files(run, [tmp_path / "cm.nii.gz"], tmp_path / "out", device="cpu")
