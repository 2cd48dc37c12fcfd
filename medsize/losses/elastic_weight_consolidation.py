"""Elastic weight consolidation: a second task may not undo what the first one taught."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive

FisherScale = Literal["min-max", "none"]

# Below this relative difference it is rounding that would decide which parameter gets 0 and which 1: the two biases
# of a two-class output have the same F.
_ALIKE: Final = 1e-5


def fisher_information(network: nn.Module, batch_losses: Iterable[Tensor]) -> dict[str, Tensor]:
    """Mean over batches of the squared gradient of the batch's loss: the diagonal of the empirical Fisher matrix.

    The gradients of the network (``.grad``) stay as they are, and its mode (train or eval) is the caller's.

    Args:
        network: The network.
        batch_losses: The loss of each batch, a scalar with its graph; a generator makes and frees one graph
            at a time.

    Returns:
        F by the name of each parameter that is trained, float32 or better; 0 where the losses do not depend
        on it.

    Raises:
        ValueError: For a network without parameters to train, no batches, or a gradient that is not finite.
    """
    parameters = _trained(network)
    fisher = {name: torch.zeros_like(value, dtype=_precise(value)) for name, value in parameters.items()}
    batches = 0
    for loss in batch_losses:
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for total, gradient in zip(fisher.values(), gradients, strict=True):
            if gradient is not None:
                total += gradient.to(total.dtype).square()
        batches += 1
    if not batches:
        raise ValueError("the Fisher information needs the loss of at least one batch, found none")
    for name, total in fisher.items():
        total /= batches
        if not total.isfinite().all():
            raise ValueError(f"the Fisher information must be finite, found {total.max().item()} in {name!r}")
    return fisher


class ElasticWeightConsolidation:
    """Holds a network's important parameters near where a first task left them: "Small Objects Matter" (P4) eq. 5.

    It belongs to no training loop: ask it for the penalty and add that to any loss.

    >>> import torch
    >>> from medsize.losses import ElasticWeightConsolidation
    >>> network, images = torch.nn.Linear(2, 1), torch.ones(3, 4, 2)
    >>> ewc = ElasticWeightConsolidation()
    >>> ewc.consolidate(network, (network(batch).square().mean() for batch in images))  # after the first task
    >>> ewc.penalty(network).item()
    0.0

    Args:
        strength: λ. 500 is the authors'; their code has no ½ before it, so theirs holds twice as firmly as
            eq. 5 does, which is used here.
        scale: ``"min-max"``, the authors' code: F of each tensor is scaled so that its least important
            parameter has 0 and its most important one 1. A tensor whose parameters matter alike, such as one of
            a single parameter, gets 1, or 0 if no loss depends on it. ``"none"``: F as it is.

    Attributes:
        fisher: F by the name of the parameter; empty before :meth:`consolidate`.
        anchor: θ*, a copy of the parameters, likewise.

    Raises:
        ValueError: For a λ that is not a positive number, or an unknown scale.
    """

    def __init__(self, strength: float = 500.0, scale: FisherScale = "min-max") -> None:
        require_positive("strength", strength)
        require_option("scale", scale, get_args(FisherScale))
        self.strength = strength
        self.scale: FisherScale = scale
        self.fisher: dict[str, Tensor] = {}
        self.anchor: dict[str, Tensor] = {}

    def consolidate(self, network: nn.Module, batch_losses: Iterable[Tensor]) -> None:
        """Take the importance of the parameters and their values: between the first task and the second.

        Args:
            network: The network that the first task has trained.
            batch_losses: The first task's loss on each batch, as in :func:`fisher_information`.

        Raises:
            ValueError: As :func:`fisher_information` does.
        """
        self.hold(network, fisher_information(network, batch_losses))

    def hold(self, network: nn.Module, fisher: Mapping[str, Tensor]) -> None:
        """As :meth:`consolidate`, with an information that is known, such as the mean of several processes'.

        Args:
            network: The network that the first task has trained.
            fisher: What :func:`fisher_information` returned of it.
        """
        unscaled = self.scale == "none"
        self.fisher = {name: value if unscaled else _min_max(value) for name, value in fisher.items()}
        self.anchor = {name: value.detach().clone() for name, value in _trained(network).items()}

    def penalty(self, network: nn.Module) -> Tensor:
        """``Σ_i λ/2 · F_i (θ_i − θ*_i)²``, a scalar with its graph; 0 at θ*.

        Args:
            network: The network that was consolidated, with parameters of the same names and shapes.

        Raises:
            ValueError: Before :meth:`consolidate`, or for a network whose parameters are others.
        """
        if not self.fisher:
            raise ValueError("nothing is consolidated yet: call consolidate() or load_state_dict() first")
        parameters = _trained(network)
        self._require_same(parameters)
        total: Tensor | float = 0.0
        for name, value in parameters.items():
            # A checkpoint may have been read to another device; this moves it once.
            self.fisher[name] = self.fisher[name].to(value.device)
            self.anchor[name] = self.anchor[name].to(value.device)
            distance = (value - self.anchor[name]).to(self.fisher[name].dtype)
            total = total + (self.fisher[name] * distance.square()).sum()
        return self.strength / 2 * torch.as_tensor(total)

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """F and θ*, for a checkpoint."""
        return {"fisher": dict(self.fisher), "anchor": dict(self.anchor)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take F and θ* from a checkpoint.

        Args:
            state: What :meth:`state_dict` returned, before or after :meth:`consolidate`.

        Raises:
            ValueError: For anything else.
        """
        fisher, anchor = state.get("fisher"), state.get("anchor")
        if not isinstance(fisher, Mapping) or not isinstance(anchor, Mapping) or fisher.keys() != anchor.keys():
            raise ValueError(
                "expected the state of an elastic weight consolidation: 'fisher' and 'anchor' of the same "
                f"parameters, found {', '.join(map(repr, state)) or 'nothing'}"
            )
        self.fisher, self.anchor = dict(fisher), dict(anchor)

    def _require_same(self, parameters: Mapping[str, Tensor]) -> None:
        expected = {name: tuple(value.shape) for name, value in self.anchor.items()}
        found = {name: tuple(value.shape) for name, value in parameters.items()}
        if expected == found:
            return
        missing, unexpected = expected.items() - found.items(), found.items() - expected.items()
        raise ValueError(
            "the network is not the one that was consolidated: "
            f"expected {_listed(missing) or 'no more'}, found {_listed(unexpected) or 'nothing'} instead; "
            "give the network itself if it is wrapped ('network.module' of DistributedDataParallel, "
            "'network._orig_mod' of torch.compile)"
        )


def _trained(network: nn.Module) -> dict[str, nn.Parameter]:
    parameters = {name: value for name, value in network.named_parameters() if value.requires_grad}
    if not parameters:
        raise ValueError(f"the network must have parameters to train, found none in {type(network).__name__}")
    return parameters


def _precise(value: Tensor) -> torch.dtype:
    return torch.promote_types(value.dtype, torch.float32)


def _min_max(fisher: Tensor) -> Tensor:
    low, high = fisher.aminmax()
    if high - low > _ALIKE * high:
        return (fisher - low) / (high - low)
    return torch.full_like(fisher, float(high > 0))


def _listed(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    ordered = sorted(shapes)
    more = f" and {len(ordered) - 1} more" if len(ordered) > 1 else ""
    return f"{ordered[0][0]!r} of shape {ordered[0][1]}{more}" if ordered else ""
