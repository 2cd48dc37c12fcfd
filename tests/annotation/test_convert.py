from pathlib import Path

import numpy as np
import pytest

from medsize.annotation.convert import read_annotations, write_seed_files, write_table
from medsize.annotation.session import Session
from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table import read_size_table
from tests.annotation.conftest import OpenTiny, answer

FIRST = "patient001_frame01"


def stroke(
    *points: tuple[float, float], structure: str = "lv", number: int = 0, radius: float = 0.4
) -> dict[str, object]:
    return {"structure": structure, "slice": number, "radius": radius, "points": points}


@pytest.fixture
def session(open_tiny: OpenTiny) -> Session:
    return open_tiny()


def seeds_of(session: Session, tmp_path: Path, case: str = FIRST) -> np.ndarray:
    write_seed_files(read_annotations(session.folder), tmp_path / "seeds")
    return read_label(tmp_path / "seeds" / f"{case}_scribble.nii.gz", None, {1, 2, 3, 255}).array


def test_the_table_is_read_back_as_it_was_answered(session: Session, tmp_path: Path):
    for given in (
        answer(1, value=2.25, note="=SUM(A1)\nblurred"),
        answer(2, structure="myo", value=None, low=1, high=1.5, unit="cells 3x3"),
        answer(3, slice=1, value=0, unit="percent", rater="Ben"),
        answer(4, slice=None, value=120.5, unit="ml"),
        answer(5, slice=2, value=None),
    ):
        session.store.append(given)
    assert write_table(read_annotations(session.folder), tmp_path / "sizes.csv") == 4
    entries = read_size_table(tmp_path / "sizes.csv")
    assert [(e.case, e.slice, e.structure, e.value, e.low, e.high, e.unit, e.rater, e.seconds) for e in entries] == [
        (FIRST, None, "lv", 120.5, None, None, "ml", "Anna", 3.2),
        (FIRST, 0, "lv", 2.25, None, None, "cells 5x4", "Anna", 3.2),
        (FIRST, 0, "myo", None, 1, 1.5, "cells 3x3", "Anna", 3.2),
        (FIRST, 1, "lv", 0, None, None, "percent", "Ben", 3.2),
    ]
    assert entries[1].note == "=SUM(A1) blurred"
    assert "'=SUM(A1) blurred" in (tmp_path / "sizes.csv").read_text("utf-8")  # no formula to a spreadsheet


def test_the_last_answer_of_each_rater_counts(session: Session, tmp_path: Path):
    for number, (rater, value) in enumerate([("Anna", 1.0), ("Ben", 2.0), ("Anna", 3.0)]):
        session.store.append(answer(number, rater=rater, value=value))
    write_table(read_annotations(session.folder), tmp_path / "sizes.csv")
    assert [(e.rater, e.value) for e in read_size_table(tmp_path / "sizes.csv")] == [("Anna", 3), ("Ben", 2)]
    write_table(read_annotations(session.folder, ["Ben"]), tmp_path / "ben.csv")
    assert [e.rater for e in read_size_table(tmp_path / "ben.csv")] == ["Ben"]


def test_seeds_lie_on_the_grid_of_the_image_and_blank_pixels_are_255(session: Session, tmp_path: Path):
    drawn = [stroke((10, 20)), stroke((4, 4), (4, 8), structure="background", number=1), stroke((31, 0), number=2)]
    session.store.append(answer(1, seeds=drawn))
    seeds = seeds_of(session, tmp_path)
    image = read_volume(session.cases[FIRST].image)
    written = read_label(tmp_path / "seeds" / f"{FIRST}_scribble.nii.gz", image, {1, 2, 3, 255})
    np.testing.assert_array_equal(written.affine, image.affine)
    expected = np.full((32, 32, 3), 255)
    expected[10, 20, 0] = expected[31, 0, 2] = 3
    expected[4, 4:9, 1] = 0
    np.testing.assert_array_equal(seeds, expected)


def test_a_line_is_as_wide_as_it_was_drawn(session: Session, tmp_path: Path):
    session.store.append(answer(1, seeds=[stroke((8, 8), (20, 12), radius=2.2)]))
    seeds = seeds_of(session, tmp_path)[:, :, 0]
    samples = np.linspace((8, 8), (20, 12), 2001)
    pixels = np.stack(np.mgrid[:32, :32], -1).reshape(-1, 1, 2)
    distance = np.sqrt(((pixels - samples) ** 2).sum(-1)).min(1).reshape(32, 32)
    np.testing.assert_array_equal(seeds == 3, distance <= 2.2)


def test_the_later_stroke_lies_on_top(session: Session, tmp_path: Path):
    session.store.append(answer(1, seeds=[stroke((5, 5)), stroke((5, 5), structure="myo")]))
    session.store.append(answer(2, structure="myo", seeds=[stroke((6, 6))]))
    session.store.append(answer(3, structure="rv", seeds=[stroke((6, 6), structure="background")]))
    seeds = seeds_of(session, tmp_path)
    assert (seeds[5, 5, 0], seeds[6, 6, 0]) == (2, 0)


def test_where_raters_disagree_nothing_is_labelled(session: Session, tmp_path: Path):
    points = {"Anna": "lv", "Ben": "myo", "Cleo": "lv"}
    for number, (rater, structure) in enumerate(points.items()):
        own = stroke((10 + number, 3), structure=structure)
        session.store.append(answer(number, rater=rater, seeds=[stroke((5, 5), structure=structure), own]))
    seeds = seeds_of(session, tmp_path)
    assert seeds[5, 5, 0] == 255
    assert list(seeds[10:13, 3, 0]) == [3, 2, 3]


def test_every_case_has_a_seed_file_and_those_with_seeds_are_counted(session: Session, tmp_path: Path):
    session.store.append(answer(1, seeds=[stroke((5, 5))]))
    assert write_seed_files(read_annotations(session.folder), tmp_path / "seeds") == (20, 1)
    assert len(list((tmp_path / "seeds").iterdir())) == 20
    assert (seeds_of(session, tmp_path, "patient002_frame01") == 255).all()


def test_images_that_are_gone_are_named(open_tiny: OpenTiny, tmp_path: Path):
    session = open_tiny()
    session.store.append(answer(1))
    path = session.folder / "session.json"
    path.write_text(path.read_text("utf-8").replace(f"{FIRST}.nii.gz", "gone.nii.gz"))
    with pytest.raises(InputErrors, match=r"gone\.nii\.gz"):
        write_seed_files(read_annotations(session.folder), tmp_path / "seeds")


@pytest.mark.parametrize("drawn", [stroke((5, 5), number=3), stroke((5, 5), structure="liver")])
def test_seeds_that_do_not_fit_the_image_are_named(session: Session, tmp_path: Path, drawn: dict):
    session.store.append(answer(1, seeds=[drawn]))
    with pytest.raises(InputErrors, match=f"a seed of Anna does not fit {FIRST}"):
        write_seed_files(read_annotations(session.folder), tmp_path / "seeds")


def test_seeds_in_a_case_whose_image_is_not_known_are_not_left_out_silently(session: Session, tmp_path: Path):
    session.store.append(answer(1, case="elsewhere", seeds=[stroke((5, 5))]))
    with pytest.raises(InputError, match="images are not known: elsewhere"):
        write_seed_files(read_annotations(session.folder), tmp_path / "seeds")


def test_damaged_lines_are_passed_on(session: Session):
    for number in range(2):
        session.store.append(answer(number))
    (path,) = session.store.folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b"lv", b"\xff", 1))
    found = read_annotations(session.folder)
    assert (len(found.answers), found.damaged) == (1, [f"{path}, line 1"])


def test_nobody_and_a_stranger_are_refused(session: Session):
    with pytest.raises(InputError, match="holds no answer"):
        read_annotations(session.folder)
    session.store.append(answer(1))
    with pytest.raises(InputError, match="no answer of Ben"):
        read_annotations(session.folder, ["Ben"])
