from pathlib import Path

import pytest

from medsize.config.layers import presets
from medsize.config.loading import load_config


@pytest.mark.parametrize("preset", presets())
def test_the_stages_of_every_preset_make_up_its_epochs(preset: str):
    config = load_config(preset)
    stages = config.stages()
    assert [stage.first for stage in stages] == [0, *(stage.end for stage in stages[:-1])]
    assert stages[-1].end == config.training.epochs


def test_a_folder_of_a_preset_is_relative_to_the_preset():
    folder = load_config("voc_sec").supervision.seeds
    assert folder.kind == "cues"
    assert folder.folder.is_absolute()
    assert folder.folder.parent == Path(__file__).parents[2] / "configs"
