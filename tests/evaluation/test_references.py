import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.errors import InputError, InputErrors
from medsize.evaluation.references import choose_structures, find_references, label_files


def write(path: Path, value: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros((4, 4, 2), np.uint8)
    array[1:3, 1:3] = value
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    return path


def test_files_are_found_by_case_in_every_format_and_only_directly_in_the_folder(tmp_path):
    for name in ("b.nii", "a_gt.nii.gz", "c.NRRD", "d.mha", ".hidden.nii", "notes.txt", "below/e.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert {name: path.name for name, path in label_files(tmp_path).items()} == {
        "a": "a_gt.nii.gz", "b": "b.nii", "c": "c.NRRD", "d": "d.mha",
    }  # fmt: skip


def test_beside_its_label_a_file_of_the_same_name_is_the_image(tmp_path):
    for name in ("a.nii.gz", "a_gt.nii.gz", "b.nii.gz"):
        (tmp_path / name).touch()
    assert [path.name for path in label_files(tmp_path).values()] == ["a_gt.nii.gz", "b.nii.gz"]


def test_two_files_of_one_case_are_refused(tmp_path):
    for name in ("a.nii.gz", "a.mha", "b.nii"):
        (tmp_path / name).touch()
    with pytest.raises(InputErrors, match=r"2 files are of case a") as caught:
        label_files(tmp_path)
    assert "a.mha, a.nii.gz" in str(caught.value)


def test_a_folder_of_labels_takes_each_case_for_its_own_group(tmp_path):
    write(tmp_path / "p1_gt.nii.gz")
    found = find_references(tmp_path, beside=tmp_path)
    assert [(case.id, case.group, case.label) for case in found.cases] == [("p1", "p1", tmp_path / "p1_gt.nii.gz")]
    assert found.labels() == {}
    assert "each case is its own" in found.groups_from


@pytest.mark.parametrize("place", ["references", ".", "predictions"])
def test_nnunets_dataset_json_names_the_structures(tmp_path, place):
    write(tmp_path / "references/a.nii.gz")
    (tmp_path / "predictions").mkdir()
    names = {"labels": {"background": 0, "lv": 1, "myo": 2}}
    (tmp_path / place / "dataset.json").write_text(json.dumps(names))
    assert find_references(tmp_path / "references", beside=tmp_path / "predictions").labels() == {"lv": 1, "myo": 2}


def test_acdc_knows_its_patients_phases_and_structures(tiny_acdc, tmp_path):
    found = find_references(tiny_acdc, beside=tmp_path)
    assert len(found.cases) == 20
    assert (found.cases[0].group, found.cases[0].phase, found.cases[0].pathology) == ("patient001", "ED", "DCM")
    assert found.labels() == {"rv": 1, "myo": 2, "lv": 3}


def test_frames_of_acdc_without_a_label_are_listed(tiny_acdc, tmp_path):
    root = shutil.copytree(tiny_acdc, tmp_path / "acdc")
    (root / "training/patient003/patient003_frame09_gt.nii.gz").unlink()
    found = find_references(root, beside=tmp_path)
    assert found.unevaluated == ("patient003_frame09",)
    assert len(found.cases) == 19


def test_damage_in_an_acdc_folder_is_told_as_it_is(tiny_acdc, tmp_path):
    root = shutil.copytree(tiny_acdc, tmp_path / "acdc")
    (root / "training/patient003/Info.cfg").unlink()
    with pytest.raises(InputErrors, match=r"no Info\.cfg"):
        find_references(root, beside=tmp_path)


def write_manifest(folder: Path, *rows: str) -> Path:
    for name in ("i1", "i2", "i3", "l1", "l2", "l3"):
        write(folder / f"{name}.nii.gz")
    path = folder / "manifest.csv"
    path.write_text("\n".join(("case,group,image,label,split", *rows)) + "\n")
    return path


def test_of_a_manifest_with_a_split_the_held_out_cases_count_and_the_others_are_counted(tmp_path):
    manifest = write_manifest(
        tmp_path, "a,p1,i1.nii.gz,l1.nii.gz,train", "b,p2,i2.nii.gz,l2.nii.gz,val", "c,p3,i3.nii.gz,,test"
    )
    found = find_references(manifest, beside=tmp_path)
    assert [(case.id, case.group, case.split) for case in found.cases] == [("b", "p2", "val")]
    assert (found.left_out, found.unevaluated) == (("a",), ("c",))
    assert found.groups_from == "the column group of manifest.csv"


def test_of_a_manifest_without_a_split_every_case_counts(tmp_path):
    manifest = write_manifest(tmp_path, "a,p1,i1.nii.gz,l1.nii.gz,", "b,p2,i2.nii.gz,l2.nii.gz,")
    found = find_references(manifest, beside=tmp_path)
    assert ([case.id for case in found.cases], found.left_out) == (["a", "b"], ())


def test_a_manifest_without_labels_is_refused(tmp_path):
    with pytest.raises(InputError, match="names no label to compare with"):
        find_references(write_manifest(tmp_path, "a,p1,i1.nii.gz,,"), beside=tmp_path)


def test_what_is_not_there_or_holds_no_label_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        find_references(tmp_path / "gone", beside=tmp_path)
    with pytest.raises(InputError, match="an empty folder"):
        find_references(tmp_path, beside=tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds no label files(.|\n)*notes\.txt"):
        find_references(tmp_path, beside=tmp_path)


KNOWN = {"rv": 1, "myo": 2, "lv": 3}


@pytest.mark.parametrize(
    ("given", "known", "chosen"),
    [
        ((), KNOWN, KNOWN),
        (("lv",), KNOWN, {"lv": 3}),
        (("lv=5", "rv"), KNOWN, {"lv": 5, "rv": 1}),
        ((" lv = 3 ",), {}, {"lv": 3}),
    ],
)
def test_structures_are_those_given_else_all_that_are_known(given, known, chosen):
    assert choose_structures(given, known) == chosen


@pytest.mark.parametrize("text", ["lv", "lv=0", "lv=256", "lv=x", "=3", "", "lv=1.5", "lv=-1"])
def test_a_structure_without_a_usable_value_is_refused(text):
    with pytest.raises(InputError, match="--structure cannot be used"):
        choose_structures([text], {})


def test_a_misspelt_structure_is_guessed_and_one_twice_refused():
    with pytest.raises(InputError, match="did you mean 'myo'"):
        choose_structures(["mio"], KNOWN)
    with pytest.raises(InputError, match="twice"):
        choose_structures(["lv", "lv"], KNOWN)
    with pytest.raises(InputError, match="twice"):
        choose_structures(["a=1", "b=1"], {})


def test_without_any_names_the_option_is_asked_for():
    with pytest.raises(InputError, match="nothing says what the values in the label files mean"):
        choose_structures([], {})
