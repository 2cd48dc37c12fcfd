"""How a network is trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from medsize.config.model import Model
from medsize.config.stages import StageConfig


class SGDConfig(Model):
    """Stochastic gradient descent; momentum and weight decay are our choice, the papers are silent."""

    name: Literal["sgd"] = "sgd"
    learning_rate: float = Field(default=0.005, gt=0)
    """At the first step."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Of the gradient."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """L2 penalty on the weights."""


class AdamWConfig(Model):
    """AdamW."""

    name: Literal["adamw"]
    learning_rate: float = Field(default=1e-3, gt=0)
    """At the first step."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of the weights."""


Optimiser = Annotated[SGDConfig | AdamWConfig, Field(discriminator="name")]


class Zoom(Model):
    """Scale each image at random, then crop or pad it to its size (ours; the papers show whole images)."""

    smallest: float = Field(default=0.5, gt=0, le=1)
    """Least factor of the sides; below 1 the image is padded, and the padding is outside Ω."""
    largest: float = Field(default=2.0, ge=1)
    """Greatest factor; above 1 a part of the image is cut away."""
    sizes_of_crops: Literal["unknown", "measured"] = "unknown"
    """Of an image that is cut: ``unknown`` trains it on seeds and edges alone, ``measured`` reads its mask."""


class Augmentation(Model):
    """What is changed at random, drawn anew for every image of every batch.

    By default colour jitter and horizontal flip, the papers' augmentation. The rest is ours and off (0). Whatever
    moves an image keeps its sizes true: they change as the pixels do, or are unknown where a structure may be cut.
    """

    brightness: float = Field(default=0.2, ge=0, le=1)
    """Largest shift of intensities, which are in [0, 1]."""
    contrast: float = Field(default=0.2, ge=0, lt=1)
    """Contrast is multiplied by a factor in 1 ± this."""
    saturation: float = Field(default=0.2, ge=0, le=1)
    """Distances of colours from grey are multiplied by a factor in 1 ± this; of photos only."""
    hue: float = Field(default=0.02, ge=0, le=0.5)
    """Largest turn of colours around grey, 1 being once around; of photos only."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip."""
    rotation: float = Field(default=0, ge=0, le=180)
    """Largest turn, in degrees either way; the corners that it leaves free are outside Ω."""
    scaling: float = Field(default=0, ge=0, le=1)
    """Sides are multiplied by a factor between 1 / (1 + this) and 1 + this, structures' sizes by its square."""
    elastic: float = Field(default=0, ge=0, le=0.25)
    """Pixels slide along smooth waves by up to this share of the shorter side; every area stays what it was."""
    gamma: float = Field(default=0, ge=0, le=4)
    """Intensities are raised to a power between 1 / (1 + this) and 1 + this."""
    noise: float = Field(default=0, ge=0, le=1)
    """Largest standard deviation of Gaussian noise, of intensities in [0, 1]."""
    blur: float = Field(default=0, ge=0, le=10)
    """Largest standard deviation of a Gaussian blur, in pixels."""
    zoom: Zoom | None = None
    """Random scale and crop; ``null`` shows every image as it is in the store."""


class StepDecay(Model):
    """A learning rate that falls in steps, as P2's, on top of ``polynomial_power``."""

    epochs: int = Field(ge=1)
    """Length of a step."""
    factor: float = Field(default=0.1, gt=0, le=1)
    """The rate is multiplied by it after every step."""


class WeightAverage(Model):
    """Predict with an exponential moving average of the weights over the steps, in place of those of the last step.

    It is the average that is validated, evaluated, exported and kept as the weights of both checkpoints; ``last`` also
    keeps the weights that train, to resume from. A run that starts from this one starts from the average.
    """

    decay: float = Field(default=0.99, gt=0, lt=1)
    """Share of the average that a step keeps, at first only (1 + step)/(10 + step); 0.99 averages some 100 steps."""


class EarlyStopping(Model):
    """Stop when validation has not improved for a while."""

    patience: int = Field(default=10, ge=1)
    """Validations without a better ``dice_scan``."""


class TrainingConfig(Model):
    """Length, optimiser, augmentation, machine and rhythm of a training."""

    epochs: int = Field(default=200, ge=1, le=1_000_000)
    """Passes over the training slices."""
    batch_size: int = Field(default=12, ge=1)
    """Slices in a step (of each process); where sizes are of volumes, as many whole cases as come nearest to it."""
    fewest_cases: int = Field(default=4, ge=1)
    """Whole cases in a step at least, where sizes are of volumes: batch normalisation of one alone misleads."""
    optimiser: Optimiser = SGDConfig()
    polynomial_power: float = Field(default=0.9, ge=0)
    """The learning rate falls as (1 − step/steps)^power; 0 keeps it constant."""
    step_decay: StepDecay | None = None
    stages: dict[str, StageConfig] = Field(default={})
    """Stages by name, in order; ``null`` takes one out, or all. Without any, all epochs are alike."""
    start_at_sizes: bool = True
    """Let the untrained network predict the mean given size of each class everywhere, not equal shares (ours)."""
    ema: WeightAverage | None = None
    """``null`` predicts with the weights of the last step."""
    augmentation: Augmentation = Augmentation()
    validate_every: int = Field(default=5, ge=1)
    """Epochs between validations; the last epoch is always validated."""
    early_stopping: EarlyStopping | None = None
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Of the initial weights, the order, the augmentation, the seeds and the noise."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """``auto`` takes the accelerator if there is one."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """``auto`` takes bfloat16 where the machine has units for it."""
    tensorboard: bool = False
    """Also write TensorBoard files (extra ``tensorboard``)."""

    @field_validator("stages", mode="before")
    @classmethod
    def _without_those_taken_out(cls, stages: Any) -> Any:
        if stages is None:
            return {}
        if not isinstance(stages, dict):
            return stages
        return {name: stage for name, stage in stages.items() if stage is not None}

    @model_validator(mode="after")
    def _stops_early_without_stages(self) -> "TrainingConfig":
        if self.stages and self.early_stopping:
            raise ValueError("early_stopping does not go with stages: it would leave out the later ones")
        return self
