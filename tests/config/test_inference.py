from pathlib import Path

from medsize.config.mean_field import MeanFieldConfig
from tests.conftest import tiny_run_config


def test_one_setting_of_the_crf_can_be_set_and_the_others_stay():
    config = tiny_run_config(Path("data"), Path("cache"), "inference.crf.sigma_space=3")
    assert config.inference.crf == MeanFieldConfig(sigma_space=3)
