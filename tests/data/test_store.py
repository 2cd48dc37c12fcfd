import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medsize.config.data import PaperPreprocessing, PaperSplit, PhysicalPreprocessing
from medsize.data import build, store, transforms
from medsize.data.cache import default_cache
from medsize.data.case import Case
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.splits import split_cases
from medsize.data.store import SliceStore, open_store
from medsize.data.transforms import slice_transforms
from medsize.errors import InputError, InputErrors
from tests.data.niftis import SHAPE, SPACING_MM, label_volume, write_nifti

PAPER = PaperPreprocessing(size=24)
PADDED = PhysicalPreprocessing(name="physical", size=24, spacing_mm=2.5)
Opener = Callable[..., SliceStore]


@pytest.fixture
def opened(cases: list[Case], tmp_path: Path) -> Opener:
    def opener(
        some: list[Case] | None = None,
        labels: dict[str, int] = ACDC_LABELS,
        structures: tuple[str, ...] = ("lv",),
        preprocessing: PaperPreprocessing | PhysicalPreprocessing = PAPER,
        **options: object,
    ) -> SliceStore:
        chosen = cases if some is None else some
        return open_store(chosen, labels, structures, preprocessing, tmp_path / "cache", **options)

    return opener


def stores(tmp_path: Path) -> list[str]:
    folder = tmp_path / "cache"
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


def test_the_store_holds_every_slice_as_the_transforms_make_it(opened: Opener, cases: list[Case]) -> None:
    found = opened(structures=("rv", "lv"))
    prepare = slice_transforms(PAPER, ACDC_LABELS, ("rv", "lv"))
    assert (len(found), found.classes, found.structures) == (18, 3, ("rv", "lv"))
    assert found.images.shape == (18, 1, 24, 24)
    assert (found.images.dtype, found.labels.dtype) == (np.float32, np.uint8)
    for number, case in enumerate(cases):
        expected = prepare({"image": case.image, "label": case.label})
        rows = slice(3 * number, 3 * number + 3)
        np.testing.assert_array_equal(found.images[rows, 0], np.moveaxis(expected["image"][0].numpy(), -1, 0))
        np.testing.assert_array_equal(found.labels[rows], np.moveaxis(expected["label"][0].numpy(), -1, 0))


def test_the_index_names_each_slice_beside_its_exact_fractions(opened: Opener, cases: list[Case]) -> None:
    index = opened(structures=("rv", "lv")).index
    assert list(index.columns) == ["case", "group", "slice"]
    assert index["case"].tolist() == [case.id for case in cases for _ in range(3)]
    assert index["group"].tolist() == [case.group for case in cases for _ in range(3)]
    assert index["slice"].tolist() == [0, 1, 2] * 6
    labels = opened(structures=("rv", "lv")).labels
    fractions = opened(structures=("rv", "lv")).fractions
    for column in (0, 1):
        np.testing.assert_array_equal(fractions[:, column], (labels == column + 1).sum((1, 2)) / 24**2)
    assert (fractions[:, 1] == 0).sum() == 6


def test_fractions_are_of_the_domain_and_padding_is_unlabelled(opened: Opener) -> None:
    found = opened(preprocessing=PADDED)
    assert found.padded
    grid = found.grid("patient001_frame01")
    np.testing.assert_array_equal(found.domain, np.broadcast_to(grid.domain(), (18, 24, 24)))
    np.testing.assert_array_equal(found.labels == 255, ~found.domain)
    assert (found.images[:, 0][~found.domain] == 0).all()
    expected = (found.labels == 1).sum((1, 2)) / grid.domain().sum()
    np.testing.assert_array_equal(found.fractions[:, 0], expected)


def test_without_padding_the_domain_is_everything_and_takes_no_space(opened: Opener) -> None:
    found = opened()
    assert not found.padded
    assert found.domain.shape == found.labels.shape
    assert found.domain.all()
    assert not (found.path / "domain.npy").exists()


def test_the_store_remembers_how_each_case_lies(opened: Opener) -> None:
    found = opened(preprocessing=PADDED)
    assert found.grid("patient002_frame12").case_shape == SHAPE[:2]
    assert found.spacing_mm("patient002_frame12") == SPACING_MM


def test_rows_follow_the_cases_asked_for(opened: Opener) -> None:
    found = opened()
    assert found.rows(["patient002_frame01", "patient001_frame01"]).tolist() == [6, 7, 8, 0, 1, 2]
    assert found.rows([]).tolist() == []
    with pytest.raises(KeyError, match="patient009"):
        found.rows(["patient009"])


def test_a_case_without_a_label_is_unlabelled_and_its_sizes_unknown(opened: Opener, cases: list[Case]) -> None:
    found = opened([replace(cases[0], label=None), cases[1]])
    assert (found.labels[:3] == 255).all()
    assert np.isnan(found.fractions[:, 0]).tolist() == [True] * 3 + [False] * 3


def test_names_that_look_like_numbers_or_gaps_stay_names(opened: Opener, cases: list[Case]) -> None:
    renamed = [replace(case, id=name, group=name) for case, name in zip(cases, ("007", "NA", "nan"), strict=False)]
    assert opened(renamed).index["case"].tolist() == ["007"] * 3 + ["NA"] * 3 + ["nan"] * 3
    assert opened(renamed).rows(["NA"]).tolist() == [3, 4, 5]


def test_a_second_start_opens_the_same_store_without_building(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened()

    def built_again(*_: object) -> None:
        pytest.fail("built again")

    monkeypatch.setattr(build, "build_store", built_again)
    second = opened()
    assert second.path == first.path == tmp_path / "cache" / first.key
    pd.testing.assert_frame_equal(first.index, second.index, check_exact=True)


def change_image(cases: list[Case]) -> list[Case]:
    stat = cases[0].image.stat()
    content = bytearray(cases[0].image.read_bytes())
    content[9] ^= 1  # the operating system in gzip's header: the same size, time and image
    cases[0].image.write_bytes(content)
    os.utime(cases[0].image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return cases


def change_label(cases: list[Case]) -> list[Case]:
    write_nifti(cases[2].label or Path(), label_volume(7))
    return cases


def move(cases: list[Case]) -> list[Case]:
    there = cases[0].image.with_name("elsewhere.nii.gz")
    cases[0].image.rename(there)
    return [replace(cases[0], image=there), *cases[1:]]


@pytest.mark.parametrize(
    "change",
    [
        {"structures": ("rv",)},
        {"structures": ("lv", "rv")},
        {"preprocessing": PaperPreprocessing(size=16)},
        {"preprocessing": PADDED},
        {"labels": {"lv": 1, "myo": 2, "rv": 3}},
        change_image,
        change_label,
        lambda cases: cases[1:],
        lambda cases: [replace(cases[0], id="other"), *cases[1:]],
        lambda cases: [replace(cases[0], group="other"), *cases[1:]],
        lambda cases: [replace(cases[0], label=None), *cases[1:]],
    ],
)
def test_whatever_changes_the_content_makes_another_store(
    opened: Opener, cases: list[Case], change: dict[str, object] | Callable[[list[Case]], list[Case]]
) -> None:
    before = opened().key
    after = opened(change(cases)) if callable(change) else opened(**change)
    assert after.key != before


@pytest.mark.parametrize(
    "change", [move, lambda cases: [replace(case, split="val", fold=2, pathology="X") for case in cases]]
)
def test_what_does_not_change_the_content_finds_the_same_store(
    opened: Opener, cases: list[Case], change: Callable[[list[Case]], list[Case]]
) -> None:
    assert opened().key == opened(change(cases)).key


@pytest.mark.parametrize("name", ["__version__", "FORMAT"])
def test_another_version_of_medsize_makes_another_store(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = opened().key
    monkeypatch.setattr(store, name, "another")
    assert opened().key != before


def test_progress_counts_the_cases_and_more_threads_change_nothing(opened: Opener, tmp_path: Path) -> None:
    moved: list[tuple[int, int]] = []
    one = opened(workers=1, progress=lambda done, total: moved.append((done, total)))
    digests = [hashlib.sha256(path.read_bytes()).digest() for path in sorted(one.path.glob("*.*"))]
    assert moved == [(done, 6) for done in range(1, 7)]
    one.path.rename(tmp_path / "one")
    four = opened(workers=4)
    assert digests == [hashlib.sha256(path.read_bytes()).digest() for path in sorted(four.path.glob("*.*"))]


def test_everything_wrong_with_the_files_is_listed_at_once_and_nothing_is_left(
    opened: Opener, cases: list[Case], tmp_path: Path
) -> None:
    cases[0].image.unlink()
    write_nifti(cases[2].image, np.zeros(SHAPE, np.int16))
    write_nifti(cases[3].label or Path(), label_volume() + 2)
    with pytest.raises(InputErrors) as caught:
        opened(workers=2)
    messages = [str(error) for error in caught.value.errors]
    assert len(messages) == 3
    assert "patient001_frame01.nii.gz: no such file" in messages[0]
    assert "shows nothing" in messages[1]
    assert "found:    4, 5" in messages[2]
    assert stores(tmp_path) == []


def test_an_interrupted_build_leaves_nothing(opened: Opener, tmp_path: Path) -> None:
    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(progress=interrupted)
    assert stores(tmp_path) == []


def test_a_killed_build_leaves_nothing_that_is_trusted_and_is_cleared_away(
    opened: Opener, acdc: Path, tmp_path: Path
) -> None:
    script = f"""
import os, signal
from pathlib import Path
from medsize.config.data import PaperPreprocessing
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.store import open_store

def kill(done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

cases = find_acdc_cases(Path({str(acdc)!r}))
open_store(cases, ACDC_LABELS, ("lv",), PaperPreprocessing(size=24), Path({str(tmp_path / "cache")!r}), progress=kill)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -signal.SIGKILL
    lock, left = sorted(stores(tmp_path))
    assert lock.endswith(".lock")
    assert left.startswith(".partial-")
    found = opened()
    assert stores(tmp_path) == [found.key]
    assert len(found) == 18


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *product(("images.npy", "labels.npy", "fractions.npy", "index.csv", "store.json", "domain.npy"), (flip, empty)),
        *(("images.npy", cut), ("images.npy", Path.unlink), ("checksums.json", Path.unlink)),
    ],
)
def test_a_damaged_store_is_said_and_built_anew(
    opened: Opener, name: str, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = opened(preprocessing=PADDED).path
    digests = digests_of(path)
    damage(path / name)
    found = opened(preprocessing=PADDED)
    assert re.search(rf"The slices in .*{path.name} are damaged \(.*{name}.*\); they are made anew", one_line(capsys))
    assert (found.path, digests_of(path)) == (path, digests)
    opened(preprocessing=PADDED)
    assert capsys.readouterr().err == ""


def digests_of(folder: Path) -> list[bytes]:
    return [hashlib.sha256(path.read_bytes()).digest() for path in sorted(folder.glob("*.*"))]


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_a_damaged_derived_array_is_said_and_computed_anew(opened: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    found = opened()
    first = np.array(found.derived("seeds", 1, ((4, 3), np.uint8), fill))
    (path,) = (found.path / "derived").rglob("array.npy")
    flip(path)
    np.testing.assert_array_equal(opened().derived("seeds", 1, ((4, 3), np.uint8), fill), first)
    assert "The seeds in" in one_line(capsys)


@pytest.mark.parametrize("times", ["new", "put back"])
@pytest.mark.parametrize("what", ["image", "label"])
def test_a_file_that_is_edited_while_the_store_is_built_and_put_back_is_refused(
    opened: Opener, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, times: str
) -> None:
    path: Path = getattr(cases[3], what)
    content, stat = path.read_bytes(), path.stat()
    expected = digests_of(opened().path)
    shutil.rmtree(tmp_path / "cache")
    read = getattr(transforms, f"read_{'volume' if what == 'image' else 'label'}")

    def edited(found: Path, *others: object) -> object:
        if found != path:
            return read(found, *others)
        write_nifti(path, label_volume(7))  # an image of labels is one too
        try:
            return read(found, *others)
        finally:
            path.write_bytes(content)
            if times == "put back":
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    monkeypatch.setattr(transforms, read.__name__, edited)
    with pytest.raises(InputErrors, match=rf"{path.name} was changed while it was read(.|\n)*run it again"):
        opened()
    assert stores(tmp_path) == []
    monkeypatch.undo()
    assert digests_of(opened().path) == expected


def test_two_builds_at_once_agree(opened: Opener, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        first, second = executor.map(lambda _: opened(workers=1), range(2))
    assert stores(tmp_path) == [first.key] == [second.key]
    assert len(first) == len(second) == 18


def test_a_process_waits_for_another_that_builds_the_same_store(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, waited, built = threading.Event(), threading.Event(), []
    build_store = build.build_store

    def slow(*arguments: Any) -> None:
        built.append(arguments)
        began.set()
        assert waited.wait(60)
        build_store(*arguments)

    def say(message: str) -> None:
        assert message.startswith("Another process is making the slices")
        waited.set()

    monkeypatch.setattr(store, "say", say)
    monkeypatch.setattr(build, "build_store", slow)
    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(opened)
        began.wait(60)
        second = executor.submit(opened)
    assert first.result().key == second.result().key
    assert len(built) == 1
    assert stores(tmp_path) == [first.result().key]


def test_a_cache_that_cannot_be_written_to_is_refused(cases: list[Case], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write(.|\n)*folders, not files"):
        open_store(cases, ACDC_LABELS, ("lv",), PAPER, tmp_path / "file" / "cache")


def test_the_cache_is_in_the_users_home_unless_said_otherwise(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDSIZE_CACHE", raising=False)
    assert default_cache() == Path.home() / ".cache" / "medsize"
    monkeypatch.setenv("MEDSIZE_CACHE", str(tmp_path / "elsewhere"))
    found = open_store(cases[:1], ACDC_LABELS, ("lv",), PAPER, None)
    assert found.path.parent == tmp_path / "elsewhere"


def fill(array: np.memmap) -> None:
    array[2] = 7


def test_a_derived_array_is_computed_once(opened: Opener) -> None:
    found = opened()
    first = found.derived("seeds", {"seed": 1}, ((4, 3), np.uint8), fill)
    np.testing.assert_array_equal(first, [[0] * 3, [0] * 3, [7] * 3, [0] * 3])
    again = opened().derived("seeds", {"seed": 1}, ((4, 3), np.uint8), lambda _: pytest.fail("computed again"))
    np.testing.assert_array_equal(again, first)
    assert not again.flags.writeable


def test_another_key_shape_or_type_is_another_derived_array(opened: Opener) -> None:
    found = opened()
    for key, shape, dtype in ((1, (4,), np.uint8), (2, (4,), np.uint8), (1, (5,), np.uint8), (1, (4,), np.int8)):
        array = found.derived("seeds", key, (shape, dtype), fill)
        assert (array.shape, array.dtype) == (shape, dtype)
    assert len(list((found.path / "derived").iterdir())) == 4


def test_a_derived_array_that_fails_is_not_kept(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    found = opened()
    with pytest.raises(IndexError):
        found.derived("seeds", 1, ((2,), np.uint8), fill)
    monkeypatch.delattr(os, "posix_fallocate")
    assert found.derived("seeds", 1, ((3,), np.uint8), fill).tolist() == [0, 0, 7]


def test_a_disk_too_full_for_a_derived_array_is_an_error_not_a_crash(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="free some space"):
        opened().derived("seeds", 1, ((3,), np.uint8), fill)


def test_the_number_of_threads_is_known_where_cores_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert store._cores() == os.cpu_count()


@pytest.mark.real_data
def test_real_acdc_gives_the_slices_and_sizes_of_the_papers(real_acdc: Path, tmp_path: Path) -> None:
    cases = split_cases(find_acdc_cases(real_acdc), PaperSplit(name="paper"))
    found = open_store(cases, ACDC_LABELS, ("lv",), PaperPreprocessing(size=256), tmp_path)
    assert len(found) == 1902
    pixels = {
        split: (found.labels[found.rows([case.id for case in cases if case.split == split])] == 1).sum((1, 2))
        for split in ("train", "val")
    }
    assert {split: len(counts) for split, counts in pixels.items()} == {"train": 1674, "val": 228}
    assert {split: np.count_nonzero(counts) for split, counts in pixels.items()} == {"train": 1591, "val": 217}
    positive = pixels["train"][pixels["train"] > 0]
    assert positive.mean() / 65536 == pytest.approx(0.01346, abs=5e-6)
    assert (np.median(positive), positive.min(), positive.max()) == (795, 6, 3255)
    assert np.percentile(positive, [5, 95]).astype(int).tolist() == [76, 1998]
