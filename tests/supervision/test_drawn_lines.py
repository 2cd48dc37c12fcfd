from pathlib import Path

import numpy as np
import pytest

from medsize.config.data import PhotoPreprocessing
from medsize.config.supervision import ScribbleSeeds
from medsize.data.case import Case
from medsize.data.geometry import SliceGrid, paper_grid
from medsize.data.store import open_store
from medsize.errors import InputError
from medsize.supervision.drawn_lines import Line, draw_lines, read_lines
from medsize.supervision.stored_seeds import stored_seeds
from tests.data.photo_files import write_mask, write_photo

PATH = Path("a.xml")


def xml(*lines: tuple[str, list[tuple[int, int]]]) -> str:
    polygons = "".join(
        f"<polygon><tag>{name}</tag>"
        + "".join(f"<point><X>{x}</X><Y>{y}</Y></point>" for x, y in points)
        + "</polygon>"
        for name, points in lines
    )
    return f"<annotation><filename>a.jpg</filename>{polygons}</annotation>"


def test_lines_are_read_as_rows_and_columns(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(xml(("cat", [(3, 1), (7, 2)]), ("background", [(0, 9)])))
    assert read_lines(tmp_path / "a.xml") == [Line("cat", ((1, 3), (2, 7))), Line("background", ((9, 0),))]


def test_a_line_covers_the_pixels_between_its_points() -> None:
    seeds = draw_lines([Line("cat", ((4, 2), (4, 9)))], paper_grid((12, 12), 12), {"cat": 3}, 1, PATH)
    expected = np.full((12, 12), 255)
    expected[4, 2:10] = 3
    np.testing.assert_array_equal(seeds, expected)


def test_a_line_lies_where_the_photo_is_in_its_square_and_is_as_wide_whatever_the_scale() -> None:
    grid = SliceGrid((100, 200), 50, (4.0, 4.0), (1.5 - 12 * 4, 1.5))
    seeds = draw_lines([Line("cat", ((50, 20), (50, 180)))], grid, {"cat": 1}, 3, PATH)
    rows, columns = np.nonzero(seeds == 1)
    assert (rows.min(), rows.max()) in ((23, 25), (24, 26))
    assert abs(columns.min() - 20 / 4) <= 1
    assert abs(columns.max() - 180 / 4) <= 1


def test_a_single_point_and_the_last_line_count() -> None:
    lines = [Line("a", ((1, 1),)), Line("a", ((3, 0), (3, 5))), Line("b", ((0, 2), (5, 2)))]
    seeds = draw_lines(lines, paper_grid((6, 6), 6), {"a": 1, "b": 2}, 1, PATH)
    assert (seeds[1, 1], seeds[3, 2], seeds[3, 3]) == (1, 2, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation>", "cannot be read"),
        (xml(("cat", [])), "holds no line"),
        ("<a><polygon><tag>cat</tag><point><X>1</X></point></polygon></a>", "no Y in a point"),
        ("<a><polygon><point><X>1</X><Y>2</Y></point></polygon></a>", "no tag in a polygon"),
        ("<a><polygon><tag>cat</tag><point><X>nan</X><Y>2</Y></point></polygon></a>", "cannot be read"),
        ("<a><polygon><tag>cat</tag><point><X>1e300</X><Y>2</Y></point></polygon></a>", "which is in no image"),
        ("<a><polygon><tag>cat</tag><point><X>one</X><Y>2</Y></point></polygon></a>", "cannot be read"),
    ],
)
def test_damaged_files_are_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(content)
    with pytest.raises(InputError, match=message):
        read_lines(tmp_path / "a.xml")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"(?s)a\.xml has a line on something unknown.*found: +'dog'"):
        draw_lines([Line("dog", ((0, 0),))], paper_grid((6, 6), 6), {"cat": 1}, 1, PATH)


def test_scribbles_of_photos_are_lines_or_masks_and_say_what_is_background(tmp_path: Path) -> None:
    cases = [Case(id=name, group=name, image=write_photo(tmp_path / f"{name}.jpg")) for name in ("a", "b")]
    labels = {"cat": 1, "dog": 2}
    preprocessing = PhotoPreprocessing(name="photo", size=24)
    store = open_store(cases, labels, ("dog",), preprocessing, tmp_path / "cache", workers=1)
    folder = tmp_path / "scribbles"
    folder.mkdir()
    strokes = (("dog", [(2, 2), (9, 2)]), ("cat", [(2, 8), (9, 8)]), ("background", [(20, 20)]))
    (folder / "a.xml").write_text(xml(*strokes))
    drawn = np.full((24, 32), 255)
    drawn[3, :], drawn[9, :], drawn[20, :] = 2, 1, 0
    write_mask(folder / "b.png", drawn)
    seeds = stored_seeds(ScribbleSeeds(kind="scribble", folder=folder, width_px=1), store, np.arange(2), 0, labels)
    assert (seeds[0, 2, 3], seeds[0, 8, 3], seeds[0, 20, 15], seeds[0, 0, 0]) == (1, 0, 0, 255)
    assert (seeds[1, 3, 3], seeds[1, 9, 3], seeds[1, 20, 3], seeds[1, 0, 0]) == (1, 0, 0, 255)
