import errno
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from medsize import files
from medsize.errors import InputError
from medsize.files import atomic_folder, atomic_path, remove_abandoned, restore_folder, write_text, writing

DEAD_PROCESS = 2**22 + 1  # above every pid that Linux gives


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def left_behind(folder: Path, kind: str, name: str, *, host: str | None = None, process: int = DEAD_PROCESS) -> Path:
    return folder / f"{kind}-{host or files._host()}-{process}-0123abcd-{name}"


def refuse(number: int, path: Path | None = None) -> OSError:
    return OSError(number, os.strerror(number), *([str(path)] if path else []))


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mask.nii.gz"
    with atomic_path(path) as partial:
        assert partial.name.endswith("mask.nii.gz")
        partial.write_text("half")
        assert not path.exists()
    assert path.read_text("utf-8") == "half"
    assert names(path.parent) == ["mask.nii.gz"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old\n")
    with suppress(KeyboardInterrupt), atomic_path(path) as partial:
        partial.write_text("new")
        raise KeyboardInterrupt
    assert path.read_text("utf-8") == "old\n"
    assert names(tmp_path) == ["table.csv"]


def test_text_is_written_with_its_own_line_ends_in_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "σ\r\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == "σ\r\nb\n".encode()


def test_new_files_have_the_permissions_of_ordinary_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "last"
    for content in ("one", "two"):
        with atomic_folder(path) as partial:
            (partial / "state").mkdir()
            (partial / "state" / content).write_text(content)
    assert names(tmp_path) == ["last"]
    assert names(path / "state") == ["two"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "last"
    with atomic_folder(path) as partial:
        (partial / "a").write_text("whole")
    with suppress(KeyboardInterrupt), atomic_folder(path) as partial:
        (partial / "b").write_text("half")
        raise KeyboardInterrupt
    assert names(path) == ["a"]
    assert names(tmp_path) == ["last"]


def test_keep_discards_the_folder_that_comes_second(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with atomic_folder(path, existing="keep") as slow:
        with atomic_folder(path, existing="keep") as fast:
            (fast / "winner").touch()
        (slow / "loser").touch()
    assert names(path) == ["winner"]
    assert names(tmp_path) == ["store"]


def test_keep_accepts_a_folder_that_appears_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    rename = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        path.mkdir()
        (path / "winner").touch()
        return rename(self, target)

    with atomic_folder(path, existing="keep") as partial:
        (partial / "loser").touch()
        monkeypatch.setattr(Path, "rename", overtaken)
    assert names(path) == ["winner"]
    assert names(tmp_path) == ["store"]


def test_a_rename_that_fails_for_another_reason_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> Path:
        raise refuse(errno.EIO)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="Input/output"), atomic_folder(tmp_path / "store"):
        pass
    assert names(tmp_path) == []


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last"
    with atomic_folder(path) as partial:
        (partial / "old").touch()
    rename = Path.rename

    def second_refused(self: Path, target: Path) -> Path:
        if self.name.startswith(".partial"):
            raise refuse(errno.ENOSPC)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", second_refused)
    with pytest.raises(InputError, match="No space left"), atomic_folder(path) as partial:
        (partial / "new").touch()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["last"]


def test_a_replacement_killed_between_its_renames_is_undone(tmp_path: Path) -> None:
    old = left_behind(tmp_path, ".replaced", "last-2", host="another_machine")
    old.mkdir()
    (old / "state").touch()
    left_behind(tmp_path, ".replaced", "best").mkdir()
    restore_folder(tmp_path / "last-2")
    assert names(tmp_path / "last-2") == ["state"]
    restore_folder(tmp_path / "last-2")
    restore_folder(tmp_path / "absent" / "last")
    assert names(tmp_path / "last-2") == ["state"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    gone = left_behind(tmp_path, ".partial", "store")
    gone.mkdir()
    (gone / "images.npy").touch()
    left_behind(tmp_path, ".partial", "table.csv").touch()
    (tmp_path / "last").mkdir()
    left_behind(tmp_path, ".replaced", "last").mkdir()
    kept = [
        left_behind(tmp_path, ".partial", "mine", process=os.getpid()),
        left_behind(tmp_path, ".partial", "elsewhere", host="another_machine"),
        left_behind(tmp_path, ".replaced", "the-only-whole-one"),
        tmp_path / "last",
    ]
    for path in kept:
        path.mkdir(exist_ok=True)
    remove_abandoned(tmp_path)
    assert names(tmp_path) == sorted(path.name for path in kept)
    remove_abandoned(tmp_path / "absent")


def test_a_process_of_another_user_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_permitted(process: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", not_permitted)
    assert files._lives(1)


def test_where_processes_cannot_be_asked_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned = left_behind(tmp_path, ".partial", "store")
    abandoned.touch()
    monkeypatch.setattr(files, "_POSIX", False)
    remove_abandoned(tmp_path)
    with atomic_folder(tmp_path / "folder"):
        pass
    assert names(tmp_path) == [abandoned.name, "folder"]


def test_a_process_killed_in_the_middle_leaves_nothing_that_is_trusted(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from medsize.files import atomic_folder, atomic_path
        with atomic_folder(Path({str(tmp_path)!r}) / "store") as folder, atomic_path(folder.parent / "a.csv") as file:
            (folder / "images.npy").write_text("half")
            file.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(files.__file__).parents[1], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    assert not {"store", "a.csv"} & set(names(tmp_path))
    remove_abandoned(tmp_path)
    assert names(tmp_path) == []


def test_a_parent_that_is_a_file_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    for write in (atomic_path, atomic_folder):
        opened = write(tmp_path / "taken" / "deep" / "out")
        with pytest.raises(InputError, match=r"cannot write .*deep/out(.|\n)*remedy: .*folders, not files"):
            opened.__enter__()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only")],
)
def test_a_disk_that_refuses_is_explained_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refused(descriptor: int) -> None:
        raise refuse(number)

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(InputError, match=remedy):
        write_text(tmp_path / "a.csv", "a")
    with pytest.raises(InputError, match=remedy), atomic_folder(tmp_path / "folder"):
        pass
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written_to_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="you may write to"), writing(tmp_path / "a" / "b"):
        raise refuse(errno.EACCES, tmp_path / "a")


def test_refusals_that_concern_an_input_elsewhere_pass_through(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), writing(tmp_path / "out" / "b"):
        raise refuse(errno.EACCES, tmp_path / "in" / "scan.nii.gz")
    with pytest.raises(OSError, match="Input/output"), writing(tmp_path / "out"):
        raise refuse(errno.EIO)


def test_disks_that_cannot_synchronise_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(descriptor: int) -> None:
        raise refuse(errno.EINVAL)

    monkeypatch.setattr(os, "fsync", unable)
    write_text(tmp_path / "a.csv", "a")
    assert (tmp_path / "a.csv").read_text("utf-8") == "a"
