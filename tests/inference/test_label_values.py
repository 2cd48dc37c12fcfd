import numpy as np
import pytest

from medsize.config.data import AcdcSource, DataConfig, ManifestSource, ManifestSplit
from medsize.errors import InputError
from medsize.inference.label_values import label_values, structure_values, to_classes, to_source_values


def manifest(*structures):
    return DataConfig(
        source=ManifestSource(kind="manifest", path="m.csv", labels={"liver": 6, "spleen": 200}),
        structures=structures,
        split=ManifestSplit(name="manifest"),
    )


def test_acdc_has_its_own_values():
    assert structure_values(DataConfig(structures=("lv",))) == {"lv": 3}
    assert label_values(DataConfig(source=AcdcSource())) == {"rv": 1, "myo": 2, "lv": 3}


def test_structures_keep_the_order_of_the_classes():
    assert list(structure_values(DataConfig(structures=("lv", "rv"))).items()) == [("lv", 3), ("rv", 1)]


def test_all_are_all_of_the_source():
    assert structure_values(manifest("all")) == {"liver": 6, "spleen": 200}


def test_an_unknown_structure_is_refused():
    with pytest.raises(InputError, match="no structure 'livr'"):
        structure_values(manifest("livr"))


def test_classes_become_values_and_values_classes():
    values = {"spleen": 200, "liver": 6}
    label = np.array([[0, 6], [200, 17]], np.uint8)
    classes = to_classes(label, values)
    np.testing.assert_array_equal(classes, [[0, 2], [1, 0]])
    np.testing.assert_array_equal(to_source_values(classes, values), [[0, 6], [200, 0]])
    assert classes.dtype == to_source_values(classes, values).dtype == np.uint8
