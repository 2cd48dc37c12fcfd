import pytest
import torch
from torch import nn

from medsize.losses import (
    LogBarrierExtensionLoss,
    Objective,
    PartialCrossEntropyLoss,
    Prediction,
    SizeTargetLoss,
    SparseCRFLoss,
    TargetFrom,
)
from tests.losses.oracle import random_batch, random_logits


def seeds_and_sizes() -> Objective:
    return Objective({"seeds": (1.0, PartialCrossEntropyLoss()), "size": (50.0, SizeTargetLoss())})


def test_total_is_the_weighted_sum_and_parts_are_detached_without_weight() -> None:
    logits, batch = random_logits(2, 3, 4, 4).requires_grad_(), random_batch(2, 3, 4, 4)
    total, parts = seeds_and_sizes()(logits, batch)
    seeds, size = PartialCrossEntropyLoss()(logits, batch["seeds"]), SizeTargetLoss()(logits, batch["size_target"])
    assert list(parts) == ["seeds", "size"]
    assert torch.equal(parts["seeds"], seeds)
    assert torch.equal(parts["size"], size)
    torch.testing.assert_close(total, seeds + 50 * size)
    assert not any(part.requires_grad for part in parts.values())
    expected = torch.autograd.grad(seeds + 50 * size, logits)[0]
    torch.testing.assert_close(torch.autograd.grad(total, logits)[0], expected)


def test_targets_are_what_the_terms_need() -> None:
    objective = Objective({"a": (1, SizeTargetLoss()), "b": (2, SizeTargetLoss("reverse")), "c": (1, SparseCRFLoss(1))})
    assert objective.targets == {"size_target", "image"}


def test_terms_at_volume_level_need_the_case_of_each_image() -> None:
    objective = Objective({"seeds": (1, PartialCrossEntropyLoss()), "size": (1, SizeTargetLoss(level="volume"))})
    assert objective.targets == {"seeds", "size_target", "case"}
    logits, batch = random_logits(4, 3, 4, 4), random_batch(2, 3, 4, 4)
    batch = {key: value[[0, 1, 0, 1]] for key, value in batch.items()}
    case = torch.tensor([5, 2, 5, 2])
    expected = objective(Prediction(logits, case=case), batch).total
    assert torch.equal(objective(logits, {**batch, "case": case}).total, expected)
    with pytest.raises(ValueError, match="sizes of whole volumes need the case of each image"):
        objective(logits, batch)


def test_one_loss_may_serve_twice_on_slices_and_on_volumes() -> None:
    volumes = TargetFrom("volume_size_target", SizeTargetLoss(level="volume"))
    objective = Objective({"slices": (1, SizeTargetLoss()), "volumes": (2, volumes)})
    assert objective.targets == {"size_target", "volume_size_target", "case"}
    logits, of_slices, of_volumes = random_logits(4, 3, 4, 4), *(torch.rand(4, 3).softmax(1) for _ in range(2))
    of_volumes, case = of_volumes[[0, 1, 0, 1]], torch.tensor([5, 2, 5, 2])
    batch = {"size_target": of_slices, "volume_size_target": of_volumes, "case": case}
    prediction = Prediction(logits, case=case)
    expected = SizeTargetLoss()(prediction, of_slices) + 2 * SizeTargetLoss(level="volume")(prediction, of_volumes)
    torch.testing.assert_close(objective(logits, batch).total, expected)


def test_a_term_with_another_target_is_told_of_epochs() -> None:
    objective = Objective(
        {
            "a": (1, TargetFrom("x", LogBarrierExtensionLoss(t0=2, growth=3))),
            "b": (1, TargetFrom("y", SizeTargetLoss())),
        }
    )
    objective.begin_epoch(2)
    inner = objective.terms["a"].term
    expected = LogBarrierExtensionLoss(t0=2, growth=3)
    expected.begin_epoch(2)
    assert vars(inner).items() >= {name: value for name, value in vars(expected).items() if name[0] != "_"}.items()


def test_terms_share_one_soft_max(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = torch.Tensor.log_softmax
    monkeypatch.setattr(torch.Tensor, "log_softmax", lambda *a, **k: calls.append(a) or original(*a, **k))
    seeds_and_sizes()(random_logits(2, 3, 4, 4), random_batch(2, 3, 4, 4))
    assert len(calls) == 1


def test_only_what_the_terms_need_is_read_from_the_batch() -> None:
    logits, batch = random_logits(2, 3, 4, 4), random_batch(2, 3, 4, 4)
    garbage = {**batch, "label": torch.full((7,), 99)}
    assert torch.equal(seeds_and_sizes()(logits, garbage).total, seeds_and_sizes()(logits, batch).total)


def test_logits_take_the_domain_of_the_batch_and_a_prediction_keeps_its_own() -> None:
    logits, batch = random_logits(2, 3, 4, 4), random_batch(2, 3, 4, 4)
    domain = torch.ones(2, 4, 4, dtype=torch.bool)
    domain[:, 2:] = False
    with_domain = seeds_and_sizes()(Prediction(logits, domain), batch).total
    assert torch.equal(seeds_and_sizes()(logits, {**batch, "domain": domain}).total, with_domain)
    assert torch.equal(
        seeds_and_sizes()(Prediction(logits), {**batch, "domain": domain}).total, seeds_and_sizes()(logits, batch).total
    )


def test_terms_move_and_are_listed_as_submodules() -> None:
    term = nn.Linear(2, 2)
    term.target = "image"
    assert dict(Objective({"learned": (1.0, term)}).named_parameters()).keys() == {
        "terms.learned.weight",
        "terms.learned.bias",
    }


def test_a_batch_without_what_a_term_needs_is_refused_with_names() -> None:
    batch = random_batch(2, 3, 4, 4)
    kept = {key: batch[key] for key in ("image", "seeds")}
    with pytest.raises(ValueError, match=r"lacks 'size_target', which term 'size' .* found image, seeds"):
        seeds_and_sizes()(random_logits(2, 3, 4, 4), kept)
    with pytest.raises(ValueError, match=r"lacks 'seeds', .* found nothing"):
        seeds_and_sizes()(random_logits(2, 3, 4, 4), {})


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_positive_number_is_refused_with_its_term(weight: float) -> None:
    with pytest.raises(ValueError, match=f"weight of term 'size' must be a finite number above 0, found {weight}"):
        Objective({"size": (weight, SizeTargetLoss())})


def test_an_objective_without_terms_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one term"):
        Objective({})


def test_a_module_that_names_no_target_is_refused() -> None:
    with pytest.raises(ValueError, match=r"term 'ce' must say in its attribute 'target' .* found CrossEntropyLoss"):
        Objective({"ce": (1.0, nn.CrossEntropyLoss())})
