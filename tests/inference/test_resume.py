"""A result is kept only if it would come out the same, and what lies on the disk is right whenever a process ends."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import medsize.inference.origin
from medsize.errors import InputErrors
from medsize.inference import PredictionOptions, Wanted, predict_files
from medsize.run_folder import RunFolder
from medsize.tables import read_table
from tests.inference.test_predict import STRAIGHT, heart, save

pytestmark = pytest.mark.usefixtures("intensity_network")

RESUME = Wanted(existing="resume", pictures=False)
OVERWRITE = Wanted(existing="overwrite", pictures=False)
VOXEL_ML = 1.4 * 1.4 * 8 / 1000


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return [save(tmp_path / "in" / f"{name}.nii.gz", heart(), STRAIGHT) for name in "abc"]


@pytest.fixture(scope="session")
def run_b(run_of_lv: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that finds the LV in more voxels."""
    run = RunFolder(shutil.copytree(run_of_lv.path, tmp_path_factory.mktemp("runs") / "b"))
    path = run.weights("last")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    weights = load_file(path)
    weights["conv.bias"][1] += 2
    save_file(weights, path, metadata)
    return run


def predicted(run: RunFolder, images: list[Path], out: Path, **options) -> list[str]:
    said: list[str] = []
    predict_files(run, images, out, device="cpu", say=said.append, **options)
    return said


def volumes(out: Path) -> dict[str, float]:
    table = pd.read_csv(out / "volumes.csv")
    return dict(zip(table["file"], table["volume_ml"], strict=True))


def measured(out: Path) -> dict[str, float]:
    """The volumes of the label files themselves."""
    return {path.name: np.count_nonzero(np.asarray(nib.load(path).dataobj)) * VOXEL_ML for path in out.glob("*.nii.gz")}


def agree(rows: dict[str, float], labels: dict[str, float]) -> bool:
    return rows.keys() <= labels.keys() and all(rows[file] == pytest.approx(labels[file], abs=1e-6) for file in rows)


def test_results_that_would_come_out_the_same_are_kept(run_of_lv, images, tmp_path):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    said = predicted(run_of_lv, images, out, wanted=Wanted(existing="resume"))
    assert said == ["finished before: 3 of 3", "predicted: 0, kept from before: 3, failed: 0"]
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}


def replace_image(images: list[Path], out: Path) -> None:
    save(images[0], heart()[::-1], STRAIGHT)


def empty_label(images: list[Path], out: Path) -> None:
    (out / "a.nii.gz").write_bytes(b"")


def edit_label(images: list[Path], out: Path) -> None:
    save(out / "a.nii.gz", np.zeros_like(heart(), np.uint8), STRAIGHT)


def forget_row(images: list[Path], out: Path) -> None:
    lines = (out / "volumes.csv").read_text("utf-8").splitlines(keepends=True)
    (out / "volumes.csv").write_text("".join(line for line in lines if not line.startswith("a.")))


def lose_picture(images: list[Path], out: Path) -> None:
    (out / "pictures" / "a.png").unlink()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (replace_image, "whose image has changed"),
        (empty_label, "whose label file is damaged or has changed"),
        (edit_label, "whose label file is damaged or has changed"),
        (forget_row, "that volumes.csv does not know, or of which it does not say how they were made"),
        (lose_picture, "without their picture or probabilities"),
    ],
)
def test_a_result_that_is_not_what_would_be_made_now_is_made_again(run_of_lv, images, tmp_path, damage, why):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out)
    damage(images, out)
    said = predicted(run_of_lv, images, out, wanted=Wanted(existing="resume"))
    assert said[:2] == ["finished before: 2 of 3", f"made again: 1 {why}"]
    predicted(run_of_lv, images, tmp_path / "anew")
    assert volumes(out) == volumes(tmp_path / "anew")
    assert measured(out) == measured(tmp_path / "anew")
    assert len(list((out / "pictures").iterdir())) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"options": PredictionOptions(tta=True)},
        {"options": PredictionOptions(keep_largest=True)},
        {"options": PredictionOptions(crf=True)},
    ],
    ids=["tta", "keep-largest", "crf"],
)
def test_results_made_with_other_options_are_made_again(run_of_lv, images, tmp_path, options):
    predicted(run_of_lv, images, tmp_path / "out", wanted=OVERWRITE)
    said = predicted(run_of_lv, images, tmp_path / "out", wanted=RESUME, **options)
    assert said[0].startswith("made again: 3 made by another run or checkpoint, with other options")


def test_results_of_another_run_checkpoint_ensemble_or_version_are_made_again(
    run_of_lv, run_of_all, run_b, images, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    predicted(run_of_all, images, out, wanted=OVERWRITE)
    for run, options in (
        (run_of_all, {"checkpoint": "best"}),
        (run_b, {}),
        ([run_b, run_of_lv], {}),
        (run_of_lv, {}),
    ):
        assert predicted(run, images, out, wanted=RESUME, **options)[0].startswith("made again: 3 made by another run")
    monkeypatch.setattr(medsize.inference.origin, "__version__", "9.9.9")
    assert predicted(run_of_lv, images, out, wanted=RESUME)[0].startswith("made again: 3 made by another run")


def test_a_run_that_was_moved_is_the_same_run(run_of_lv, images, tmp_path):
    predicted(run_of_lv, images, tmp_path / "out", wanted=OVERWRITE)
    moved = RunFolder(shutil.copytree(run_of_lv.path, tmp_path / "moved"))
    assert predicted(moved, images, tmp_path / "out", wanted=RESUME)[0] == "finished before: 3 of 3"


def test_probabilities_that_are_missing_are_made(run_of_lv, images, tmp_path):
    predicted(run_of_lv, images, tmp_path / "out", wanted=OVERWRITE)
    said = predicted(run_of_lv, images, tmp_path / "out", wanted=replace(RESUME, probabilities=True))
    assert said[0] == "made again: 3 without their picture or probabilities"
    assert len(list((tmp_path / "out" / "probabilities").iterdir())) == 3


def test_a_row_says_what_its_result_was_made_from(run_of_lv, images, tmp_path):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out, options=PredictionOptions(tta=True))
    table = pd.read_csv(out / "volumes.csv", dtype="str", keep_default_na=False)
    assert table.columns.to_list() == [
        *("file", "frame", "structure", "volume_ml"),
        *("run", "checkpoint", "options", "weights", "settings", "input", "label"),
    ]
    first = table.iloc[0]
    assert (first["run"], first["checkpoint"], first["options"]) == (run_of_lv.path.name, "last", "tta")
    for column, path in (("weights", run_of_lv.weights("last")), ("input", images[0]), ("label", out / "a.nii.gz")):
        assert first[column] == sha256(path)[:16]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_table_of_an_earlier_version_is_kept_and_its_results_are_not_trusted(run_of_lv, images, tmp_path):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out, wanted=OVERWRITE)
    table = pd.read_csv(out / "volumes.csv")
    table[["file", "frame", "structure", "volume_ml"]].to_csv(out / "volumes.csv", index=False)
    assert predicted(run_of_lv, images[:1], out, wanted=RESUME)[0].startswith("made again: 1 that volumes.csv does not")
    assert volumes(out) == pytest.approx(measured(out))


def test_the_disk_is_right_at_every_rename_of_an_overwriting_run_and_the_rest_can_be_resumed(
    run_of_lv, run_b, images, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out, wanted=OVERWRITE)
    of_a = volumes(out)
    predicted(run_b, images, tmp_path / "b")
    of_b = volumes(tmp_path / "b")
    assert all(of_b[file] > of_a[file] > 0 for file in of_a)
    moments: list[Path] = []
    rename = Path.replace

    def remember(path: Path, target: Path) -> Path:
        """What a process that is killed just after a rename leaves, and just before the next."""
        moved = rename(path, target)
        moments.append(shutil.copytree(out, tmp_path / "moments" / str(len(moments))))
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", remember)
        predicted(run_b, images, out, wanted=OVERWRITE)
    assert len(moments) >= 2 + len(images)
    for moment in moments:
        rows, labels = volumes(moment), measured(moment)
        assert labels.keys() == of_b.keys()
        assert agree(rows, labels), moment.name
        predicted(run_b, images, moment, wanted=RESUME)
        assert volumes(moment) == of_b
        assert measured(moment) == pytest.approx(of_b)
        assert not list(moment.rglob(".partial*"))


def test_an_image_that_cannot_be_read_any_more_leaves_its_earlier_result_and_its_row(
    run_of_lv, run_b, images, tmp_path
):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out, wanted=OVERWRITE)
    of_a = volumes(out)
    images[1].write_bytes(b"")
    with pytest.raises(InputErrors, match=r"b\.nii\.gz is empty"):
        predicted(run_b, images, out, wanted=OVERWRITE)
    assert volumes(out)["b.nii.gz"] == of_a["b.nii.gz"]
    assert volumes(out)["a.nii.gz"] > of_a["a.nii.gz"]
    assert volumes(out) == pytest.approx(measured(out))
    texts = ["file", "run"]
    assert read_table(out / "volumes.csv", texts=texts)["run"].to_list() == ["b", run_of_lv.path.name, "b"]


def test_a_result_that_could_not_be_written_has_no_row(run_of_lv, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    predicted(run_of_lv, images, out, wanted=OVERWRITE)
    write = medsize.inference.predict.write_results

    def fail(job, *arguments, **options):
        if job.file == "b.nii.gz":
            raise RuntimeError("of a library")
        write(job, *arguments, **options)

    monkeypatch.setattr(medsize.inference.predict, "write_results", fail)
    with pytest.raises(InputErrors, match=r"b\.nii\.gz was segmented, but the result cannot be written"):
        predicted(run_of_lv, images, out, wanted=OVERWRITE)
    assert list(volumes(out)) == ["a.nii.gz", "c.nii.gz"]


def test_an_image_that_changes_while_it_is_read_is_a_failure(run_of_lv, images, tmp_path, monkeypatch):
    read = medsize.data.inputs.Image.read

    def changing(image):
        frames = read(image)
        if image.name == "b":
            images[1].write_bytes(images[1].read_bytes())
        return frames

    monkeypatch.setattr(medsize.data.inputs.Image, "read", changing)
    with pytest.raises(InputErrors, match=r"b\.nii\.gz changed while it was read"):
        predicted(run_of_lv, images, tmp_path / "out")
    assert list(volumes(tmp_path / "out")) == ["a.nii.gz", "c.nii.gz"]
