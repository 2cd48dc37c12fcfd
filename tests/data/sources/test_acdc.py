from pathlib import Path

import pytest

from medsize.data.case import Case
from medsize.data.sources.acdc import find_acdc_cases
from medsize.errors import InputError, InputErrors
from tests.data.niftis import grey_volume, write_nifti, write_patient


def test_a_case_is_an_annotated_frame_with_what_info_says(acdc: Path) -> None:
    first, second, *_ = find_acdc_cases(acdc)
    folder = acdc / "training" / "patient001"
    assert first == Case(
        id="patient001_frame01",
        group="patient001",
        image=folder / "patient001_frame01.nii.gz",
        label=folder / "patient001_frame01_gt.nii.gz",
        frame=1,
        phase="ED",
        pathology="DCM",
    )
    assert (second.id, second.frame, second.phase) == ("patient001_frame12", 12, "ES")


@pytest.mark.parametrize("where", ["..", ".", "training"])
def test_the_data_set_is_found_from_above_and_from_below(acdc: Path, where: str) -> None:
    cases = find_acdc_cases((acdc / where).resolve())
    assert [case.id for case in cases] == [f"patient{n:03d}_frame{f:02d}" for n in (1, 2, 3) for f in (1, 12)]


def test_one_patient_can_be_named(acdc: Path) -> None:
    assert {case.group for case in find_acdc_cases(acdc / "training" / "patient002")} == {"patient002"}


def test_the_cine_and_other_files_are_no_cases(acdc: Path) -> None:
    folder = acdc / "training" / "patient001"
    write_nifti(folder / "patient001_4d.nii.gz", grey_volume())
    (folder / "notes.txt").touch()
    (acdc / "training" / "MANDATORY_CITATION.md").touch()
    assert len(find_acdc_cases(acdc)) == 6


def test_a_frame_without_a_label_is_a_case_without_one(acdc: Path) -> None:
    (acdc / "training" / "patient001" / "patient001_frame01_gt.nii.gz").unlink()
    first, second, *_ = find_acdc_cases(acdc)
    assert first.label is None
    assert second.label is not None


def test_uncompressed_files_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "patient007"
    for name in ("patient007_frame01", "patient007_frame01_gt", "patient007_frame02"):
        write_nifti(folder / f"{name}.nii", grey_volume())
    (folder / "Info.cfg").write_text("ED: 1\nES: 2\nGroup: NOR\n")
    first, second = find_acdc_cases(tmp_path)
    assert first.label == folder / "patient007_frame01_gt.nii"
    assert second.label is None


def test_patients_of_testing_are_for_the_test_beside_training(acdc: Path) -> None:
    write_patient(acdc / "testing", 101, "HCM")
    assert {case.group: case.split for case in find_acdc_cases(acdc)} == {
        "patient001": "",
        "patient002": "",
        "patient003": "",
        "patient101": "test",
    }
    assert {case.split for case in find_acdc_cases(acdc / "testing")} == {""}


def test_a_missing_folder_is_refused_and_says_where_acdc_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder(.|\n)*creatis(.|\n)*medsize data phantom"):
        find_acdc_cases(tmp_path / "absent")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not an ACDC data set(.|\n)*found: +an empty folder"):
        find_acdc_cases(tmp_path)


def test_another_folder_is_refused_with_its_content(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"scan{number}.nii.gz").touch()
    with pytest.raises(InputError, match=r"found: +scan0.nii.gz, (.|\n)*scan5.nii.gz, …"):
        find_acdc_cases(tmp_path)


def test_two_data_sets_below_are_told_apart(tmp_path: Path) -> None:
    write_patient(tmp_path / "one" / "training", 1)
    write_patient(tmp_path / "two", 2)
    with pytest.raises(InputError, match=r"several data sets: one, two(.|\n)*name one of them"):
        find_acdc_cases(tmp_path)


def test_everything_wrong_with_patients_is_listed_at_once(acdc: Path) -> None:
    training = acdc / "training"
    (training / "patient001" / "Info.cfg").unlink()
    (training / "patient002" / "patient002_frame12.nii.gz").unlink()
    (training / "patient003" / "Info.cfg").write_text("ED: one\nES: 12\n")
    (training / "patient004").mkdir()
    (training / "patient004" / "Info.cfg").write_text("ED: 1\nES: 2\nGroup: RV\n")
    with pytest.raises(InputErrors) as caught:
        find_acdc_cases(acdc)
    problems = [str(error) for error in caught.value.errors]
    assert len(problems) == 4
    assert "patient001 has no Info.cfg" in problems[0]
    assert "no image of frame 12 (ES)" in problems[1]
    assert "found:    ED: one, Group: missing" in problems[2]
    assert "no image of frame 1 (ED) and frame 2 (ES)" in problems[3]
    assert "found:    no frame at all" in problems[3]


def test_real_acdc_has_200_scans_of_100_patients(real_acdc: Path) -> None:
    cases = find_acdc_cases(real_acdc)
    assert len(cases) == 200
    assert len({case.group for case in cases}) == 100
    assert [case.phase for case in cases[:2]] == ["ED", "ES"]
    assert all(case.label for case in cases)
    assert find_acdc_cases(real_acdc.parent) == find_acdc_cases(real_acdc / "training") == cases
