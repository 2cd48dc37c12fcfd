import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from medsize import files
from medsize.errors import InputError
from medsize.files import atomic_folder, atomic_path, remove_abandoned, restore_folder, write_text, writing

WEEK_SECONDS = 7 * 24 * 3600


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def left_behind(folder: Path, name: str, *, machine: str | None = None, number: int = 0) -> Path:
    """What a killed process leaves: ``name`` in a temporary folder, whose lock nobody holds."""
    place = folder / f".partial-{number:016x}"
    place.mkdir()
    (place / ".lock").write_text(files._machine() if machine is None else machine)
    (place / name).touch()
    return place


def replaced_halfway(path: Path, number: int = 0) -> Path:
    """What a process leaves that was killed between the two renames of a replacement."""
    place = left_behind(path.parent, "new", number=number)
    (place / ".replaced").mkdir()
    path.rename(place / ".replaced" / path.name)
    return place


def age(place: Path, seconds: float) -> None:
    then = time.time() - seconds
    for entry in [*place.rglob("*"), place]:
        os.utime(entry, (then, then))


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


def test_private_files_of_other_libraries_become_ordinary_ones(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    with atomic_path(tmp_path / "a.safetensors") as partial:
        save_file({"a": np.zeros(1)}, partial)
        partial.chmod(0o600)  # as safetensors 0.6 and later leave it
    with atomic_folder(tmp_path / "last") as folder:
        (folder / "state").mkdir(0o700)
        (folder / "state" / "private").touch(0o600)
        (folder / "link").symlink_to("state")
    mode = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert mode["a.safetensors"] == mode["private"] == mode["plain"]
    assert mode["last"] == mode["state"] == mode["folder"]


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
        if self.parent.name.startswith(".partial") and target == path:
            raise refuse(errno.ENOSPC)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", second_refused)
    with pytest.raises(InputError, match="No space left"), atomic_folder(path) as partial:
        (partial / "new").touch()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["last"]


def test_a_replacement_killed_between_its_renames_is_undone(tmp_path: Path) -> None:
    for number, name in enumerate(("last-2", "best")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state").touch()
        replaced_halfway(tmp_path / name, number)
    remove_abandoned(tmp_path)  # may not take the only whole one away
    restore_folder(tmp_path / "last-2")
    assert names(tmp_path / "last-2") == ["state"]
    restore_folder(tmp_path / "last-2")
    restore_folder(tmp_path / "absent" / "last")
    assert names(tmp_path) == [f".partial-{1:016x}", "last-2"]


def test_a_replaced_folder_without_a_lock_is_put_back_as_well(tmp_path: Path) -> None:
    (tmp_path / "last").mkdir()
    place = replaced_halfway(tmp_path / "last")
    (place / ".lock").unlink()
    restore_folder(tmp_path / "last")
    assert names(tmp_path) == ["last"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left_behind(tmp_path, "store", number=1)
    old = left_behind(tmp_path, "last", number=2)
    (old / ".replaced" / "last").mkdir(parents=True)
    (tmp_path / "last").mkdir()
    kept = [
        left_behind(tmp_path, "elsewhere", machine="another machine", number=3),
        tmp_path / ".partial-of-somebody-else",
        tmp_path / "last",
        tmp_path / "table.csv",
    ]
    kept[1].mkdir()
    kept[3].touch()
    with atomic_path(tmp_path / "mine.csv") as partial:
        partial.touch()
        remove_abandoned(tmp_path)
        assert names(tmp_path) == sorted(path.name for path in [*kept, partial.parent])
    remove_abandoned(tmp_path / "absent")


@pytest.mark.parametrize("machine", ["another machine", ""])
def test_what_another_machine_left_goes_when_nobody_touched_it_for_a_week(tmp_path: Path, machine: str) -> None:
    for number, seconds in ((1, 0.9 * WEEK_SECONDS), (2, 1.1 * WEEK_SECONDS)):
        age(left_behind(tmp_path, "store", machine=machine, number=number), seconds)
    remove_abandoned(tmp_path)
    assert names(tmp_path) == [f".partial-{1:016x}"]


def test_without_locks_age_alone_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "acquire", lambda file, wait: None)
    age(left_behind(tmp_path, "old", number=1), 1.1 * WEEK_SECONDS)
    with atomic_path(tmp_path / "mine.csv") as partial:
        partial.touch()
        remove_abandoned(tmp_path)
        assert names(tmp_path) == [partial.parent.name]
    assert names(tmp_path) == ["mine.csv"]


def test_folders_inside_are_looked_into_when_asked_and_live_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "predictions" / "pictures").mkdir(parents=True)
    left_behind(tmp_path / "predictions" / "pictures", "a.png")
    remove_abandoned(tmp_path)
    assert len(names(tmp_path / "predictions" / "pictures")) == 1
    with atomic_folder(tmp_path / "predictions" / "report") as live:
        abandoned = left_behind(live, "inside a live one")
        remove_abandoned(tmp_path, recursive=True)
        assert names(tmp_path / "predictions" / "pictures") == []
        assert abandoned.is_dir()


def test_a_process_with_the_same_host_name_and_number_keeps_what_it_writes(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from medsize.files import atomic_folder
        with atomic_folder(Path({str(tmp_path)!r}) / "store") as folder:
            (folder / "images.npy").write_text("whole")
            print("writing", flush=True)
            sys.stdin.readline()
    """)
    unshared = ["unshare", "--fork", "--pid", "--mount-proc"]  # as in another container: its processes have other names
    isolated = subprocess.run([*unshared, "true"], check=False, capture_output=True).returncode == 0
    with subprocess.Popen(
        [*(unshared if isolated else []), sys.executable, "-c", script],
        cwd=Path(files.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        remove_abandoned(tmp_path)
        writer.communicate("\n")
    assert writer.returncode == 0
    assert (tmp_path / "store" / "images.npy").read_text("utf-8") == "whole"


def test_a_folder_taken_for_abandoned_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, times = files.acquire, []

    def late(file: IO[bytes], *, wait: bool) -> bool | None:
        times.append(file.name)
        if len(times) == 1:
            monkeypatch.setattr(files, "acquire", acquire)
            remove_abandoned(tmp_path)
            monkeypatch.setattr(files, "acquire", late)
        return acquire(file, wait=wait)

    monkeypatch.setattr(files, "acquire", late)
    write_text(tmp_path / "a.txt", "a")
    assert len(times) == 2
    assert names(tmp_path) == ["a.txt"]


def test_where_open_files_cannot_be_removed_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned = left_behind(tmp_path, "store")
    monkeypatch.setattr(files, "_POSIX", False)
    remove_abandoned(tmp_path)
    with atomic_folder(tmp_path / "folder"):
        pass
    assert names(tmp_path) == [abandoned.name, "folder"]


def test_where_the_system_names_no_boot_the_host_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: Path, encoding: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    assert files._machine() == socket.gethostname()


def test_a_process_killed_in_the_middle_leaves_nothing_that_is_trusted(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from medsize.files import atomic_folder, atomic_path
        out = Path({str(tmp_path)!r})
        with atomic_folder(out / "store") as folder, atomic_path(out / "a.csv") as file:
            (folder / "images.npy").write_text("half")
            file.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(files.__file__).parents[1], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2  # temporary folders
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


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
{imports}
from medsize.errors import InputError
from medsize.files import atomic_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, 2**21))
try:
    with atomic_folder(Path(sys.argv[1]) / "last") as folder:
        {write}
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("imports", "write"),
    [
        ("import torch", 'torch.save(torch.zeros(2**20), folder / "a.bin")'),
        ("from safetensors.numpy import save_file", 'save_file({"a": np.zeros(2**20)}, folder / "a.safetensors")'),
        (
            "import SimpleITK",
            'SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((2**7,) * 3, "f")), str(folder / "a.mha"))',
        ),
        ("from PIL import Image", 'Image.fromarray(np.zeros((2**11, 2**11), "u1")).save(folder / "a.bmp")'),
    ],
    ids=["torch", "safetensors", "SimpleITK", "pillow"],
)
def test_whatever_writes_a_place_without_room_is_the_usual_message(tmp_path: Path, imports: str, write: str) -> None:
    script = FULL.format(imports=imports, write=write)
    found = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        cwd=Path(files.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"cannot write {tmp_path}/last\n  found:    File too large\n  remedy:   allow larger files" in found.stdout
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_torch_fills_is_the_usual_message(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with (
            pytest.raises(InputError, match=r"No space left(.|\n)*free some space"),
            atomic_folder(tmp_path / "a") as place,
        ):
            torch.save(torch.zeros(2**20), place / "a.bin")
        assert names(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("message", ["I/O error: No space left on device (os error 28)", "No space left on device"])
def test_a_full_disk_is_known_by_the_words_of_other_libraries(tmp_path: Path, message: str) -> None:
    with pytest.raises(InputError, match=r"No space left(.|\n)*free some space"), writing(tmp_path / "a"):
        raise RuntimeError(message)


def test_a_full_disk_is_known_by_the_error_behind_another(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="quota"), writing(tmp_path / "a"):
        raise ValueError("the table could not be saved") from refuse(errno.EDQUOT)


def test_other_errors_of_other_libraries_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such layer"), atomic_path(tmp_path / "a"):
        raise RuntimeError("no such layer")
    with pytest.raises(InputError, match=r"^not a scan$"), atomic_path(tmp_path / "a"):
        raise InputError("not a scan")
    assert names(tmp_path) == []
