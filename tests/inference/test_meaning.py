"""What weights say of themselves, and what a configuration beside them may not change."""

import json
from pathlib import Path

import pytest

from medsize.config.run import RunConfig
from medsize.inference.meaning import Meaning
from tests.conftest import tiny_run_config


def test_a_file_of_weights_says_what_its_training_was_told(tiny_config: RunConfig):
    meaning = Meaning.of(tiny_config)
    assert meaning.structures == ("lv",)
    assert meaning.label_values == (3,)
    assert Meaning.in_metadata(meaning.metadata()) == meaning
    assert json.loads(meaning.metadata()["medsize"])["network"]["channels"] == [4, 8]


@pytest.mark.parametrize("metadata", [{}, {"medsize": "{"}, {"medsize": "{}"}, {"medsize": '{"structures": 3}'}])
def test_other_metadata_say_nothing(metadata: dict[str, str]):
    assert Meaning.in_metadata(metadata) is None


@pytest.mark.parametrize(
    ("assignment", "key"),
    [
        ("data.structures=[rv]", "data.structures"),
        ("data.preprocessing.size=48", "data.preprocessing.size"),
        ("data.preprocessing={name: physical, size: 32}", "data.preprocessing.name"),
        ("network.mean=0.4", "network.mean"),
        ("network.std=0.4", "network.std"),
        ("training.augmentation.flip=0", "training.augmentation.flip"),
        ("training.ema={decay: 0.9}", "training.ema.decay"),
    ],
)
def test_whatever_decides_how_a_network_is_used_differs_by_its_key(
    tiny_config: RunConfig, tiny_acdc: Path, tiny_cache: Path, assignment: str, key: str
):
    other = tiny_run_config(tiny_acdc, tiny_cache, assignment)
    assert key in Meaning.of(tiny_config).differences(Meaning.of(other))


@pytest.mark.parametrize(
    "assignment", ["training.epochs=9", "training.seed=3", "evaluation.overlays=1", "training.batch_size=2"]
)
def test_what_a_trained_network_does_not_depend_on_makes_no_difference(
    tiny_config: RunConfig, tiny_acdc: Path, tiny_cache: Path, assignment: str
):
    other = tiny_run_config(tiny_acdc, tiny_cache, assignment)
    assert Meaning.of(tiny_config) == Meaning.of(other)


def test_where_a_network_started_from_makes_no_difference(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    network = "network={name: mobilenetv2_unet}"
    one = tiny_run_config(tiny_acdc, tiny_cache, network)
    other = tiny_run_config(tiny_acdc, tiny_cache, network, f"network.weights={tmp_path / 'w.pth'}")
    assert Meaning.of(one) == Meaning.of(other)


def test_values_of_structures_in_label_files_are_part_of_it(tiny_config: RunConfig, tmp_path: Path):
    def with_labels(labels: dict[str, int]) -> Meaning:
        source = {"kind": "manifest", "path": tmp_path / "cases.csv", "labels": labels}
        data = {"source": source, "structures": ["lv"], "split": {"name": "manifest"}}
        return Meaning.of(RunConfig.model_validate({**tiny_config.model_dump(), "data": data}))

    differences = with_labels({"lv": 1, "rv": 2}).differences(with_labels({"lv": 2, "rv": 1}))
    assert differences == {"values in label files": ([1], [2])}
