import pytest
import torch

from medsize.losses import (
    ConstrainLoss,
    ExpandLoss,
    PositionalLoss,
    Prediction,
    partial_cross_entropy,
    quadratic_barrier,
    size_target_loss,
)
from medsize.losses.preconditions import (
    require_domain,
    require_option,
    require_positive,
    require_shape,
    require_tags,
    values_are_readable,
)


def test_values_are_readable_in_ordinary_running() -> None:
    assert values_are_readable(torch.zeros(1))


def test_checks_of_values_are_left_out_while_a_graph_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    wrong = torch.tensor([[0.7, 0.7]])
    assert size_target_loss(torch.zeros(1, 2), wrong).isfinite()
    assert quadratic_barrier(torch.zeros(1, 2), torch.tensor([[[60.0, 90.0], [0.0, 1.0]]])).isfinite()
    assert Prediction(torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=torch.bool)).domain_size == 0
    with pytest.raises(IndexError):  # torch's own, rather than the one that names the pixel
        partial_cross_entropy(torch.zeros(1, 2, 3), torch.full((1, 3), 7))


def test_a_met_precondition_says_nothing() -> None:
    require_shape("tags", torch.zeros(2, 3), (2, 3), "(B, K)")
    require_tags(torch.ones(2, 3, dtype=torch.bool), (2, 3))
    require_domain(torch.eye(2, dtype=torch.bool), (2, 2))
    require_option("form", "absolute", ("absolute", "bilinear"))
    require_positive("sigma", 1e-9)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_positive_number_is_refused_with_its_name_and_value(value: float) -> None:
    with pytest.raises(ValueError, match=f"sigma must be a finite number above 0, found {value}"):
        require_positive("sigma", value)


def test_a_wrong_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"tags .* expected shape \(B, K\) = \(2, 3\), found \(3, 2\)"):
        require_shape("tags", torch.zeros(3, 2), (2, 3), "(B, K)")


def test_a_domain_without_any_pixel_of_an_image_is_refused_with_its_place() -> None:
    domain = torch.tensor([[True, False], [False, False]])
    with pytest.raises(ValueError, match="domain is empty for image 1 of the batch"):
        require_domain(domain, (2, 2))
    prediction = Prediction(torch.zeros(2, 2, 2), domain)
    tags = torch.ones(2, 2, dtype=torch.bool)
    for loss, target in (
        (ExpandLoss(), tags),
        (PositionalLoss(), tags),
        (ConstrainLoss(lambda probs, image, domain: probs), torch.zeros(2, 1, 2)),
    ):
        with pytest.raises(ValueError, match="domain is empty for image 1 of the batch"):
            loss(prediction, target)
