"""The whole description of a run."""

from medsize.config.data import DataConfig
from medsize.config.evaluation import EvaluationConfig
from medsize.config.model import Model
from medsize.config.network import DeepLabV3PlusConfig, NetworkConfig
from medsize.config.objective import ObjectiveConfig
from medsize.config.supervision import SupervisionConfig
from medsize.config.training import TrainingConfig


class RunConfig(Model):
    """Everything that decides what a run does; the run folder keeps it as ``config.yaml``."""

    data: DataConfig = DataConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    network: NetworkConfig = DeepLabV3PlusConfig()
    objective: ObjectiveConfig
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
