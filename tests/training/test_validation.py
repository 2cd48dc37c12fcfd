from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medsize.config.run import RunConfig
from medsize.training.task import Task, prepare_task
from medsize.training.validation import Validation, validate


class Everything(nn.Module):
    """Finds the structure in every pixel."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([-torch.ones_like(image), torch.ones_like(image)], 1)


class Nothing(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([torch.ones_like(image), -torch.ones_like(image)], 1)


def validation(task: Task, network: nn.Module) -> Validation:
    return validate(
        network, task.store, task.val_cases, device=torch.device("cpu"), precision=torch.float32, batch_size=2
    )


def test_it_is_the_mean_over_cases_of_dice_over_each_case(tiny_config: RunConfig):
    task = prepare_task(tiny_config)
    expected = []
    for case in task.val_cases:
        label = np.asarray(task.store.labels[task.store.rows([case.id])]) == 1
        expected.append(2 * label.sum() / (label.sum() + label.size))
    found = validation(task, Everything())
    assert found.dice_scan == {"lv": pytest.approx(np.mean(expected))}
    assert found.mean == found.dice_scan["lv"]


def test_a_structure_that_is_nowhere_is_left_out(tiny_config: RunConfig):
    task = prepare_task(tiny_config)
    assert validation(task, Nothing()).dice_scan == {"lv": 0.0}
    nowhere = replace(task, val_cases=[])
    assert validation(nowhere, Nothing()) == Validation({}, None)
