import pytest

from medsize.errors import InputErrors
from medsize.inference.jobs import Job, plan_jobs


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize("name", ["heart.nii.gz", "heart.nii", "heart.nrrd", "heart.mha", "heart.MHD", "heart.NII.GZ"])
def test_every_format_becomes_a_compressed_nifti_of_its_name(tmp_path, name):
    image = touch(tmp_path / "in" / name)
    assert plan_jobs([image], tmp_path / "out", overwrite=False) == [Job(image, tmp_path / "out" / "heart.nii.gz")]


def test_a_folder_stands_for_the_images_in_and_below_it(tmp_path):
    names = ["b/x.nii.gz", "a.nii", "b/c/y.mha"]
    ignored = ["notes.txt", "x_gt.nii.gz", ".partial-h-1-ab-z.nii.gz"]
    for name in names + ignored:
        touch(tmp_path / "in" / name)
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out", overwrite=False)
    assert sorted(str(job.image.relative_to(tmp_path / "in")) for job in jobs) == sorted(names)


def test_results_inside_the_folder_of_images_are_no_images(tmp_path):
    image = touch(tmp_path / "x.nii.gz")
    touch(tmp_path / "out" / "earlier.nii.gz")
    assert plan_jobs([tmp_path], tmp_path / "out", overwrite=False) == [Job(image, tmp_path / "out" / "x.nii.gz")]


def test_a_folder_without_images_is_a_dicom_series_of_its_name(tmp_path):
    touch(tmp_path / "series" / "IM0001")
    jobs = plan_jobs([tmp_path / "series"], tmp_path / "out", overwrite=False)
    assert jobs == [Job(tmp_path / "series", tmp_path / "out" / "series.nii.gz")]


def test_an_image_named_twice_is_one_job(tmp_path):
    image = touch(tmp_path / "in" / "x.nii")
    assert len(plan_jobs([image, tmp_path / "in", image], tmp_path / "out", overwrite=False)) == 1


def test_all_that_is_wrong_is_listed_at_once(tmp_path):
    first, second = touch(tmp_path / "a" / "x.nii.gz"), touch(tmp_path / "b" / "x.nii")
    there = touch(tmp_path / "out" / "y.nii.gz")
    inputs = [tmp_path / "missing.nii", first, second, touch(tmp_path / "y.nii")]
    with pytest.raises(InputErrors) as caught:
        plan_jobs(inputs, tmp_path / "out", overwrite=False)
    missing, collision, exists = caught.value.errors
    assert "missing.nii: no such file or folder" in str(missing)
    assert str(first) in str(collision)
    assert str(second) in str(collision)
    assert str(there) in str(exists)
    assert "--overwrite" in str(exists)


def test_overwrite_allows_results_that_are_there(tmp_path):
    image = touch(tmp_path / "x.nii")
    touch(tmp_path / "out" / "x.nii.gz")
    assert len(plan_jobs([image], tmp_path / "out", overwrite=True)) == 1


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_result_never_replaces_an_input(tmp_path, overwrite):
    image = touch(tmp_path / "x.nii.gz")
    with pytest.raises(InputErrors, match="would replace an input") as caught:
        plan_jobs([image], tmp_path, overwrite=overwrite)
    assert len(caught.value.errors) == 1


def test_many_results_that_are_there_are_counted(tmp_path):
    images = [touch(tmp_path / "in" / f"{number}.nii") for number in range(7)]
    for number in range(7):
        touch(tmp_path / "out" / f"{number}.nii.gz")
    with pytest.raises(InputErrors, match=r"7 result\(s\) are there already\n.*, …\n"):
        plan_jobs(images, tmp_path / "out", overwrite=False)
