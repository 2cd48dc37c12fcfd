import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.sources.phantom import write_phantom
from medsize.data.splits import patient_folds
from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError

GROUPS = ["DCM", "HCM", "MINF", "NOR", "RV"]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(folder, patients=6, seed=1, size=48)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_phantom_is_found_as_acdc_is(phantom: Path) -> None:
    cases = find_acdc_cases(phantom)
    assert len(cases) == 12
    assert [case.phase for case in cases] == ["ED", "ES"] * 6
    assert [case.pathology for case in cases[::2]] == [*GROUPS, "DCM"]
    assert all(case.label is not None for case in cases)
    assert set(patient_folds(cases).values()) <= set(range(5))


def test_info_has_the_keys_of_acdc(phantom: Path) -> None:
    lines = (phantom / "training" / "patient002" / "Info.cfg").read_text("utf-8").splitlines()
    info = dict(line.split(": ") for line in lines)
    assert list(info) == ["ED", "ES", "Group", "Height", "NbFrame", "Weight"]
    assert int(info["ED"]) == 1 < int(info["ES"]) < int(info["NbFrame"])
    assert 120 < float(info["Height"]) < 220


def test_images_and_labels_are_read_with_every_check(phantom: Path) -> None:
    for case in find_acdc_cases(phantom):
        image = read_volume(case.image)
        assert case.label is not None
        label = read_label(case.label, like=image, allowed=ACDC_LABELS.values())
        assert 8 <= image.spacing_mm[2] <= 10
        assert image.spacing_mm[0] == image.spacing_mm[1] > 1.5
        assert {1, 2, 3} <= set(np.unique(label.array).tolist())


def test_files_are_int16_images_and_uint8_labels_whose_header_agrees_with_their_affine(phantom: Path) -> None:
    folder = phantom / "training" / "patient001"
    image, label = (nib.load(folder / f"patient001_frame01{end}.nii.gz") for end in ("", "_gt"))
    assert (image.get_data_dtype(), label.get_data_dtype()) == (np.int16, np.uint8)
    assert image.header.get_xyzt_units()[0] == "mm"
    for file in (image, label):
        np.testing.assert_allclose(file.get_sform(), file.affine)
        np.testing.assert_allclose(file.get_qform(), file.affine, atol=1e-5)
        np.testing.assert_allclose(file.header.get_zooms(), np.abs(np.diag(file.affine))[:3], rtol=1e-6)


def test_volumes_are_those_of_hearts(phantom: Path) -> None:
    volumes = {}
    for case in find_acdc_cases(phantom):
        assert case.label is not None
        label = read_label(case.label, None, ACDC_LABELS.values())
        volumes[case.group, case.phase] = np.count_nonzero(label.array == ACDC_LABELS["lv"]) * label.voxel_ml
    for patient in {group for group, _ in volumes}:
        full, empty = volumes[patient, "ED"], volumes[patient, "ES"]
        assert 50 < full < 400
        assert 0.1 < (full - empty) / full < 0.9
    assert volumes["patient001", "ED"] > volumes["patient002", "ED"], "dilated against hypertrophic"


def test_the_same_seed_writes_the_same_bytes_and_fewer_patients_are_the_first_ones(
    phantom: Path, tmp_path: Path
) -> None:
    write_phantom(tmp_path / "again", patients=2, seed=1, size=48)
    again = contents(tmp_path / "again")
    assert again.items() <= contents(phantom).items()
    assert len(again) == 2 * 5


def test_another_seed_writes_other_patients(phantom: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path / "other", patients=1, seed=2, size=48)
    assert not set(contents(tmp_path / "other").values()) & set(contents(phantom).values())


def test_progress_counts_patients(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_phantom(tmp_path / "data", patients=2, size=32, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    write_phantom(folder, patients=1, size=32)
    assert [path.name for path in folder.iterdir()] == ["training"]


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"is not empty\n.*new or empty folder(?s:.)*mine.txt(?s:.)*another folder"):
        write_phantom(tmp_path, patients=1, size=32)
    assert contents(tmp_path).keys() == {"mine.txt"}


def test_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(InputError, match=r"found:    a file"):
        write_phantom(path, patients=1, size=32)


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path / "data", patients=2, size=32, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
