import os
import unicodedata
from pathlib import Path

import pytest

from medsize.data.inputs import Image
from medsize.errors import InputError, InputErrors
from medsize.inference.jobs import Job, inside, plan_jobs

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
    found = plan_jobs([image(path) for path in images], output, into=into, existing=existing, dicom=dicom)
    assert not found.problems
    assert [job.image.path for job in found.jobs] == list(images)
    assert all(job.output.name.startswith(Path(job.name).name) for job in found.jobs)
    assert [job.output for job in found.jobs] == [output / job.file for job in found.jobs]
    return [job.file for job in found.jobs]


def problem(*images: Path, output: Path, **options) -> str:
    """What is wrong with the first image, where the last has a job all the same."""
    found = plan_jobs(
        [image(path) for path in images], output, **{"into": None, "existing": "refuse", "dicom": True} | options
    )
    assert [job.image.path for job in found.jobs] == [images[-1]]
    (only,) = found.problems
    return str(only)


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


def test_only_series_become_dicom_segmentations_and_the_others_have_no_job(tmp_path):
    said = problem(tmp_path / "a.nii", tmp_path / "b", output=tmp_path / "out", into="dicom-seg")
    assert said.startswith("1 input(s) cannot become DICOM segmentations")
    assert str(tmp_path / "a.nii") in said


def test_two_images_of_one_result_have_no_job_and_the_others_have(tmp_path):
    twins = [tmp_path / "x.nii.gz", tmp_path / "X.nii"]
    said = problem(*twins, tmp_path / "y.nii", output=tmp_path / "out")
    assert said.startswith("2 inputs would be written to")
    assert all(str(twin) in said for twin in twins)


def test_one_name_in_composed_and_in_other_letters_is_one(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é.nii") for form in ("NFC", "NFD"))
    assert "2 inputs" in problem(
        tmp_path / composed, tmp_path / decomposed, tmp_path / "y.nii", output=tmp_path / "out"
    )


@pytest.mark.parametrize(
    ("name", "result"),
    [
        (os.fsdecode(b"caf\xe9.nii"), "caf%E9.nii"),
        ("a\x1b[31mb.nii", "a%1B[31mb.nii"),
        ("a\nb.nii", "a%0Ab.nii"),
        ("ä心 臓.nii", "ä心 臓.nii"),
        ("50%.nii", "50%.nii"),
    ],
)
def test_letters_that_are_none_become_their_bytes_in_the_name_of_a_result(tmp_path, name, result):
    assert plan(tmp_path / "in" / name, output=tmp_path / "out") == [result]
    result.encode("utf-8")


def test_what_is_told_apart_by_folders_has_plain_folders(tmp_path):
    images = [tmp_path / os.fsdecode(b"\xe9") / "x.nii", tmp_path / "e" / "x.nii"]
    assert plan(*images, output=tmp_path / "out") == ["%E9/x.nii", "e/x.nii"]


def test_two_names_that_come_to_one_have_no_job(tmp_path):
    names = [os.fsdecode(b"caf\xe9.nii"), "caf%E9.nii"]
    said = problem(*[tmp_path / name for name in names], tmp_path / "y.nii", output=tmp_path / "out")
    assert said.startswith("2 inputs would be written to")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "x\0", "x_../../../../esc"])
def test_no_name_leads_out_of_the_folder_of_results(tmp_path, name):
    with pytest.raises(InputError, match="a result cannot be called"):
        inside(tmp_path, name)
    with pytest.raises(InputError, match="a result cannot be called"):
        _ = Job(image(tmp_path / "x.nii"), tmp_path, name, ".nii").output


def test_no_structure_leads_out_of_the_folder_of_results(tmp_path):
    job = Job(image(tmp_path / "x.nii"), tmp_path / "out", "x", ".nii")
    with pytest.raises(InputError, match="rename the image, or the structure"):
        job.probability("../../../../esc")


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
def test_a_result_never_replaces_an_input_and_the_others_have_a_job(tmp_path, existing):
    (tmp_path / "x.nii.gz").touch()
    said = problem(tmp_path / "x.nii.gz", tmp_path / "in" / "y.nii", output=tmp_path, existing=existing)
    assert "would replace an input" in said


def test_a_result_never_replaces_what_an_input_is_a_link_to(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.nii").touch()
    (tmp_path / "in" / "x.nii").symlink_to(tmp_path / "out" / "x.nii")
    found = plan_jobs([image(tmp_path / "in" / "x.nii")], tmp_path / "out", into=None, existing="overwrite", dicom=True)
    assert not found.jobs
    assert "would replace an input" in str(found.problems[0])


def test_many_results_that_are_there_are_counted(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.nii").touch()
    with pytest.raises(InputErrors, match=r"7 result\(s\) are there already\n.*, …\n"):
        plan(*[tmp_path / "in" / f"{number}.nii" for number in range(7)], output=tmp_path)
