from pathlib import Path

import pytest

from medsize.data.inputs import Image
from medsize.errors import InputErrors
from medsize.inference.jobs import plan_jobs

KINDS = {
    ".nii.gz": "nifti",
    ".nii": "nifti",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".mha": "mha",
    ".mhd": "mha",
    "": "dicom",
}


def image(path: Path) -> Image:
    name, dot, suffix = path.name.partition(".")
    return Image(path, name, path.parent, KINDS.get((dot + suffix).lower(), "dicom"), path)


def plan(*images: Path, output: Path, into=None, existing="refuse", dicom=True) -> list[str]:
    jobs = plan_jobs([image(path) for path in images], output, into=into, existing=existing, dicom=dicom)
    assert [job.image.path for job in jobs] == list(images)
    assert all(job.output.name.startswith(Path(job.name).name) for job in jobs)
    return [job.output.relative_to(output).as_posix() for job in jobs]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("heart.nii.gz", "heart.nii.gz"),
        ("heart.nii", "heart.nii"),
        ("heart.NII.GZ", "heart.nii.gz"),
        ("heart.nrrd", "heart.nrrd"),
        ("heart.nhdr", "heart.nrrd"),
        ("heart.mha", "heart.mha"),
        ("heart.MHD", "heart.mha"),
        ("heart", "heart.dcm"),
    ],
)
def test_a_result_has_the_name_and_format_of_its_image(tmp_path, name, result):
    assert plan(tmp_path / "in" / name, output=tmp_path / "out") == [result]


def test_a_series_becomes_nifti_where_segmentations_cannot_be_written(tmp_path):
    assert plan(tmp_path / "heart", output=tmp_path / "out", dicom=False) == ["heart.nii.gz"]
    assert plan(tmp_path / "heart", output=tmp_path / "out", dicom=False, into="dicom-seg") == ["heart.dcm"]


@pytest.mark.parametrize(("into", "suffix"), [("nifti", ".nii.gz"), ("nrrd", ".nrrd"), ("mha", ".mha")])
def test_one_format_can_be_asked_for(tmp_path, into, suffix):
    images = [tmp_path / "a.nii.gz", tmp_path / "b.mha", tmp_path / "c"]
    assert plan(*images, output=tmp_path / "out", into=into) == [f"{name}{suffix}" for name in "abc"]


def test_only_series_become_dicom_segmentations(tmp_path):
    with pytest.raises(InputErrors, match=r"1 input\(s\) cannot become DICOM segmentations(.|\n)*a\.nii"):
        plan(tmp_path / "a.nii", tmp_path / "b", output=tmp_path / "out", into="dicom-seg")


def test_images_of_one_name_keep_as_much_of_their_folders_as_tells_them_apart(tmp_path):
    images = [tmp_path / "in" / name for name in ("p1/ed/x.nii.gz", "p2/ed/x.nii.gz", "p2/y.nii.gz", "p2/es/X.nii.gz")]
    expected = ["p1/ed/x.nii.gz", "p2/ed/x.nii.gz", "y.nii.gz", "p2/es/X.nii.gz"]
    assert plan(*images, output=tmp_path / "out") == expected


def test_all_that_is_wrong_is_listed_at_once(tmp_path):
    there = tmp_path / "y.nii.gz"
    there.touch()
    (tmp_path / "z.nii").touch()
    images = [tmp_path / "a" / "x.nii.gz", tmp_path / "a" / "x.nii", tmp_path / "b" / "y.nii.gz", tmp_path / "z.nii"]
    with pytest.raises(InputErrors) as caught:
        plan(*images, output=tmp_path)
    collision, own, exists = caught.value.errors
    assert str(images[0]) in str(collision)
    assert str(images[1]) in str(collision)
    assert "would replace an input" in str(own)
    assert str(there) in str(exists)
    assert "--overwrite" in str(exists)
    assert "--resume" in str(exists)


@pytest.mark.parametrize("existing", ["overwrite", "resume"])
def test_results_that_are_there_are_no_error_where_it_is_said_what_becomes_of_them(tmp_path, existing):
    (tmp_path / "x.nii").touch()
    assert plan(tmp_path / "in" / "x.nii", output=tmp_path, existing=existing) == ["x.nii"]


@pytest.mark.parametrize("existing", ["overwrite", "refuse", "resume"])
def test_a_result_never_replaces_an_input(tmp_path, existing):
    (tmp_path / "x.nii.gz").touch()
    with pytest.raises(InputErrors, match="would replace an input") as caught:
        plan(tmp_path / "x.nii.gz", output=tmp_path, existing=existing)
    assert len(caught.value.errors) == 1


def test_many_results_that_are_there_are_counted(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.nii").touch()
    with pytest.raises(InputErrors, match=r"7 result\(s\) are there already\n.*, …\n"):
        plan(*[tmp_path / "in" / f"{number}.nii" for number in range(7)], output=tmp_path)
