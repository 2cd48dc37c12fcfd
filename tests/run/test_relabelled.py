from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.run.relabelled import read_relabelled
from medsize.run_folder import RunFolder


def test_labels_that_were_lost_are_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.checkpoint("last").mkdir(parents=True)
    run.relabelled.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match=r"relabelled\.npz cannot be read"):
        read_relabelled(run.relabelled)
