import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from tests.cli.command import medsize
from tests.data.raw_headers import nrrd_bytes, save


@pytest.fixture
def image(tiny_acdc: Path) -> Path:
    return tiny_acdc / "training/patient001/patient001_frame01.nii.gz"


def test_a_prediction_lies_on_the_images_grid_with_the_sources_values_and_its_volume_in_ml(
    trained_run: Path, image: Path
):
    outcome = medsize("predict", trained_run, image, "-o", "out")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (
        0,
        "volumes: out/volumes.csv\n",
        "predicted: 1, failed: 0\n",
    )
    given, label = nib.load(image), nib.load(Path("out") / image.name)
    assert label.shape == given.shape
    assert label.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(label.affine, given.affine)
    for form in ("get_sform", "get_qform"):
        np.testing.assert_array_equal(*(getattr(of, form)(coded=True)[0] for of in (label, given)))
        assert getattr(label, form)(coded=True)[1] == getattr(given, form)(coded=True)[1]
    values = np.asarray(label.dataobj)
    assert set(np.unique(values)) <= {0, 3}
    (row,) = pd.read_csv("out/volumes.csv").to_dict("records")
    assert (row["file"], row["structure"]) == (image.name, "lv")
    assert row["volume_ml"] == pytest.approx(np.count_nonzero(values) * 1.5 * 1.5 * 8 / 1000)


def test_a_4d_image_is_segmented_frame_by_frame(trained_run: Path, image: Path, tmp_path: Path):
    frame = nib.load(image)
    frames = np.stack([np.asarray(frame.dataobj)] * 2, axis=-1)
    nib.save(nib.Nifti1Image(frames, frame.affine), tmp_path / "cine.nii.gz")
    assert medsize("predict", trained_run, "cine.nii.gz", image, "-o", "out").code == 0
    cine, single = (np.asarray(nib.load(f"out/{name}").dataobj) for name in ("cine.nii.gz", image.name))
    assert cine.shape == frames.shape
    np.testing.assert_array_equal(cine[..., 1], single)
    volumes = pd.read_csv("out/volumes.csv")
    assert volumes["file"].tolist() == ["cine.nii.gz", "cine.nii.gz", image.name]
    assert volumes["frame"].tolist()[:2] == [1, 2]
    assert volumes["volume_ml"].nunique() == 1


def test_a_folder_stands_for_its_images(trained_run: Path, image: Path):
    assert medsize("predict", trained_run, image.parent, "-o", "out").code == 0
    assert {path.name for path in Path("out").iterdir()} == {
        "labels_itksnap.txt",
        "labels_slicer.ctbl",
        "patient001_frame01.nii.gz",
        "patient001_frame09.nii.gz",
        "pictures",
        "volumes.csv",
    }
    assert {path.name for path in Path("out/pictures").iterdir()} == {
        "patient001_frame01.png",
        "patient001_frame09.png",
    }


def test_every_option_is_taken(trained_run: Path, image: Path):
    options = ("--tta", "--keep-largest", "--probabilities", "--no-pictures", "--batch", 2, "--format", "mha")
    outcome = medsize("predict", trained_run, image, "-o", "out", "--ensemble", trained_run, *options)
    assert (outcome.code, outcome.stderr) == (0, "predicted: 1, failed: 0\n")
    found = {path.name for path in Path("out").rglob("*") if path.is_file()}
    assert found >= {"patient001_frame01.mha", "patient001_frame01_lv.mha", "volumes.csv"}
    assert not Path("out/pictures").exists()


def test_resume_keeps_what_is_there_and_says_so(trained_run: Path, image: Path):
    assert medsize("predict", trained_run, image, "-o", "out").code == 0
    outcome = medsize("predict", trained_run, image.parent, "-o", "out", "--resume")
    assert (outcome.code, outcome.stderr) == (
        0,
        "finished before: 1 of 2\npredicted: 1, kept from before: 1, failed: 0\n",
    )
    assert len(pd.read_csv("out/volumes.csv")) == 2


def test_resume_and_overwrite_exclude_each_other(trained_run: Path, image: Path):
    outcome = medsize("predict", trained_run, image, "-o", "out", "--resume", "--overwrite")
    assert outcome.code == 2
    assert "choose one of --overwrite and --resume" in outcome.said


def test_a_broken_image_is_said_in_the_end_and_does_not_stop_the_others(trained_run: Path, image: Path):
    Path("cut.nii.gz").write_bytes(image.read_bytes()[:500])
    outcome = medsize("predict", trained_run, "cut.nii.gz", image, "-o", "out")
    assert outcome.code == 1
    assert "cut.nii.gz cannot be read" in outcome.stderr
    assert (Path("out") / image.name).is_file()


def test_predictions_are_replaced_only_when_asked(trained_run: Path, image: Path):
    assert medsize("predict", trained_run, image, "-o", "out").code == 0
    first = (Path("out") / image.name).read_bytes()
    (Path("out") / image.name).write_bytes(b"")
    assert medsize("predict", trained_run, image, "-o", "out").code == 1
    assert medsize("predict", trained_run, image, "-o", "out", "--overwrite", "--device", "cpu").code == 0
    assert (Path("out") / image.name).read_bytes() == first


def test_the_checkpoint_can_be_chosen(trained_run: Path, image: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    shutil.rmtree(run / "checkpoints/last")
    assert medsize("predict", run, image, "-o", "out").code == 1
    assert medsize("predict", run, image, "-o", "out", "--checkpoint", "best").code == 0


def test_a_crf_is_used_where_asked_with_the_settings_of_the_run(trained_run: Path, image: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    config = (run / "config.yaml").read_text("utf-8")
    for name, weight in (("weak", 1e-6), ("strong", 1000)):
        settings = f"    bilateral_weight: {weight}\n    smoothness_sigma: 1.0\n    smoothness_weight: {weight}\n"
        (run / "config.yaml").write_text(re.sub(r" +bilateral_weight(.*\n){3}", settings, config))
        outcome = medsize("predict", run, image, "-o", name, "--crf")
        assert (outcome.code, outcome.stdout) == (0, f"volumes: {name}/volumes.csv\n")
    assert medsize("predict", run, image, "-o", "plain").code == 0
    plain, weak, strong = (np.asarray(nib.load(f"{name}/{image.name}").dataobj) for name in ("plain", "weak", "strong"))
    np.testing.assert_array_equal(weak, plain)
    assert (strong != plain).any()


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1.0)])
def test_volumes_are_the_same_whatever_unit_a_header_has(trained_run: Path, image: Path, unit: str, factor: float):
    given = nib.load(image)
    affine = np.diag([factor, factor, factor, 1]) @ given.affine
    scaled = nib.Nifti1Image(np.asarray(given.dataobj), affine)
    scaled.header.set_xyzt_units(unit)
    nib.save(scaled, "scaled.nii.gz")
    assert medsize("predict", trained_run, "scaled.nii.gz", image, "-o", "out", "--no-pictures").code == 0
    volumes = pd.read_csv("out/volumes.csv").set_index("file")["volume_ml"]
    assert volumes["scaled.nii.gz"] == pytest.approx(volumes[image.name], rel=1e-5)
    assert nib.load("out/scaled.nii.gz").header.get_xyzt_units()[0] == unit


def test_an_nrrd_in_centimetres_has_the_volume_of_its_image(trained_run: Path, image: Path):
    values = np.asarray(nib.load(image).dataobj)
    lines = ("space: RAS", "space directions: (0.15,0,0) (0,0.15,0) (0,0,0.8)", 'space units: "cm" "cm" "cm"')
    save(Path("cm.nrrd"), nrrd_bytes(values, *lines))
    assert medsize("predict", trained_run, "cm.nrrd", image, "-o", "out", "--no-pictures").code == 0
    volumes = pd.read_csv("out/volumes.csv").set_index("file")["volume_ml"]
    assert volumes["cm.nrrd"] == pytest.approx(volumes[image.name], rel=1e-5)
    assert b'space units: "cm" "cm" "cm"' in Path("out/cm.nrrd").read_bytes()
