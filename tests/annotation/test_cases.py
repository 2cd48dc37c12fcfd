from pathlib import Path

import pytest

from medsize.annotation.cases import find_data
from medsize.config.layers import layer_from_assignment
from medsize.errors import InputError


def test_a_folder_in_the_acdc_layout_is_data(tiny_acdc: Path):
    found = find_data(str(tiny_acdc))
    assert (len(found.cases), found.structures) == (20, ("lv",))
    assert find_data(str(tiny_acdc), ["all"]).structures == ("rv", "myo", "lv")


def test_a_preset_is_data_with_its_root(tiny_acdc: Path):
    root = layer_from_assignment(f"data.source.root={tiny_acdc}")
    assert find_data("acdc", ["myo"], [root]).structures == ("myo",)


def test_a_manifest_is_data_with_the_structures_named_beside_it(tiny_acdc: Path, tmp_path: Path):
    image = next(tiny_acdc.glob("training/*/*01.nii.gz"))
    manifest = tmp_path / "cases.csv"
    manifest.write_text(f"case,image\nfirst,{image}\n")
    found = find_data(str(manifest), ["tumour", "liver"])
    assert (found.labels, found.structures) == ({"tumour": 1, "liver": 2}, ("tumour", "liver"))
    for structures in ([], ["all"]):
        with pytest.raises(InputError, match="does not say which structures"):
            find_data(str(manifest), structures)


def test_anything_else_is_refused(tmp_path: Path):
    with pytest.raises(InputError):
        find_data(str(tmp_path / "nothing"))


def test_a_folder_that_is_not_there_is_not_taken_for_a_preset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is nothing at .*gone"):
        find_data(str(tmp_path / "gone"))
