from pathlib import Path

import pytest

from medsize.data.case import Case
from medsize.data.sources.manifest import read_manifest
from medsize.errors import InputError, InputErrors

HEADER = "case,group,image,label,split,fold\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scans").mkdir()
    for name in "abc":
        (tmp_path / "scans" / f"{name}.nii.gz").touch()
        (tmp_path / "scans" / f"{name}_gt.nii.gz").touch()
    return tmp_path


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "manifest.csv").write_text(text, encoding=encoding)
    return folder / "manifest.csv"


def row(name: str, *, group: str = "", split: str = "", fold: str = "") -> str:
    return f"{name},{group},scans/{name}.nii.gz,scans/{name}_gt.nii.gz,{split},{fold}\n"


def test_a_row_is_a_case_with_paths_beside_the_manifest(folder: Path) -> None:
    path = manifest(folder, HEADER + row("a", group="p1", split="train", fold="3") + "b,,scans/b.nii.gz,,test,\n")
    first, second = read_manifest(path)
    assert first == Case(
        id="a",
        group="p1",
        image=folder / "scans" / "a.nii.gz",
        label=folder / "scans" / "a_gt.nii.gz",
        split="train",
        fold=3,
    )
    assert second == Case(id="b", group="b", image=folder / "scans" / "b.nii.gz", split="test")


def test_only_case_and_image_are_needed_and_other_columns_are_left_alone(folder: Path) -> None:
    path = manifest(folder, "image,age,case\nscans/a.nii.gz,62,007\n")
    assert read_manifest(path) == [Case(id="007", group="007", image=folder / "scans" / "a.nii.gz")]


def test_spreadsheets_habits_do_no_harm(folder: Path) -> None:
    text = "case , image\r\n a , scans/a.nii.gz \r\n,\r\n\r\n"
    assert [case.id for case in read_manifest(manifest(folder, text, encoding="utf-8-sig"))] == ["a"]


def test_absolute_paths_are_taken_as_they_are(folder: Path) -> None:
    path = manifest(folder, f"case,image\na,{folder}/scans/a.nii.gz\n")
    assert read_manifest(path)[0].image == folder / "scans" / "a.nii.gz"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"no column case and no column image(.|\n)*an empty file"),
        (HEADER, "lists no case"),
        ("case;image\na;scans/a.nii.gz\n", r"separated by semicolons(.|\n)*with commas"),
        ("case,imgae\na,b\n", r"no column image(.|\n)*did you mean 'image' by 'imgae'\?"),
        ("case,image,Label\na,b,c\n", r"not known(.|\n)*did you mean 'label' by 'Label'\?"),
        ("case,image,image\na,b,c\n", "a column is there twice"),
        ("case,image\na,scans/a.nii.gz,train\n", r"row 2 has too many values(.|\n)*quotation marks"),
        ('case,image\na,"scans/a.nii.gz\n', "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(manifest(folder, text))
    assert "manifest.csv" in caught.value.problem


def test_a_missing_manifest_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"absent.csv: no such file"):
        read_manifest(folder / "absent.csv")


def test_a_table_in_another_encoding_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read(.|\n)*UTF-8"):
        read_manifest(manifest(folder, "case,image\nä,scans/a.nii.gz\n", encoding="latin-1"))


def test_every_row_that_is_wrong_is_named_at_once(folder: Path) -> None:
    rows = [
        row("a"),
        "b,,scans/absent.nii.gz,,,\n",
        "c,,scans/c.nii.gz,scans/absent_gt.nii.gz,,\n",
        row("d", split="training"),
        row("e", fold="-1"),
        ",,scans/f.nii.gz,,,\n",
        "g,,,,,\n",
        "h/i,,scans/h.nii.gz,,,\n",
        "a,,scans/b.nii.gz,,,\n",
        "j,,scans/a.nii.gz,,,\n",
    ]
    with pytest.raises(InputErrors) as caught:
        read_manifest(manifest(folder, HEADER + "".join(rows)))
    problems = [" ".join(str(error).split()) for error in caught.value.errors]
    expected = [
        ("row 3 (case b): no such file", "absent.nii.gz", "relative to the folder of the manifest"),
        ("row 4 (case c): no such file", "absent_gt.nii.gz"),
        ("row 5: the split cannot be used", "train, val, test or empty", "found: training"),
        ("row 6: the fold cannot be used", "found: -1"),
        ("row 7: the case is empty",),
        ("row 8: the image is empty",),
        ("row 9: a case may not be named 'h/i'",),
        ("case 'a' is in rows 2, 10",),
        ("image 'scans/a.nii.gz' is in rows 2, 11",),
    ]
    assert len(problems) == len(expected)
    for problem, parts in zip(problems, expected, strict=True):
        assert all(part in problem for part in parts), problem


def test_a_group_on_two_sides_of_the_split_is_a_leak(folder: Path) -> None:
    text = HEADER + row("a", group="p1", split="train", fold="0") + row("b", group="p1", split="val", fold="0")
    with pytest.raises(InputErrors, match=r"1 problem:(.|\n)*group 'p1' is on both sides: a leak(.|\n)*train, val"):
        read_manifest(manifest(folder, text))


def test_a_group_in_two_folds_is_a_leak(folder: Path) -> None:
    text = HEADER + row("a", group="p1", fold="0") + row("b", group="p1") + row("c", group="p2", fold="1")
    with pytest.raises(InputErrors, match=r"group 'p1'(.|\n)*in one fold(.|\n)*found: +0, empty"):
        read_manifest(manifest(folder, text))
