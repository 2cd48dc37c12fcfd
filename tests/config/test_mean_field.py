import dataclasses

import pytest
from pydantic import ValidationError

from medsize.config.mean_field import MeanFieldConfig
from medsize.losses import MeanField

SETTINGS = {
    "sigma_space": 7.0,
    "sigma_intensity": 0.1,
    "bilateral_weight": 2.0,
    "smoothness_sigma": 1.5,
    "smoothness_weight": 4.0,
    "iterations": 3,
    "engine": "exact",
}


def test_the_mean_field_has_the_settings():
    assert MeanFieldConfig.model_validate(SETTINGS).build() == MeanField(**SETTINGS)


def test_every_setting_of_the_mean_field_can_be_given_but_the_spacing_of_the_slices():
    assert MeanFieldConfig.model_fields.keys() == {f.name for f in dataclasses.fields(MeanField)} - {"spacing"}


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "engine"])
def test_a_setting_that_is_not_positive_is_refused(name):
    with pytest.raises(ValidationError, match="greater than"):
        MeanFieldConfig.model_validate({name: 0})
