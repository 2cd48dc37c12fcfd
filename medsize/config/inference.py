"""How a trained network is used."""

from medsize.config.mean_field import MeanFieldConfig
from medsize.config.model import Model


class InferenceConfig(Model):
    """What ``medsize predict`` and ``medsize evaluate`` do to probabilities where ``--crf`` asks for it."""

    crf: MeanFieldConfig = MeanFieldConfig()
