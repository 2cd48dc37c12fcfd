import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.data.case import Case
from medsize.data.sources.manifest import read_manifest
from medsize.errors import InputError, InputErrors
from medsize.names import check_name
from tests.fuzzing import fuzz

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
        ("case;imgae\na;b\n", r"no column image(.|\n)*found: +case, imgae(.|\n)*did you mean 'image' by 'imgae'\?"),
        ("case,image\n" + "x" * 200_000 + ",b\n", "cannot be read(.|\n)*field larger"),
        ("case,image\n" + 200_000 * "a,b\n", r"too long(.|\n)*at most 200,000 rows(.|\n)*found: +200,001 lines"),
        ("case,image,image," + 900 * "longer," + "\n", r"a column is there twice(.|\n)*found: .{200,220}…$"),
        ("case,imgae\na,b\n", r"no column image(.|\n)*did you mean 'image' by 'imgae'\?"),
        ("case,image,Label\na,b,c\n", r"not known(.|\n)*did you mean 'label' by 'Label'\?"),
        (1001 * "x," + "\n", "too wide(.|\n)*1,002 columns"),
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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_other_systems_encodings_and_separators_make_the_same_cases(
    folder: Path, encoding: str, separator: str
) -> None:
    rows = [("case", "group", "image", "split"), ("Mü", "p,1" if separator == ";" else "p1", "scans/a.nii.gz", "val")]
    text = "".join(separator.join(row) + "\r\n" for row in rows)
    (case,) = read_manifest(manifest(folder, text, encoding=encoding))
    assert (case.id, case.group, case.split, case.image) == ("Mü", rows[1][1], "val", folder / "scans/a.nii.gz")


def test_excels_line_about_the_separator_is_no_header_and_lines_keep_their_numbers(folder: Path) -> None:
    path = manifest(folder, "sep=;\ncase;image;;\na;scans/a.nii.gz;;\nb;scans/gone.nii.gz;;\n")
    with pytest.raises(InputErrors, match=r"row 4 \(case b\): no such file"):
        read_manifest(path)


def test_files_are_found_whichever_way_their_accents_are_written(folder: Path) -> None:
    decomposed, composed = (unicodedata.normalize(form, "Müller.nii.gz") for form in ("NFD", "NFC"))
    (folder / decomposed).touch()
    assert read_manifest(manifest(folder, f"case,image\na,{composed}\n"))[0].image == folder / decomposed


@pytest.mark.parametrize("name", ["NA", "nan", "None", "null", "007", "1e5"])
def test_words_that_tables_take_for_nothing_are_names(folder: Path, name: str) -> None:
    (case,) = read_manifest(manifest(folder, f"case,group,image\n{name},{name},scans/a.nii.gz\n"))
    assert (case.id, case.group) == (name, name)


@pytest.mark.parametrize("column", ["case", "group"])
@pytest.mark.parametrize("name", ["../../esc", "x" * 225, "a\0b", "a\x1b[31m", "=1+1", "con", "..", "a/b", "a\\b"])
def test_names_that_are_no_file_names_are_refused_with_their_row(folder: Path, column: str, name: str) -> None:
    cells = {"case": "a", "group": "p", column: name}
    path = manifest(folder, f"case,group,image\n{cells['case']},{cells['group']},scans/a.nii.gz\n")
    with pytest.raises(InputError, match=rf"{column} in .*manifest\.csv, row 2 cannot have this name|is no text"):
        read_manifest(path)


@pytest.mark.parametrize("other", ["MÜ", unicodedata.normalize("NFD", "Mü")])
def test_cases_that_are_one_file_on_other_systems_are_refused(folder: Path, other: str) -> None:
    path = manifest(folder, f"case,image\nMü,scans/a.nii.gz\n{other},scans/b.nii.gz\n")
    with pytest.raises(InputErrors, match=r"case 'Mü' and '.*' is in rows 2, 3(.|\n)*differ by more than"):
        read_manifest(path)


def test_links_that_lead_nowhere_and_paths_beyond_any_file_are_named(folder: Path) -> None:
    (folder / "gone.nii.gz").symlink_to("/annex/gone.nii.gz")
    path = manifest(folder, f"case,image\na,gone.nii.gz\nb,{'x' * 5000}\nc,a\x01b\n")
    with pytest.raises(InputErrors) as caught:
        read_manifest(path)
    link, long, other = map(str, caught.value.errors)
    assert "gone.nii.gz is a link to a file that is not there\n  found:    /annex/gone.nii.gz" in link
    assert "…" in long
    assert len(long) < 800
    assert "row 4 (case c): no such file" in other


def test_a_manifest_whose_files_are_all_elsewhere_says_so_in_a_screenful(folder: Path) -> None:
    path = manifest(folder, "case,image\n" + "".join(f"c{n},gone{n}.nii\n" for n in range(5000)))
    with pytest.raises(InputErrors, match=r"… and 4980 more$"):
        read_manifest(path)


CELLS = st.one_of(
    st.sampled_from(["a", "b", "scans/a.nii.gz", "scans/b.nii.gz", "train", "val", "", "0", "NA", '"', "\0", "\ud800"]),
    st.text(max_size=12),
)


@fuzz()
@given(
    st.permutations(["case", "image", "group", "split", "fold"]),
    st.lists(st.lists(CELLS, min_size=0, max_size=6), max_size=4),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_any_table_is_read_as_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], rows: list[list[str]], separator: str, encoding: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    (folder / "scans").mkdir(parents=True, exist_ok=True)
    for name in "ab":
        (folder / f"scans/{name}.nii.gz").touch()
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([header, *rows])
    (folder / "m.csv").write_bytes(text.getvalue().encode(encoding, errors="replace"))
    try:
        found = read_manifest(folder / "m.csv")
    except InputError:
        return
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    assert [case.id for case in found] == [dict(zip(header, row, strict=False))["case"].strip() for row in filled]
    assert all(check_name(case.id, "case") and case.image.exists() for case in found)


@fuzz()
@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):  # no file of those is there
        read_manifest(path)


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
        ("row 5: the split cannot be used", "train, val, test or empty", "found: 'training'"),
        ("row 6: the fold cannot be used", "found: '-1'"),
        ("row 7: the case is empty",),
        ("row 8: the image is empty",),
        ("case in", "row 9 cannot have this name: it has '/'"),
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
