import errno
from pathlib import Path

import numpy as np
import pytest

from medsize.errors import InputError
from medsize.failures import failure, is_of_the_disk, is_out_of_memory


def test_a_failure_names_the_thing_and_what_was_raised():
    found = failure(Path("a.nii"), "cannot be read", ValueError("odd\nand more"), "copy it again")
    assert str(found) == "a.nii cannot be read\n  found:    ValueError: odd\n  remedy:   copy it again"


def test_what_the_system_says_is_given_without_its_number():
    found = failure(Path("a.nii"), "cannot be read", PermissionError(errno.EACCES, "Permission denied"), "ask")
    assert str(found) == "a.nii cannot be read\n  found:    Permission denied\n  remedy:   ask"


def numpys() -> Exception:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    return caught.value


def numpys_of_many_dimensions() -> Exception:
    with pytest.raises(ValueError, match=r"too big|allowed dimension") as caught:
        np.empty((2**40, 2**40))
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        numpys(),
        numpys_of_many_dimensions(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("Exception thrown in SimpleITK: Failed to allocate memory for image."),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_too_little_memory_is_known_in_every_librarys_words(error):
    assert is_out_of_memory(error)
    said = str(failure(Path("a.nii"), "cannot be read", error, "copy it again"))
    assert said.startswith("a.nii cannot be read: it takes more memory than there is\n")
    assert "smaller --batch" in said
    assert "copy it again" not in said


def test_other_errors_are_no_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("sizes do not match"))


@pytest.mark.parametrize(
    ("number", "everybodys"),
    [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EACCES, False), (errno.ENAMETOOLONG, False)],
)
def test_a_full_disk_concerns_all_and_a_long_name_one(number, everybodys):
    error = InputError("cannot write x")
    error.__cause__ = OSError(number, "no")
    assert is_of_the_disk(error) == everybodys
    assert not is_of_the_disk(InputError("without a cause"))
