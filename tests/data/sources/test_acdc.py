import codecs
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.data.case import Case
from medsize.data.sources.acdc import find_acdc_cases
from medsize.errors import InputError, InputErrors
from tests.data.niftis import grey_volume, write_nifti, write_patient
from tests.fuzzing import fuzz


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
    assert "found:    ED: one" in problems[2]
    assert "no image of frame 1 (ED) and frame 2 (ES)" in problems[3]
    assert "found:    no frame at all" in problems[3]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, b""])
@pytest.mark.parametrize("name", ["Info.cfg", "info.cfg"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_info_of_other_systems_is_read_alike(acdc: Path, mark: bytes, name: str, end: str) -> None:
    folder = acdc / "training" / "patient001"
    text = (folder / "Info.cfg").read_text()
    (folder / "Info.cfg").unlink()
    (folder / name).write_bytes(mark + text.replace("\n", end).encode())
    assert [(case.phase, case.pathology) for case in find_acdc_cases(folder)] == [("ED", "DCM"), ("ES", "DCM")]


def test_what_macos_adds_is_left_aside(acdc: Path) -> None:
    for path in [*acdc.rglob("*.nii.gz"), *acdc.rglob("Info.cfg"), *acdc.glob("training/patient*")]:
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    assert len(find_acdc_cases(acdc)) == 6


def test_a_folder_around_each_file_is_looked_into(acdc: Path) -> None:
    plain = find_acdc_cases(acdc)
    for path in list(acdc.rglob("*_frame*.nii.gz")):
        content = path.read_bytes()
        path.unlink()
        folder = path.with_suffix("")
        folder.mkdir()
        (folder / folder.name).write_bytes(gzip.decompress(content))
        (folder / f"._{folder.name}").touch()
    found = find_acdc_cases(acdc)
    assert [replace(case, image=Path(), label=None) for case in found] == [
        replace(case, image=Path(), label=None) for case in plain
    ]
    for case, before in zip(found, plain, strict=True):
        assert case.label is not None
        assert case.image.name == before.image.name.removesuffix(".gz")
        assert case.label.name == case.image.name.replace(".nii", "_gt.nii")


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ([], "an empty folder"),
        (["a.nii", "b.nii"], "a.nii, b.nii"),
        (["patient001_frame12.nii"], "patient001_frame12.nii"),
        (["patient001_frame01_gt.nii"], "patient001_frame01_gt.nii"),
    ],
)
def test_a_folder_around_another_file_or_several_is_refused(acdc: Path, inside: list[str], found: str) -> None:
    folder = acdc / "training" / "patient001"
    (folder / "patient001_frame01.nii.gz").unlink()
    (folder / "patient001_frame01.nii").mkdir()
    for name in inside:
        (folder / "patient001_frame01.nii" / name).touch()
    with pytest.raises(InputErrors, match=rf"patient001_frame01\.nii is a folder(.|\n)*found: +{found}"):
        find_acdc_cases(acdc)


def test_nnunets_layout_is_named_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "imagesTr" / "patient001_frame01_0000.nii.gz").touch()
    with pytest.raises(InputError, match=r"in nnU-Net's layout \(imagesTr\)(.|\n)*manifest(.|\n)*rv: 1, myo: 2, lv: 3"):
        find_acdc_cases(tmp_path)


def test_patients_of_whom_no_group_is_told_have_no_pathology(acdc: Path) -> None:
    write_patient(acdc / "testing", 101, "HCM")
    info = acdc / "testing/patient101/Info.cfg"
    info.write_text("".join(f"{line}\n" for line in info.read_text().splitlines() if "Group" not in line))
    cases = find_acdc_cases(acdc)
    assert {case.group: case.pathology for case in cases} == {
        "patient001": "DCM",
        "patient002": "DCM",
        "patient003": "NOR",
        "patient101": None,
    }
    assert {case.split for case in cases if case.group == "patient101"} == {"test"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ED: 1\nES: 1\n", "frame 1"),
        ("ED: 1\nED: 2\nES: 12\n", "ED: 1 and 2"),
        ("ED: 1\nES: 12\nGroup: DCM\nGroup: HCM\n", "Group: DCM and HCM"),
        (f"ED: {'9' * 5000}\nES: 12\n", "ED: 9+"),
        ("ED: \x1b[31m\nES: 12\n", r"ED: '\\x1b\[31m'"),
        ("", "ED: missing, ES: missing"),
    ],
)
def test_info_that_contradicts_itself_or_says_nothing_is_refused(acdc: Path, text: str, found: str) -> None:
    (acdc / "training/patient001/Info.cfg").write_text(text)
    with pytest.raises(InputErrors, match=rf"Info\.cfg (cannot be used|names one frame)(.|\n)*found: +{found}$"):
        find_acdc_cases(acdc)


def test_two_files_of_one_frame_and_files_of_others_are_refused(acdc: Path) -> None:
    training = acdc / "training"
    write_nifti(training / "patient001/patient001_frame01.nii", grey_volume())
    write_nifti(training / "patient002/patient001_frame01.nii.gz", grey_volume())
    with pytest.raises(InputErrors) as caught:
        find_acdc_cases(acdc)
    first, second = map(str, caught.value.errors)
    assert "patient001: two images of frame 1" in first
    assert "patient002 holds a file of another patient" in second


def test_links_that_lead_nowhere_are_named_and_no_label_is_lost(acdc: Path) -> None:
    training = acdc / "training"
    (training / "patient001/patient001_frame01_gt.nii.gz").unlink()
    (training / "patient001/patient001_frame01_gt.nii.gz").symlink_to("../annex/a")
    (training / "patient004").symlink_to("/annex/patient004")
    with pytest.raises(InputErrors) as caught:
        find_acdc_cases(acdc)
    first, second = map(str, caught.value.errors)
    assert "patient001_frame01_gt.nii.gz is a link to a file that is not there\n  found:    ../annex/a" in first
    assert "patient004 is a link" in second


def test_a_patient_that_may_not_be_read_is_listed_with_the_others(acdc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (acdc / "training/patient003/Info.cfg").unlink()
    list_folder = Path.iterdir

    def forbidden(folder: Path) -> Iterator[Path]:
        if folder.name == "patient002":
            raise PermissionError(13, "Permission denied")
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(InputErrors) as caught:
        find_acdc_cases(acdc)
    first, second = map(str, caught.value.errors)
    assert "patient002 cannot be read" in first
    assert "found:    Permission denied" in first
    assert "patient003 has no Info.cfg" in second


INFO_LINES = st.one_of(
    st.sampled_from(
        ["ED: 1", "ES: 12", "ED:1", "ES : 12 ", "ES: 1", "Group: DCM", "Group:", "Group: NOR", "ED: ٣", ""]
    ),
    st.text(max_size=15),
)


@fuzz()
@given(st.lists(INFO_LINES, max_size=6), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
def test_any_info_is_read_as_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], encoding: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "patient001"
    folder.mkdir(exist_ok=True)
    for frame in (1, 12):
        (folder / f"patient001_frame{frame:02d}.nii").touch()
    (folder / "Info.cfg").write_bytes("\n".join(lines).encode(encoding, errors="replace"))
    try:
        cases = find_acdc_cases(folder)
    except InputError:
        return
    pairs = [line.split(":", 1) for line in "\n".join(lines).splitlines() if ":" in line]
    told = {key.strip(): value.strip() for key, value in pairs}
    assert {case.phase: case.frame for case in cases} == {"ED": int(told["ED"]), "ES": int(told["ES"])}
    assert {case.pathology for case in cases} == {told.get("Group") or None}


@fuzz()
@given(st.binary(max_size=60))
def test_any_bytes_are_info_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "patient002"
    folder.mkdir(exist_ok=True)
    (folder / "Info.cfg").write_bytes(content)
    with pytest.raises(InputError):  # no frame is there
        find_acdc_cases(folder)


def test_real_acdc_has_200_scans_of_100_patients(real_acdc: Path) -> None:
    cases = find_acdc_cases(real_acdc)
    assert len(cases) == 200
    assert len({case.group for case in cases}) == 100
    assert [case.phase for case in cases[:2]] == ["ED", "ES"]
    assert all(case.label for case in cases)
    assert find_acdc_cases(real_acdc.parent) == find_acdc_cases(real_acdc / "training") == cases
