"""The whole description of a run."""

from typing import Final

from pydantic import model_validator

from medsize.config.data import DataConfig
from medsize.config.evaluation import EvaluationConfig
from medsize.config.inference import InferenceConfig
from medsize.config.model import Model
from medsize.config.network import DeepLabV3PlusConfig, NetworkConfig
from medsize.config.objective import ObjectiveConfig
from medsize.config.supervision import SupervisionConfig
from medsize.config.training import TrainingConfig

_TOLD_BY_SLICES: Final = ("expand", "volumetric", "positional", "negative")


class RunConfig(Model):
    """Everything that decides what a run does; the run folder keeps it as ``config.yaml``."""

    data: DataConfig = DataConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    network: NetworkConfig = DeepLabV3PlusConfig()
    objective: ObjectiveConfig
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _tags_are_of_slices_where_they_must_be(self) -> "RunConfig":
        terms = [f"objective.{name}" for name in _TOLD_BY_SLICES if getattr(self.objective, name)]
        if terms and self.supervision.level == "volume":
            raise ValueError(
                f"{', '.join(terms)} must be told what each slice shows, but supervision.level is "
                "'volume': set it to 'slice', or leave these terms out"
            )
        return self

    @model_validator(mode="after")
    def _crops_are_not_parts_of_a_volume(self) -> "RunConfig":
        if self.training.augmentation.zoom and self.supervision.level in ("volume", "both"):
            raise ValueError(
                f"training.augmentation.zoom cuts slices, but supervision.level is '{self.supervision.level}': "
                "sizes of whole cases need whole slices"
            )
        return self
