"""Elastic weight consolidation between two stages: made where a stage begins, kept with its checkpoints."""

from collections.abc import Iterable
from pathlib import Path

from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn

from medsize.config.stages import ConsolidationConfig
from medsize.errors import InputError
from medsize.losses import ElasticWeightConsolidation, fisher_information
from medsize.networks.weight_files import read_safetensors
from medsize.run_folder import RunFolder

_KINDS = ("fisher", "anchor")


def consolidate(
    network: nn.Module, losses: Iterable[Tensor], config: ConsolidationConfig, accelerator: Accelerator
) -> ElasticWeightConsolidation:
    """Hold a network at its present weights, as firmly as the information of all processes says.

    Args:
        network: The network, not wrapped.
        losses: The loss to remember, on the batches of this process.
        config: How firmly.
        accelerator: The processes, each of which sees equally many batches.

    Raises:
        InputError: The gradient of a loss is not finite.
    """
    held = ElasticWeightConsolidation(config.strength, config.scale)
    try:
        fisher = fisher_information(network, losses)
    except ValueError as error:
        raise InputError(
            "the stage before cannot be consolidated",
            found=str(error),
            remedy="lower training.optimiser.learning_rate, or set training.precision to float32",
        ) from error
    held.hold(network, accelerator.reduce(fisher, "mean") if accelerator.num_processes > 1 else fisher)
    # Laid out as a file gives them back: a penalty summed in another order is another one in its last digits.
    held.load_state_dict({kind: _contiguous(tensors) for kind, tensors in held.state_dict().items()})
    return held


def save_consolidation(held: ElasticWeightConsolidation, path: Path) -> None:
    """Write what is held."""
    state = held.state_dict()
    save_file({f"{kind}.{name}": value for kind in _KINDS for name, value in state[kind].items()}, path)


def load_consolidation(run: RunFolder, config: ConsolidationConfig) -> ElasticWeightConsolidation:
    """Read what was held at the checkpoint ``last``.

    Raises:
        InputError: The file is missing or damaged.
    """
    held = ElasticWeightConsolidation(config.strength, config.scale)
    try:
        tensors, _ = read_safetensors(run.consolidation)
        held.load_state_dict({kind: _of(kind, tensors) for kind in _KINDS})
    except ValueError as error:
        raise InputError(
            f"{run.consolidation} cannot be resumed from",
            found=str(error),
            remedy="copy the run folder again, whole, or start a new run",
        ) from error
    return held


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def _of(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{kind}."): tensor for name, tensor in tensors.items() if name.startswith(f"{kind}.")}
