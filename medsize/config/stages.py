"""A training in stages: what each of them does otherwise than the run as a whole, and for how long."""

from typing import Any, Literal

from pydantic import Field

from medsize.config.model import Model


class ConsolidationConfig(Model):
    """Elastic weight consolidation (P4 eq. 5): parameters that mattered to the stage before stay near their values.

    How much each one mattered is its Fisher information under the objective of the stage before, over the training
    set, taken when the stage begins.
    """

    strength: float = Field(default=500.0, gt=0)
    """λ of ``λ/2·F·(θ − θ*)²``. The authors' code has 500 without the ½, which is 1000 here."""
    scale: Literal["min-max", "none"] = "min-max"
    """``min-max`` scales the information of each tensor to [0, 1], as the authors' code does."""


class RelabelConfig(Model):
    """The training slices labelled anew: by the network, among all labels that have the sizes (ours).

    The labels take the place of those grown from the seeds, and teach ``pseudo_cross_entropy``.
    """

    sizes: Literal["given", "corrected"] = "corrected"
    """``corrected`` weighs each given size and the predicted one by their errors, for size targets too."""
    noise: float | None = Field(default=None, ge=0)
    """Mean relative error of the given sizes; left out, that of simulated noise, else both are taken to err alike."""
    anchor: float = Field(default=16.0, ge=0)
    """How many nats of the network's a radius away from the labels grown to these sizes outweighs; 0 asks it alone."""
    tolerance: float = Field(default=0.0, ge=0, lt=1)
    """Pixels stay undecided that are an object at its size + this share of it, and none at its size − this."""


class StageConfig(Model):
    """A part of the training; what it does not say is as in ``objective`` and ``training`` themselves."""

    epochs: int | None = Field(default=None, ge=1)
    """Its length; the last stage may leave it out and takes what is left of ``training.epochs``."""
    repeat: int = Field(default=1, ge=1)
    """So many such stages in a row; ``{from: a, to: b}`` in place of a number then runs from a to b in equal steps."""
    objective: dict[str, dict[str, Any] | None] = Field(default={})
    """Terms by name: what is another in a term, or a further term; ``null`` takes a term out."""
    optimiser: dict[str, Any] = Field(default={})
    """Numbers of ``training.optimiser`` that are others."""
    polynomial_power: float | None = Field(default=None, ge=0)
    """As ``training.polynomial_power``."""
    restart_optimiser: bool = False
    """Forget momenta when it begins, and let the learning rate start anew, to fall until the next such stage."""
    consolidate: ConsolidationConfig | None = None
    """Hold what mattered to the stage before, during this one."""
    relabel: RelabelConfig | None = None
    """Label the training slices anew when it begins; with ``repeat``, each time."""
