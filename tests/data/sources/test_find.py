import os
from pathlib import Path

import pytest

from medsize.config.data import AcdcSource, DataConfig, ManifestSource, ManifestSplit
from medsize.data.sources import find_cases
from medsize.errors import InputError


def test_acdc_is_found_with_its_labels(acdc: Path) -> None:
    found = find_cases(DataConfig(source=AcdcSource(root=acdc), structures=("all",)))
    assert len(found.cases) == 6
    assert found.labels == {"rv": 1, "myo": 2, "lv": 3}
    assert found.structures == ("rv", "myo", "lv")


def test_a_manifest_is_found_with_the_labels_that_the_user_names(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").touch()
    (tmp_path / "m.csv").write_text("case,image\na,a.nii.gz\n")
    source = ManifestSource(kind="manifest", path=tmp_path / "m.csv", labels={"liver": 2, "tumour": 5})
    found = find_cases(DataConfig(source=source, structures=("tumour",), split=ManifestSplit(name="manifest")))
    assert [case.id for case in found.cases] == ["a"]
    assert found.labels == {"liver": 2, "tumour": 5}
    assert found.structures == ("tumour",)


def test_without_a_root_the_message_says_how_to_come_by_data() -> None:
    with pytest.raises(InputError, match=r"--data-root FOLDER(.|\n)*creatis(.|\n)*medsize data phantom"):
        find_cases(DataConfig())


def test_an_unknown_structure_is_told_before_the_data_is_looked_for() -> None:
    with pytest.raises(InputError, match="no structure 'aorta'"):
        find_cases(DataConfig(structures=("aorta",)))


def test_a_folder_whose_name_no_configuration_can_hold_is_named(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(InputError, match="is in another encoding than UTF-8"):
        find_cases(DataConfig(source=AcdcSource(root=root)))
