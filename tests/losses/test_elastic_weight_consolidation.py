import doctest
import io

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import medsize.losses.elastic_weight_consolidation
from medsize.losses import ElasticWeightConsolidation, fisher_information


class Wrapped(nn.Module):
    """As DistributedDataParallel does, puts "module." before all names."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def linear(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 2).double()


def random_batches(count: int = 4) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(5, 3, generator=generator, dtype=torch.float64),
            torch.randint(0, 2, (5,), generator=generator),
        )
        for _ in range(count)
    ]


def losses(network: nn.Module) -> list[Tensor]:
    return [nn.functional.cross_entropy(network(images), labels) for images, labels in random_batches()]


def fisher_written_out(network: nn.Linear) -> dict[str, np.ndarray]:
    """The gradient of the cross entropy of a linear model by hand: (S − Y)ᵀ X / batch, and its mean for the bias."""
    weight, bias = (value.detach().numpy() for value in network.parameters())
    squares: dict[str, list[np.ndarray]] = {"weight": [], "bias": []}
    for images, labels in random_batches():
        scores = images.numpy() @ weight.T + bias
        probs = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        error = (probs - np.eye(2)[labels.numpy()]) / len(images)
        squares["weight"].append((error.T @ images.numpy()) ** 2)
        squares["bias"].append(error.sum(0) ** 2)
    return {name: np.mean(values, axis=0) for name, values in squares.items()}


def consolidated(network: nn.Module, **settings: object) -> ElasticWeightConsolidation:
    ewc = ElasticWeightConsolidation(**settings)
    ewc.consolidate(network, losses(network))
    return ewc


def moved(network: nn.Module, by: float = 0.1) -> nn.Module:
    with torch.no_grad():
        for value in network.parameters():
            value += by
    return network


def test_the_fisher_information_of_a_linear_model_is_that_worked_out_by_hand() -> None:
    network = linear()
    found = fisher_information(network, losses(network))
    for name, expected in fisher_written_out(network).items():
        np.testing.assert_allclose(found[name].numpy(), expected, rtol=1e-12)


def test_the_fisher_information_leaves_gradients_alone_and_takes_a_generator() -> None:
    network = linear()
    network.weight.grad = torch.ones_like(network.weight)
    found = fisher_information(network, (loss for loss in losses(network)))
    assert (network.weight.grad == 1).all()
    assert network.bias.grad is None
    assert not any(value.requires_grad for value in found.values())


def test_the_penalty_is_equation_5() -> None:
    network = linear()
    fisher, ewc = fisher_written_out(network), consolidated(network, strength=3.0, scale="none")
    anchor = {name: value.detach().numpy().copy() for name, value in network.named_parameters()}
    with torch.no_grad():
        network.weight += torch.arange(6, dtype=torch.float64).reshape(2, 3)
        network.bias -= 0.5
    expected = sum(
        (3.0 / 2 * fisher[name] * (value.detach().numpy() - anchor[name]) ** 2).sum()
        for name, value in network.named_parameters()
    )
    assert ewc.penalty(network).item() == pytest.approx(expected, rel=1e-12)


def test_by_default_the_importance_of_each_tensor_runs_from_0_to_1() -> None:
    network = linear()
    ewc, fisher = consolidated(network), fisher_written_out(network)["weight"]
    expected = (fisher - fisher.min()) / (fisher.max() - fisher.min())
    np.testing.assert_allclose(ewc.fisher["weight"].numpy(), expected, rtol=1e-9, atol=1e-12)


def test_rounding_does_not_decide_between_parameters_that_matter_alike() -> None:
    network = linear().float()
    bias = fisher_written_out(linear())["bias"]
    assert bias[0] == pytest.approx(bias[1], rel=1e-12)  # two classes: the gradient of one is minus that of the other
    ewc = ElasticWeightConsolidation()
    ewc.consolidate(network, (nn.functional.cross_entropy(network(x.float()), y) for x, y in random_batches()))
    assert ewc.fisher["bias"].tolist() == [1, 1]


def test_a_tensor_of_one_parameter_is_held_if_any_loss_depends_on_it() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.PReLU()).double()
    ewc = consolidated(network)
    assert ewc.fisher["1.weight"].tolist() == [1]
    unused = nn.ModuleDict({"used": linear(), "unused": nn.PReLU()}).double()
    ewc = ElasticWeightConsolidation()
    ewc.consolidate(unused, losses(unused["used"]))
    assert ewc.fisher["unused.weight"].tolist() == [0]


def test_the_penalty_is_zero_at_the_anchor_and_not_away_from_it() -> None:
    network = linear()
    ewc = consolidated(network)
    assert ewc.penalty(network) == 0
    expected = 500 / 2 * sum(value.sum().item() for value in ewc.fisher.values()) * 0.1**2
    assert ewc.penalty(moved(network)).item() == pytest.approx(expected)
    assert expected > 1


def test_the_penalty_pulls_each_parameter_back_by_its_importance() -> None:
    network = linear()
    ewc = consolidated(network, strength=2.0)
    ewc.penalty(moved(network, 0.25)).backward()
    for name, value in network.named_parameters():
        torch.testing.assert_close(value.grad, 2.0 * ewc.fisher[name] * 0.25)


def test_training_on_keeps_what_matters_and_changes_what_does_not() -> None:
    network = linear()
    ewc = ElasticWeightConsolidation(strength=1e3)
    fisher = {"weight": torch.zeros(2, 3), "bias": torch.ones(2)}
    ewc.load_state_dict({"fisher": fisher, "anchor": {n: v.detach().clone() for n, v in network.named_parameters()}})
    start = {name: value.detach().clone() for name, value in network.named_parameters()}
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    for _ in range(20):
        optimiser.zero_grad()
        (network(torch.ones(1, 3, dtype=torch.float64)).sum() + ewc.penalty(network)).backward()
        optimiser.step()
    assert (network.bias - start["bias"]).abs().max() < 2e-3
    assert (network.weight - start["weight"]).abs().min() > 1e-2


def test_parameters_that_are_not_trained_are_left_out() -> None:
    network = linear()
    network.weight.requires_grad_(False)
    assert consolidated(network).fisher.keys() == {"bias"}


def test_a_network_in_half_precision_is_measured_in_float32() -> None:
    network = nn.Linear(3, 2).bfloat16()
    ewc = ElasticWeightConsolidation()
    ewc.consolidate(network, [network(torch.ones(1, 3, dtype=torch.bfloat16)).square().sum()])
    assert ewc.fisher["weight"].dtype == torch.float32
    assert ewc.penalty(moved(network)).dtype == torch.float32


def test_it_goes_through_a_checkpoint() -> None:
    network = linear()
    ewc, stream = consolidated(network), io.BytesIO()
    torch.save(ewc.state_dict(), stream)
    stream.seek(0)
    loaded = ElasticWeightConsolidation()
    loaded.load_state_dict(torch.load(stream, weights_only=True))
    assert loaded.penalty(network) == 0
    assert loaded.penalty(moved(network)) == ewc.penalty(network) > 0


def test_a_checkpoint_from_before_the_consolidation_is_empty() -> None:
    loaded = consolidated(linear())
    loaded.load_state_dict(ElasticWeightConsolidation().state_dict())
    with pytest.raises(ValueError, match="nothing is consolidated yet"):
        loaded.penalty(linear())


def test_a_network_of_other_names_or_shapes_is_refused_and_never_costs_nothing() -> None:
    ewc = consolidated(linear())
    with pytest.raises(ValueError, match=r"found 'module\.bias' of shape \(2,\) and 1 more .*network\.module"):
        ewc.penalty(Wrapped(linear()))
    with pytest.raises(ValueError, match=r"expected 'weight' of shape \(2, 3\), found 'weight' of shape \(2, 4\)"):
        ewc.penalty(nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"expected 'bias' of shape \(2,\), found nothing instead"):
        ewc.penalty(nn.Linear(3, 2, bias=False))
    assert consolidated(linear()).penalty(Wrapped(moved(linear())).module) > 0


def test_a_wrapped_network_may_be_consolidated_as_it_is() -> None:
    network = Wrapped(linear())
    ewc = ElasticWeightConsolidation()
    ewc.consolidate(network, losses(network.module))
    assert ewc.penalty(network) == 0
    assert ewc.penalty(moved(network)) > 0


def test_wrong_settings_losses_and_states_are_refused() -> None:
    network = linear()
    with pytest.raises(ValueError, match="strength must be a finite number above 0, found 0"):
        ElasticWeightConsolidation(strength=0)
    with pytest.raises(ValueError, match="scale must be one of 'min-max', 'none', found 'max'"):
        ElasticWeightConsolidation(scale="max")
    with pytest.raises(ValueError, match="at least one batch, found none"):
        fisher_information(network, [])
    with pytest.raises(ValueError, match="must be finite, found nan in 'weight'"):
        fisher_information(network, [network.weight.sum() * torch.nan])
    with pytest.raises(ValueError, match="parameters to train, found none in ReLU"):
        fisher_information(nn.ReLU(), [])
    with pytest.raises(ValueError, match="'fisher' and 'anchor' of the same parameters, found 'fisher'"):
        ElasticWeightConsolidation().load_state_dict({"fisher": {}})
    with pytest.raises(ValueError, match="'fisher' and 'anchor' of the same parameters"):
        ElasticWeightConsolidation().load_state_dict({"fisher": {}, "anchor": {"weight": torch.zeros(1)}})


def test_the_example_in_the_docstring_runs() -> None:
    outcome = doctest.testmod(medsize.losses.elastic_weight_consolidation)
    assert outcome.attempted >= 5
    assert outcome.failed == 0
