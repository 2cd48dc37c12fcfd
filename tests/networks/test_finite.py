import pytest
import torch

from medsize.networks.finite import all_finite, describe_not_finite

GOOD = {"weight": torch.ones(3), "count": torch.tensor(7)}


def test_finite_numbers_and_counts_are_fine():
    assert all_finite(list(GOOD.values()))
    assert describe_not_finite(GOOD) is None
    assert all_finite([])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_value_is_enough(value: float):
    spoiled = {**GOOD, "bias": torch.tensor([1.0, value])}
    assert not all_finite(list(spoiled.values()))
    found = describe_not_finite(spoiled)
    assert found is not None
    assert found.startswith("not finite: bias (1 of 2 values); ")


@pytest.mark.parametrize(
    ("tensor", "cause"),
    [
        (torch.tensor([16610601.0]).half(), "saved in float16, which makes infinity of what is above 65,504"),
        (torch.tensor([1e300], dtype=torch.float64), "saved in float64, with values beyond float32"),
        (torch.tensor([torch.nan]).half(), "NaN is what a training that diverged leaves"),
        (torch.tensor([torch.inf]), "a conversion through float16"),
    ],
)
def test_the_likely_cause_is_told(tensor: torch.Tensor, cause: str):
    found = describe_not_finite({**GOOD, "running_var": tensor})
    assert found is not None
    assert cause in found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_finite_numbers_of_every_type_are_fine(dtype: torch.dtype):
    assert describe_not_finite({"weight": torch.tensor([1.5, -2.0], dtype=dtype)}) is None


def test_of_many_tensors_three_are_named():
    found = describe_not_finite({f"w{number}": torch.tensor(torch.inf) for number in range(5)})
    assert found is not None
    assert "w2 (1 of 1 values) and 2 more tensors" in found
    assert "w3" not in found
