import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medsize.annotation.answers import AnswerStore, rater_name
from medsize.errors import InputError
from tests.annotation.conftest import answer


def test_an_answer_is_read_back_as_it_was_given(tmp_path: Path):
    seeds = [{"structure": "lv", "slice": 0, "radius": 1.5, "points": [(1.25, 2), (3, 4)]}]
    given = answer(seeds=seeds, note="blurred", low=1, high=2, value=None)
    assert AnswerStore(tmp_path).append(given)
    assert AnswerStore(tmp_path).answers("Anna") == [given]


def test_the_last_answer_about_a_thing_counts_and_the_earlier_ones_stay_on_disk(tmp_path: Path):
    store = AnswerStore(tmp_path)
    for number, value in ((1, 2.0), (2, 3.0)):
        store.append(answer(number, value=value))
    (latest,) = store.latest("Anna").values()
    assert latest.value == 3
    assert [one.value for one in store.answers("Anna")] == [2, 3]


def test_the_same_answer_sent_twice_is_one_answer(tmp_path: Path):
    store = AnswerStore(tmp_path)
    assert store.append(answer(1))
    assert not store.append(answer(1, time="2031-01-01T00:00:00Z"))
    assert not AnswerStore(tmp_path).append(answer(1))
    assert len(store.answers("Anna")) == 1


def test_another_answer_with_the_same_id_is_refused(tmp_path: Path):
    store = AnswerStore(tmp_path)
    store.append(answer(1))
    with pytest.raises(InputError, match="another answer has the id"):
        store.append(answer(1, value=7))


def test_every_rater_has_a_file_whatever_the_name(tmp_path: Path):
    store = AnswerStore(tmp_path)
    names = ["Anna", "anna", "Ånna", "Dr. O'Neil-Smith", "张伟"]
    for number, name in enumerate(names):
        store.append(answer(number, rater=name))
    assert sorted(store.raters()) == sorted(names)
    files = [path.name for path in tmp_path.iterdir()]
    assert len(files) == len(names)
    assert all(name.isascii() and name == name.lower() for name in files)


@pytest.mark.parametrize(
    "name", ["", " ", "..", "../Anna", "a/b", "a\\b", ".hidden", "x" * 41, "a..b", "a\x00b", "<b>"]
)
def test_a_name_that_could_be_a_path_is_refused(name: str):
    with pytest.raises(InputError, match="this name cannot be used"):
        rater_name(name)


def test_an_answer_is_synchronised_before_it_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    on_disk: list[bytes] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        files = list(tmp_path.glob("*.jsonl"))
        on_disk.append(files[0].read_bytes() if files else b"")

    monkeypatch.setattr(os, "fsync", noted)
    store = AnswerStore(tmp_path)
    store.append(answer(1))
    assert answer(1).id.encode() in on_disk[-1]
    before = len(on_disk)
    store.append(answer(1))  # sent again: whoever wrote it first may have died before it was synchronised
    assert len(on_disk) > before


def test_an_answer_that_cannot_be_synchronised_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = AnswerStore(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="free some space"):
        store.append(answer(1))
    monkeypatch.undo()
    store.append(answer(1))
    assert len(AnswerStore(tmp_path).answers("Anna")) == 1


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_line_that_a_crash_cut_short_is_passed_over_and_nothing_else_is_lost(tmp_path: Path, cut: int):
    store = AnswerStore(tmp_path)
    store.append(answer(1))
    (path,) = tmp_path.iterdir()
    line = answer(2).model_dump_json().encode()
    path.write_bytes(path.read_bytes() + line[:cut])
    again = AnswerStore(tmp_path)
    assert [one.id for one in again.answers("Anna")] == [answer(1).id]
    assert again.append(answer(2))
    assert again.append(answer(3))
    assert [one.id for one in AnswerStore(tmp_path).answers("Anna")] == [answer(n).id for n in (1, 2, 3)]
    assert AnswerStore(tmp_path).unfinished == 1


def test_a_whole_line_without_its_end_is_kept_once_when_it_is_sent_again(tmp_path: Path):
    store = AnswerStore(tmp_path)
    store.append(answer(1))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + answer(2).model_dump_json().encode())
    again = AnswerStore(tmp_path)
    assert not again.append(answer(2))
    assert len(AnswerStore(tmp_path).answers("Anna")) == 2
    assert AnswerStore(tmp_path).unfinished == 0


@pytest.mark.parametrize("damage", [b"\xff", b"\0", b'"', b"["])
def test_a_damaged_line_is_told_apart_from_one_that_was_cut_short(tmp_path: Path, damage: bytes):
    store = AnswerStore(tmp_path)
    for number in range(4):
        store.append(answer(number))
    (path,) = tmp_path.iterdir()
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1][:20] + damage + lines[1][21:]
    lines[2] = lines[2][:30]
    path.write_bytes(b"\n".join(lines))
    again = AnswerStore(tmp_path)
    assert [one.id for one in again.answers("Anna")] == [answer(n).id for n in (0, 3)]
    assert again.damaged == [f"{path}, line 2"]
    assert again.unfinished == 1


def test_answers_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    AnswerStore(tmp_path).append(answer(1))

    def refused(self: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(InputError, match=r"jsonl cannot be read(.|\n)*Permission denied"):
        AnswerStore(tmp_path).answers("Anna")


def test_writers_at_once_in_one_process_lose_nothing(tmp_path: Path):
    stores = [AnswerStore(tmp_path), AnswerStore(tmp_path)]
    numbers = range(120)

    def write(number: int) -> None:
        stores[number % 2].append(answer(number, rater=("Anna", "Ben")[number % 3 == 0], slice=number))
        stores[(number + 1) % 2].append(answer(number, rater=("Anna", "Ben")[number % 3 == 0], slice=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, numbers))
    for store in [*stores, AnswerStore(tmp_path)]:
        ids = [one.id for rater in ("Anna", "Ben") for one in store.answers(rater)]
        assert sorted(ids) == sorted(answer(number).id for number in numbers)


WRITER = """
import sys
from pathlib import Path
from medsize.annotation.answers import Answer, AnswerStore
store, given = AnswerStore(Path(sys.argv[1])), Answer.model_validate_json(sys.argv[3])
for number in range(int(sys.argv[2]), 1_000_000):
    store.append(given.model_copy(update={"id": f"{number:032x}", "slice": number}))
    print(number, flush=True)
"""


def test_writers_that_are_killed_lose_nothing_that_they_acknowledged(tmp_path: Path):
    folder = tmp_path / "answers"
    given = answer().model_dump_json()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, folder, str(first), given], stdout=subprocess.PIPE, text=True)
        for first in (0, 500_000)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline()  # it has begun
        time.sleep(0.3)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
    acknowledged = [0, 500_000]
    for writer in writers:
        acknowledged += [int(line) for line in writer.communicate()[0].splitlines() if line]
    ids = [one.id for one in AnswerStore(folder).answers("Anna")]
    assert {answer(number).id for number in acknowledged} <= set(ids)
    assert len(set(ids)) == len(ids)
    assert len(acknowledged) > 20
