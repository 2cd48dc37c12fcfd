"""The whole description of a run."""

from pydantic import model_validator

from medsize.config.data import DataConfig
from medsize.config.divide import Stage, divide
from medsize.config.evaluation import EvaluationConfig
from medsize.config.inference import InferenceConfig
from medsize.config.model import Model
from medsize.config.network import DeepLabV3PlusConfig, NetworkConfig
from medsize.config.objective import ObjectiveConfig
from medsize.config.supervision import SupervisionConfig
from medsize.config.terms import SizeTerm
from medsize.config.training import TrainingConfig


class RunConfig(Model):
    """Everything that decides what a run does; the run folder keeps it as ``config.yaml``."""

    data: DataConfig = DataConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    network: NetworkConfig = DeepLabV3PlusConfig()
    objective: ObjectiveConfig
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of the training, in order; a single one if ``training.stages`` names none."""
        return divide(self.objective, self.training)

    def targets(self) -> frozenset[str]:
        """Return the entries of a batch that the objective of any stage needs."""
        objectives = [stage.objective.build(self.supervision.level or "slice") for stage in self.stages()]
        return frozenset[str]().union(*(objective.targets for objective in objectives))

    @property
    def told_sizes(self) -> bool:
        """Whether the training was told sizes, as targets or to grow labels to."""
        return any("size_target" in target or target == "pseudo_label" for target in self.targets())

    @model_validator(mode="after")
    def _tags_are_of_slices_where_they_must_be(self) -> "RunConfig":
        if self.supervision.level != "volume":
            return self
        used = {name: term for stage in self.stages() for name, term in stage.objective.terms().items()}
        told = [name for name, term in used.items() if term.target == "tags" and not isinstance(term, SizeTerm)]
        if told:
            raise ValueError(
                f"{', '.join(f'objective.{name}' for name in told)} must be told what each slice shows, but "
                "supervision.level is 'volume': set it to 'slice', or leave these terms out"
            )
        return self

    @model_validator(mode="after")
    def _seeds_that_teach_are_there(self) -> "RunConfig":
        used = any(stage.objective.partial_cross_entropy for stage in self.stages())
        if used and self.supervision.seeds.kind == "none":
            raise ValueError(
                "objective.partial_cross_entropy is about seeds, but supervision.seeds.kind is 'none': give seeds, or "
                "leave the term out"
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
