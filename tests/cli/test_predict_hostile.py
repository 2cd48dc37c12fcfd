"""Forty inputs, ten of which nobody can use: one bad thing never takes others with it."""

import gzip
import os
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK

from tests.cli.command import medsize

Header = nib.Nifti1Header


@pytest.fixture
def image(tiny_acdc: Path) -> Path:
    return tiny_acdc / "training/patient001/patient001_frame01.nii.gz"


def nifti(path: Path, image: Path, change: Callable[[Header], None]) -> None:
    """Write the image with another header, whose content stays as short as it is."""
    given = nib.load(image)
    header = given.header.copy()
    change(header)
    content = header.binaryblock + bytes(4) + np.asarray(given.dataobj).tobytes(order="F")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def no_spacing(header: Header) -> None:
    header["pixdim"][1:4] = np.nan
    header["srow_x"][:3] = np.nan


def beyond_memory(header: Header) -> None:
    header["dim"][1:4] = 32_767


def endless_cine(header: Header) -> None:
    header["dim"][:5] = 4, 1_000, 1_000, 1_000, 30_000


def hostile(folder: Path, image: Path) -> list[Path]:
    """Ten inputs of which each fails for a reason of its own."""
    nifti(folder / "spacing.nii.gz", image, no_spacing)
    nifti(folder / "memory.nii", image, beyond_memory)
    nifti(folder / "monster.nii.gz", image, endless_cine)
    (folder / "cut.nii.gz").write_bytes(image.read_bytes()[:900])
    nifti(folder / "bomb.nii", image, beyond_memory)
    zeros = gzip.compress(bytes(2**26))
    (folder / "bomb.nii.gz").write_bytes(gzip.compress((folder / "bomb.nii").read_bytes()) + zeros)
    (folder / "bomb.nii").unlink()
    (folder / "text.nii.gz").write_text("this is a letter")
    (folder / "empty.nii.gz").touch()
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(256)))
    (folder / "unknown.xyz").write_text("of no known format")
    names = ("spacing.nii.gz", "memory.nii", "monster.nii.gz", "cut.nii.gz", "bomb.nii.gz", "text.nii.gz")
    return [folder / name for name in (*names, "empty.nii.gz", "broken.zip", "broken.dcm", "unknown.xyz")]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_of_forty_inputs_thirty_are_predicted_and_ten_are_named(trained_run: Path, image: Path, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    names = [f"good{number:02d}" for number in range(27)]
    names += [os.fsdecode(b"caf\xe9"), unicodedata.normalize("NFD", "Grün"), "red\x1b[31m"]
    good = [Path(shutil.copy(image, folder / f"{name}.nii.gz")) for name in names]
    bad = hostile(folder, image)
    inputs = [path for trio in zip(good[:10], bad, good[10:20], strict=True) for path in trio] + good[20:]
    outcome = medsize("predict", trained_run, *inputs, "-o", "out")
    assert outcome.code == 1
    assert outcome.errors == 1
    assert "unexpected" not in outcome.stderr
    assert [path.name for path in bad if str(path) not in outcome.said] == []
    assert [path.name for path in good if str(path) in outcome.said] == []
    assert "predicted: 30, failed: 10" in outcome.said
    assert "error: 10 problems:" in outcome.said
    results = [f"{name}.nii.gz" for name in [*names[:27], "caf%E9", names[28], "red%1B[31m"]]
    table = pd.read_csv("out/volumes.csv")
    assert table["file"].to_list() == sorted(results)
    assert sorted(path.name for path in Path("out").glob("*.nii.gz")) == sorted(results)
    assert table["volume_ml"].nunique() == 1
    assert table["volume_ml"].iloc[0] > 0
    assert not list(Path("out").rglob(".*"))


def test_names_act_on_no_terminal_when_they_are_shown(trained_run: Path, tmp_path: Path):
    bad = tmp_path / "a\x1b[31m\u202eb.nii.gz"
    bad.touch()
    latin = tmp_path / os.fsdecode(b"caf\xe9.nii.gz")
    latin.touch()
    outcome = medsize("predict", trained_run, bad, latin, "-o", tmp_path / "out\x1b[2J")
    assert outcome.code == 1
    assert "\x1b[" not in outcome.stderr
    assert r"a\x1b[31m\u202eb.nii.gz is empty" in outcome.stderr
    assert r"caf\xe9.nii.gz is empty" in outcome.stderr


@pytest.mark.parametrize(
    "names",
    [["sax.nii.gz"], ["p1\\sax.nii.gz", "p2\\sax.nii.gz", "__MACOSX\\._sax.nii.gz"], ["Müller/sax.nii.gz"]],
    ids=["plain", "of Windows", "of a Müller"],
)
def test_the_images_in_a_zip_are_predicted_like_the_images_themselves(
    trained_run: Path, image: Path, tmp_path: Path, names: list[str]
):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as made:
        for name in names:
            made.write(image, name)
    assert medsize("predict", trained_run, image, "-o", "plain").code == 0
    outcome = medsize("predict", trained_run, "in.zip", "-o", "out")
    assert (outcome.code, outcome.stdout) == (0, "volumes: out/volumes.csv\n")
    expected = nib.load(f"plain/{image.name}")
    table = pd.read_csv("out/volumes.csv")
    assert len(table) == len([name for name in names if "MACOSX" not in name])
    for file in table["file"]:
        result = nib.load(f"out/{file}")
        np.testing.assert_array_equal(result.affine, expected.affine)
        np.testing.assert_array_equal(np.asarray(result.dataobj), np.asarray(expected.dataobj))
    assert set(table["volume_ml"]) == set(pd.read_csv("plain/volumes.csv")["volume_ml"])
    assert not list(Path("out").rglob(".*"))


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_name_that_a_library_would_end_the_process_over_is_refused(
    trained_run: Path, image: Path, tmp_path: Path, suffix: str
):
    plain = tmp_path / f"plain.{suffix}"
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(image)), str(plain))
    latin = plain.rename(tmp_path / os.fsdecode(f"caf\xe9.{suffix}".encode("latin-1")))
    outcome = medsize("predict", trained_run, latin, image, "-o", "out")
    assert outcome.code == 1
    assert rf"caf\xe9.{suffix} has a name that this format's library cannot open" in outcome.said
    outcome = medsize("predict", trained_run, image, "-o", os.fsdecode(b"out\xe9"), "--format", suffix)
    assert outcome.code == 1
    assert "cannot open" in outcome.said
