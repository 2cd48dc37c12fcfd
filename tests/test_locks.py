import errno
import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medsize.locks import acquire, alone, release


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as first, (tmp_path / "a").open("wb") as second:
        assert acquire(first, wait=False)
        assert acquire(second, wait=False) is False
        release(first)
        assert acquire(second, wait=True)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def unknown(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with (tmp_path / "a").open("wb") as file:
        assert acquire(file, wait=False) is None


def test_other_errors_of_a_lock_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(fcntl, "flock", broken)
    with (tmp_path / "a").open("wb") as file, pytest.raises(OSError, match="broken"):
        acquire(file, wait=False)


def test_blocks_run_one_after_the_other_and_leave_no_file(tmp_path: Path) -> None:
    inside, most, waited = 0, 0, []
    changing = threading.Lock()

    def run(_: int) -> None:
        nonlocal inside, most
        with alone(tmp_path / "lock", lambda: waited.append(1)):
            with changing:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.01)
            with changing:
                inside -= 1

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(run, range(24)))
    assert most == 1
    assert waited
    assert not list(tmp_path.iterdir())
