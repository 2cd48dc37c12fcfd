import torch
from torch import nn

from medsize.config.training import AdamWConfig, SGDConfig
from medsize.training.optimisers import build_optimiser, numbers_of


def test_sgd_has_its_settings():
    config = SGDConfig(learning_rate=0.01, momentum=0.8, weight_decay=0.001)
    optimiser = build_optimiser(config, nn.Linear(2, 2).parameters())
    assert isinstance(optimiser, torch.optim.SGD)
    group = optimiser.param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.01, 0.8, 0.001)


def test_adamw_has_its_settings():
    optimiser = build_optimiser(AdamWConfig(name="adamw", learning_rate=0.01), nn.Linear(2, 2).parameters())
    assert isinstance(optimiser, torch.optim.AdamW)
    assert (optimiser.param_groups[0]["lr"], optimiser.param_groups[0]["weight_decay"]) == (0.01, 0.01)


def test_frozen_parameters_are_left_out():
    frozen, trained = nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2)
    optimiser = build_optimiser(SGDConfig(), [*frozen.parameters(), *trained.parameters()])
    assert optimiser.param_groups[0]["params"] == list(trained.parameters())


def test_the_numbers_of_a_configuration_are_keys_of_the_optimisers_groups():
    for config in (SGDConfig(momentum=0.8), AdamWConfig(name="adamw", weight_decay=0.2)):
        group = build_optimiser(config, nn.Linear(2, 2).parameters()).param_groups[0]
        assert numbers_of(config).items() <= group.items()
