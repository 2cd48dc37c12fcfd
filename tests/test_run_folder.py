from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.run_folder import RunFolder


def test_a_folder_with_a_configuration_is_a_run(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("")
    assert RunFolder.existing(tmp_path).weights("best") == tmp_path / "checkpoints" / "best" / "model.safetensors"


@pytest.mark.parametrize(("name", "found"), [("gone", "no such folder"), (".", "no config.yaml in it")])
def test_another_folder_is_not(tmp_path: Path, name: str, found: str):
    with pytest.raises(InputError, match=found):
        RunFolder.existing(tmp_path / name)
