"""DICOM files: telling them from others, and reading their attributes, whatever is wrong with them."""
# pydicom takes a third of a second to import, so that only what meets a DICOM file imports it.

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES: Final = (".dcm", ".dicom", ".ima")
MOST_INFLATED_BYTES: Final = 2**30
"""What a deflated file may come to; what is deflated are single planes and reports, none of which is large."""

_PREAMBLE: Final = 128
_HEAD: Final = 4096
_UID_ROOT: Final = b"1.2.840.10008."
_REPRESENTATIONS: Final = frozenset([b"UL", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"DT", b"OB"])
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"


class Damaged(Exception):
    """A DICOM file cannot be read, or an attribute of it; the message is a part of a sentence that says why."""


def is_dicom(path: Path) -> bool:
    """Tell a DICOM file by its content.

    It has the letters DICM after 128 bytes. Older exports leave these out: they begin with an element of the group
    2 or 8 of a sensible length, and soon name a class of the standard.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or _begins_with_an_element(head)


def _begins_with_an_element(head: bytes) -> bool:
    group, element = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    if group not in (2, 8) or element > 0x18 or _UID_ROOT not in head:
        return False
    return head[4:6] in _REPRESENTATIONS or int.from_bytes(head[4:8], "little") <= 256


def has_dicom_name(path: Path) -> bool:
    """Tell whether a file is called as if it were DICOM."""
    return path.name.lower().endswith(SUFFIXES)


@contextmanager
def reading() -> Iterator[None]:
    """Turn all that pydicom and GDCM raise over a file into ``Damaged``, and take what they can in silence.

    What is wrong with attributes that nobody asks for is nothing to warn of; those that are asked for are checked.

    Raises:
        Damaged: The file is damaged or may not be read.
    """
    from pydicom.config import disable_value_validation

    try:
        with disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Damaged:
        raise
    except PermissionError as error:
        raise Damaged("may not be read") from error
    except Exception as error:  # pydicom lets through whatever a damaged file brings about
        lines = str(error).strip().splitlines()
        raise Damaged(f"cannot be read ({lines[-1].strip()[:200] if lines else type(error).__name__})") from error


def read_dataset(path: Path, keywords: list[str] | None = None) -> "Dataset":
    """Read a DICOM file.

    Args:
        path: The file.
        keywords: The attributes that are wanted, without pixels; by default all, with pixels.

    Raises:
        Damaged: It cannot be read.
    """
    import pydicom

    with reading():
        if not is_dicom(path):
            raise Damaged(f"holds no DICOM ({_what_it_holds(path)})")
        _check_inflated(path)
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=keywords is not None, specific_tags=keywords)
        _complete_transfer_syntax(dataset)
        return dataset


def _what_it_holds(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(200).lstrip()
    if not start:
        return "0 bytes"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS instead of the file"
    return "a web page" if start.startswith(b"<") else "other content"


def _check_inflated(path: Path) -> None:
    """Refuse a deflated file that comes to too much, before pydicom inflates it as a whole."""
    from pydicom.filereader import read_file_meta_info

    with path.open("rb") as file:
        if file.read(_PREAMBLE + 4)[_PREAMBLE:] != b"DICM":
            return
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != _DEFLATED:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    with path.open("rb") as file:
        file.seek(_PREAMBLE + 4 + 12 + int(meta.FileMetaInformationGroupLength))  # 12: the element of this length
        while chunk := file.read(2**16):
            while chunk and size <= MOST_INFLATED_BYTES:
                size += len(inflater.decompress(chunk, 2**20))
                chunk = inflater.unconsumed_tail
            if size > MOST_INFLATED_BYTES:
                raise Damaged(f"unpacks to more than {MOST_INFLATED_BYTES // 2**20:,} MiB")


def _complete_transfer_syntax(dataset: "Dataset") -> None:
    """Say how a file without meta information was written, which its pixels are read by."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
