"""What is held is the mean over the processes, whole on disk, and finite."""

from pathlib import Path
from typing import cast

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from medsize.config.stages import ConsolidationConfig
from medsize.errors import InputError
from medsize.losses import ElasticWeightConsolidation
from medsize.run_folder import RunFolder
from medsize.training.consolidation import consolidate, load_consolidation, save_consolidation


class Processes:
    """Stands in for Accelerate over two processes, the other of which has another information."""

    num_processes = 2

    def __init__(self, other: dict[str, torch.Tensor]) -> None:
        self.other = other

    def reduce(self, mine: dict[str, torch.Tensor], how: str) -> dict[str, torch.Tensor]:
        assert how == "mean"
        return {name: (value + self.other[name]) / 2 for name, value in mine.items()}


def losses(network: nn.Module) -> list[torch.Tensor]:
    return [network(torch.tensor([[2.0, 1.0]])).sum()]


def test_the_information_is_the_mean_over_processes_before_it_is_scaled():
    network = nn.Linear(2, 1, bias=False)
    accelerator = cast("Accelerator", Processes({"weight": torch.tensor([[0.0, 7.0]])}))
    unscaled = consolidate(network, losses(network), ConsolidationConfig(scale="none"), accelerator)
    torch.testing.assert_close(unscaled.fisher["weight"], torch.tensor([[2.0, 4.0]]))
    scaled = consolidate(network, losses(network), ConsolidationConfig(), accelerator)
    torch.testing.assert_close(scaled.fisher["weight"], torch.tensor([[0.0, 1.0]]))


def test_what_is_held_comes_back_from_disk(tmp_path: Path):
    network, run = nn.Linear(2, 1), RunFolder(tmp_path)
    run.consolidation.parent.mkdir(parents=True)
    config = ConsolidationConfig(strength=3)
    held = consolidate(network, losses(network), config, Accelerator(cpu=True))
    save_consolidation(held, run.consolidation)
    again = load_consolidation(run, config)
    assert isinstance(again, ElasticWeightConsolidation)
    with torch.no_grad():
        network.weight += 0.5
        assert held.penalty(network) == again.penalty(network) > 0


def test_a_gradient_that_is_not_finite_says_what_to_do():
    network = nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"the stage before cannot be consolidated(?s:.)*learning_rate"):
        consolidate(
            network, [network(torch.tensor([[torch.inf, 1.0]])).sum()], ConsolidationConfig(), Accelerator(cpu=True)
        )


def test_a_damaged_file_says_so(tmp_path: Path):
    run = RunFolder(tmp_path)
    run.consolidation.parent.mkdir(parents=True)
    run.consolidation.write_bytes(b"garbage")
    with pytest.raises(InputError, match="cannot be resumed from"):
        load_consolidation(run, ConsolidationConfig())
