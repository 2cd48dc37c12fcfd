import json
from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.evaluation.dataset_json import named_labels


def labels_of(folder: Path, labels: object) -> dict[str, int]:
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return named_labels(folder)


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0, "RV": 1, "MLV": 2, "LVC": 3},
        {"background": "0", "RV": "1", "MLV": "2", "LVC": "3"},
        {"0": "background", "1": "RV", "2": "MLV", "3": "LVC"},
        {"Background": 0.0, "RV": 1.0, "MLV": 2.0, "LVC": 3.0},
        {"RV": 1, "MLV": 2, "LVC": 3},
    ],
)
def test_every_order_that_nnunet_wrote_names_the_same(tmp_path: Path, labels: object) -> None:
    assert labels_of(tmp_path, labels) == {"RV": 1, "MLV": 2, "LVC": 3}


def test_the_first_folder_that_has_one_counts_and_a_mark_of_byte_order_does_not(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_bytes(b'\xef\xbb\xbf{"labels": {"lv": 1}}')
    assert named_labels(tmp_path / "gone", tmp_path) == {"lv": 1}
    assert named_labels(tmp_path / "gone") == {}


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"whole": [1, 2]}, r"whole: \[1, 2\], a region of several values"),
        ({"lv": 256}, "'256', which is no whole number from 0 to 255"),
        ({"lv": -1}, "'-1'"),
        ({"lv": 1.5}, "'1.5'"),
        ({"lv": True}, "'True'"),
        ({"lv": None}, "'None'"),
        ({"lv": {"value": 1}}, "no whole number"),
        ({"lv": "9" * 5000}, "'999999"),
        ({"lv": 1, "rv": 1}, "the value 1 for lv and for rv"),
        ({"0": "background", "1": "lv", "01": "rv"}, "the value 1 for"),
        (["lv"], "no names of labels in it"),
        (None, "no names of labels in it"),
    ],
)
def test_labels_that_cannot_be_used_are_said(tmp_path: Path, labels: object, found: str) -> None:
    with pytest.raises(InputError, match=rf"dataset\.json cannot be used(?s:.)*{found}(?s:.)*--structure NAME=VALUE"):
        labels_of(tmp_path, labels)


@pytest.mark.parametrize("content", ["", "{half", "[", "[" * 100_000, "\0"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=r"dataset\.json is no (JSON|text)"):
        named_labels(tmp_path)


@pytest.mark.parametrize("content", ["[]", "3", "{}"])
def test_a_file_without_labels_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(InputError, match="no names of labels in it"):
        named_labels(tmp_path)


def test_a_structure_cannot_lead_to_another_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot have this name"):
        labels_of(tmp_path, {"../esc": 1})
