from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.data.sources.acdc import find_acdc_cases
from tests.cli.command import medsize


def test_the_phantom_is_an_acdc_data_set_that_its_seed_decides():
    for folder, seed in (("one", 1), ("again", 1), ("other", 2)):
        outcome = medsize("data", "phantom", folder, "--patients", 1, "--seed", seed)
        assert (outcome.code, outcome.stdout, outcome.stderr) == (0, f"{folder}: 1 patients\n", "")
    assert [case.phase for case in find_acdc_cases(Path("one"))] == ["ED", "ES"]
    content = {
        folder: [path.read_bytes() for path in sorted(Path(folder).rglob("*.nii.gz"))]
        for folder in ("one", "again", "other")
    }
    assert content["one"] == content["again"] != content["other"]


def test_describe_shows_what_a_data_set_holds(tiny_acdc: Path):
    outcome = medsize("data", "describe", "acdc", "--data-root", tiny_acdc)
    assert outcome.code == 0
    lines = {line.split("  ")[0]: line.split() for line in outcome.stdout.splitlines()}
    assert lines["cases"][-1] == "20"
    assert lines["groups"][-1] == "10"
    assert lines["cases of DCM"][-1] == "4"
    assert lines["slices"][-3:] == ["3", "3", "3"]
    assert {"rv (mL)", "myo (mL)", "lv (mL)"} <= lines.keys()


def test_prepare_builds_the_store_that_training_opens(tiny_acdc: Path, tiny_yaml: Path, cache: Path):
    outcome = medsize("data", "prepare", tiny_yaml, "--data-root", tiny_acdc, "--set", "data.preprocessing.size=24")
    assert outcome.code == 0
    store, count = outcome.stdout.strip().split(": ")
    assert (Path(store).parent, count) == (cache, "60 slices")
    assert (Path(store) / "images.npy").is_file()


@pytest.mark.parametrize("level", ["", "training", ".."])
def test_the_data_root_may_be_one_level_up_or_down(
    tiny_acdc: Path, tiny_yaml: Path, trained_run: Path, tmp_path: Path, level: str
):
    above = tmp_path / "above"
    above.mkdir()
    (above / "ACDC").symlink_to(tiny_acdc)
    outcome = medsize("data", "prepare", tiny_yaml, "--data-root", above if level == ".." else tiny_acdc / level)
    assert outcome.code == 0, outcome.stderr
    (store,) = {line.split(": ")[0] for line in outcome.stdout.splitlines()}
    assert Path(store).name in (trained_run / "environment.json").read_text("utf-8"), "the store that training opened"


def test_labels_a_hair_off_whole_numbers_are_measured_as_those(tiny_acdc: Path):
    stem = tiny_acdc / "training/patient001/patient001_frame01"
    label = nib.load(f"{stem}_gt.nii.gz")
    values = np.asarray(label.dataobj)
    near = np.nextafter(values.astype(np.float32), np.float32(0))
    nib.save(nib.Nifti1Image(near, label.affine), "near.nii.gz")
    nib.save(nib.load(f"{stem}.nii.gz"), "scan.nii.gz")
    Path("cases.csv").write_text("case,image,label,split\na,scan.nii.gz,near.nii.gz,train\n")
    source = "{kind: manifest, path: cases.csv, labels: {rv: 1, myo: 2, lv: 3}}"
    Path("my.yaml").write_text(
        f"extends: acdc_cpu\ndata:\n  source: {source}\n  structures: [lv]\n  split: {{name: manifest}}\n"
    )
    outcome = medsize("data", "describe", "my.yaml")
    volume_ml = np.count_nonzero(values == 3) * 1.5 * 1.5 * 8 / 1000
    assert outcome.code == 0, outcome.stderr
    assert f"{volume_ml:.4g}" in outcome.stdout
