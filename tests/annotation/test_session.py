import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize import files
from medsize.annotation.session import Item, open_session, read_record
from medsize.data.case import Case
from medsize.errors import InputError, InputErrors
from tests.annotation.conftest import OpenTiny


def test_every_slice_of_every_case_is_shown_once_in_an_order_of_the_seed(open_tiny: OpenTiny):
    items = open_tiny().items
    assert len(items) == len(set(items)) == 60
    assert {item.slice for item in items} == {0, 1, 2}
    assert items == open_tiny().items
    other = open_tiny(seed=1).items
    assert other != items
    assert set(other) == set(items)


def test_whole_cases_are_items_without_a_slice(open_tiny: OpenTiny):
    items = open_tiny(level="volume").items
    assert len(items) == 20
    assert Item("patient001_frame01", None) in items


def test_outside_of_practice_no_label_is_known(open_tiny: OpenTiny):
    assert all(case.label is None for case in open_tiny().cases.values())
    assert all(case.label is not None for case in open_tiny(practice=True).cases.values())


def test_practice_is_kept_apart(open_tiny: OpenTiny, tmp_path: Path):
    assert open_tiny(practice=True).folder == tmp_path / "annotations" / "practice"


def test_practice_needs_labels(tmp_path: Path, tiny_acdc: Path):
    image = next(tiny_acdc.glob("training/*/*01.nii.gz"))
    with pytest.raises(InputError, match="no case to practise on"):
        open_session(tmp_path, [Case("a", "a", image)], {"lv": 1}, ["lv"], level="slice", seed=0, practice=True)


def test_nothing_to_annotate_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="no case to annotate"):
        open_session(tmp_path, [], {"lv": 1}, ["lv"], level="slice", seed=0)


@pytest.mark.parametrize("name", ["background", "../esc", "=1+1", "a\x1b"])
def test_structures_and_cases_have_names_of_files(open_tiny: OpenTiny, tiny_acdc: Path, tmp_path: Path, name: str):
    with pytest.raises(InputError, match=r"cannot be called|cannot have this name"):
        open_tiny(structures=(name,))
    image = next(tiny_acdc.glob("training/*/*01.nii.gz"))
    if name != "background":
        with pytest.raises(InputError, match="cannot have this name"):
            open_session(tmp_path / "a", [Case(name, "g", image)], {"lv": 1}, ["lv"], level="slice", seed=0)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_gone_on_with_under_the_same_label_values_alone(open_tiny: OpenTiny, tiny_acdc: Path):
    session = open_tiny()
    open_tiny(structures=("rv",), level="volume")
    image = next(tiny_acdc.glob("training/*/*01.nii.gz"))
    with pytest.raises(InputError, match="annotations of other structures"):
        open_session(session.folder, [Case("a", "a", image)], {"lv": 1}, ["lv"], level="slice", seed=0)


def test_images_of_earlier_sessions_are_remembered(open_tiny: OpenTiny, tmp_path: Path):
    session = open_tiny()
    path = session.folder / "session.json"
    record = json.loads(path.read_text("utf-8"))
    record["images"]["earlier"] = str(tmp_path / "earlier.nii")
    path.write_text(json.dumps(record))
    open_tiny()
    assert {"earlier", "patient001_frame01"} <= read_record(session.folder).images.keys()


def test_images_that_cannot_be_read_are_named_all_at_once(tmp_path: Path):
    (tmp_path / "torn.nii.gz").write_bytes(b"no image")
    nib.save(nib.Nifti1Image(np.zeros((4, 4), np.float32), np.eye(4)), tmp_path / "flat.nii.gz")
    cases = [Case(name, name, tmp_path / f"{name}.nii.gz") for name in ("torn", "flat", "absent")]
    with pytest.raises(InputErrors) as caught:
        open_session(tmp_path / "a", cases, {"lv": 1}, ["lv"], level="slice", seed=0)
    assert all(name in str(caught.value) for name in ("torn", "flat", "absent"))
    assert not (tmp_path / "a").exists()


def test_a_folder_without_annotations_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="holds no annotations"):
        read_record(tmp_path)


@pytest.mark.parametrize("content", ["{", "", "[" * 100_000, "\0", "\xff", "null", "[]"])
def test_a_damaged_record_is_named(tmp_path: Path, content: str):
    (tmp_path / "session.json").write_text(content, "latin-1")
    with pytest.raises(InputError, match=r"session\.json (cannot be read|is no text)"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("images", {"../../esc": "a.nii"}),
        ("images", {"/tmp/esc": "a.nii"}),
        ("labels", {"lv": 256}),
        ("labels", {"lv": 0}),
        ("labels", {"background": 1}),
        ("labels", {"lv": 1, "rv": 1}),
        ("level", "voxel"),
    ],
)
def test_a_record_that_was_edited_into_what_cannot_be_is_named(open_tiny: OpenTiny, key: str, value: object):
    path = open_tiny().folder / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: value}), "utf-8")
    with pytest.raises(InputError, match=r"session\.json cannot be read"):
        read_record(path.parent)


def test_what_a_killed_process_left_is_removed_when_a_session_is_opened(open_tiny: OpenTiny):
    folder = open_tiny().folder
    left = folder / f".partial-{7:016x}"
    left.mkdir()
    (left / ".lock").write_text(files._machine())
    open_tiny()
    assert not left.exists()
