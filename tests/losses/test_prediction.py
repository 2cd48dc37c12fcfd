import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.losses import Prediction
from tests.losses.oracle import averages, probabilities, random_logits


@settings(max_examples=30)
@given(
    spatial=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    classes=st.integers(1, 5),
    batch=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_every_quantity_equals_its_formula_in_any_dimension(
    spatial: list[int], classes: int, batch: int, seed: int
) -> None:
    logits = random_logits(batch, classes, *spatial, seed=seed)
    prediction = Prediction(logits)
    np.testing.assert_allclose(prediction.probs, probabilities(logits), rtol=1e-12)
    np.testing.assert_allclose(prediction.log_probs.exp(), probabilities(logits), rtol=1e-12)
    np.testing.assert_allclose(prediction.average, averages(logits), rtol=1e-12)
    np.testing.assert_allclose(prediction.log_average, np.log(averages(logits)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(prediction.average.sum(1), 1, rtol=1e-12)


def test_average_over_a_domain_is_the_mean_of_the_pixels_inside() -> None:
    logits = random_logits(2, 3, 4, 5)
    domain = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(1)) < 0.5
    prediction = Prediction(logits, domain)
    probs = probabilities(logits)
    expected = [probs[i][:, domain[i].numpy()].mean(1) for i in range(2)]
    np.testing.assert_allclose(prediction.average, expected, rtol=1e-12)
    np.testing.assert_array_equal(prediction.domain_size, domain.flatten(1).sum(1))


def test_a_full_domain_is_the_same_as_none() -> None:
    logits = random_logits(2, 3, 4, 5)
    with_domain = Prediction(logits, torch.ones(2, 4, 5, dtype=torch.bool))
    torch.testing.assert_close(with_domain.log_average, Prediction(logits).log_average)
    torch.testing.assert_close(with_domain.domain_size, Prediction(logits).domain_size)


@pytest.mark.parametrize("garbage", [1e30, -1e30, float("nan"), float("inf")])
def test_garbage_outside_the_domain_changes_neither_value_nor_gradient(garbage: float) -> None:
    logits = random_logits(2, 3, 4, 5)
    domain = torch.ones(2, 4, 5, dtype=torch.bool)
    domain[:, :, 3:] = False
    clean = logits.clone().requires_grad_()
    dirty = logits.masked_fill(~domain.unsqueeze(1), garbage).requires_grad_()
    expected, found = Prediction(clean, domain), Prediction(dirty, domain)
    assert torch.equal(expected.log_average, found.log_average)
    expected.log_average[:, 1].sum().backward()
    found.log_average[:, 1].sum().backward()
    assert clean.grad is not None
    assert dirty.grad is not None
    assert torch.equal(clean.grad, dirty.grad)
    assert not dirty.grad[:, :, :, 3:].any()


def test_the_gradient_of_the_average_over_a_domain_is_right() -> None:
    domain = torch.tensor([[True, True, False, True]])
    logits = random_logits(1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Prediction(x, domain).log_average, logits)


def test_a_class_at_probability_1e_minus_30_keeps_a_finite_log_average_and_a_gradient() -> None:
    logits = torch.zeros(1, 2, 8, 8)
    logits[:, 1] = float(np.log(1e-30))
    logits.requires_grad_()
    log_average = Prediction(logits).log_average
    assert log_average[0, 1].item() == pytest.approx(np.log(1e-30), rel=1e-6)
    log_average[0, 1].backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad[:, 1], 1 / 64, rtol=1e-6)


def test_the_backgrounds_log_average_is_exact_to_float32_near_zero() -> None:
    logits = torch.zeros(1, 2, 256, 256)
    logits[:, 1] = -7.0
    expected = -np.log1p(np.exp(-7.0))
    assert Prediction(logits).log_average[0, 0].item() == pytest.approx(expected, abs=6e-8)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_lower_precisions_are_computed_in_float32(dtype: torch.dtype) -> None:
    logits = random_logits(1, 3, 4, 4).to(dtype)
    prediction = Prediction(logits)
    assert prediction.log_probs.dtype == prediction.average.dtype == prediction.domain_size.dtype == torch.float32
    np.testing.assert_allclose(prediction.average, averages(logits), rtol=1e-6)


def test_each_quantity_is_computed_once() -> None:
    prediction = Prediction(random_logits(1, 3, 4, 4))
    assert prediction.log_probs is prediction.log_probs
    assert prediction.average is prediction.average


def test_of_wraps_logits_with_their_domain_and_returns_a_prediction_as_it_is() -> None:
    logits, domain = random_logits(1, 2, 3), torch.ones(1, 3, dtype=torch.bool)
    prediction = Prediction.of(logits, domain)
    assert prediction.logits is logits
    assert prediction.domain is domain
    assert Prediction.of(prediction) is prediction


@pytest.mark.parametrize("logits", [torch.zeros(2, 3), torch.zeros(1, 2, 4, dtype=torch.int64)])
def test_logits_of_the_wrong_kind_are_refused(logits: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"logits must be floating-point of shape \(B, K, \*spatial\)"):
        Prediction(logits)


def test_a_domain_of_the_wrong_shape_or_type_is_refused() -> None:
    logits = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ValueError, match=r"domain .* = \(2, 4, 4\), found \(2, 1, 4, 4\)"):
        Prediction(logits, torch.ones(2, 1, 4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"domain must be bool .* found torch\.uint8"):
        Prediction(logits, torch.ones(2, 4, 4, dtype=torch.uint8))


def test_an_image_without_any_pixel_is_refused_by_number() -> None:
    domain = torch.ones(3, 4, 4, dtype=torch.bool)
    domain[1] = False
    with pytest.raises(ValueError, match="domain is empty for image 1"):
        _ = Prediction(torch.zeros(3, 2, 4, 4), domain).average


def test_a_prediction_at_a_temperature_is_made_once_and_at_1_is_itself():
    prediction = Prediction(torch.randn(1, 2, 3, 3))
    assert prediction.at_temperature(1) is prediction
    assert prediction.at_temperature(0.5) is prediction.at_temperature(0.5)
    expected = torch.softmax(prediction.logits * 2, 1)
    torch.testing.assert_close(prediction.at_temperature(0.5).probs, expected)


def test_a_temperature_leaves_the_padding_out():
    logits = torch.randn(1, 2, 2, 2)
    logits[0, :, 0] = torch.nan
    domain = torch.tensor([[[False, False], [True, True]]])
    expected = torch.softmax(logits[0, :, 1] * 4, 0).mean(1)
    torch.testing.assert_close(Prediction(logits, domain).at_temperature(0.25).average[0], expected)


CASE = torch.tensor([7, 3, 7, 9, 3, 7])


@pytest.mark.parametrize("spatial", [(6,), (3, 4)])
def test_the_averages_of_a_volume_are_those_of_its_slices_laid_side_by_side(spatial: tuple[int, ...]) -> None:
    logits = random_logits(6, 3, *spatial)
    domain = torch.rand(6, *spatial, generator=torch.Generator().manual_seed(2)) < 0.6
    domain[:, 0] = True
    volumes = Prediction(logits, domain, CASE).at_level("volume")
    probs = probabilities(logits)
    for row, case in enumerate(CASE):
        pixels = np.concatenate([probs[i][:, domain[i].numpy()] for i in range(6) if CASE[i] == case], 1)
        np.testing.assert_allclose(volumes.average[row], pixels.mean(1), rtol=1e-12)
        np.testing.assert_allclose(volumes.log_average[row], np.log(pixels.mean(1)), rtol=1e-9, atol=1e-12)
        assert volumes.domain_size[row] == pixels.shape[1]


def test_the_gradient_of_a_volumes_average_is_right() -> None:
    case = torch.tensor([1, 0, 1])
    logits = random_logits(3, 3, 4).requires_grad_()
    domain = torch.tensor([[True] * 4, [True, False, True, True], [True, True, False, False]])
    assert torch.autograd.gradcheck(lambda x: Prediction(x, domain, case).at_level("volume").log_average, logits)


def test_a_class_forgotten_on_every_slice_of_a_volume_keeps_its_gradient_beside_a_volume_that_it_fills() -> None:
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4], [1e4, -1e4]]).unsqueeze(2).repeat(1, 1, 5).requires_grad_()
    log_average = Prediction(logits, case=torch.tensor([0, 1, 0])).at_level("volume").log_average
    assert log_average[0, 1].item() == pytest.approx(-2e4)
    log_average[0, 1].backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad[[0, 2], 1], 0.1, rtol=1e-6)
    assert not logits.grad[1].any()


def test_volumes_are_computed_once_for_each_temperature() -> None:
    prediction = Prediction(random_logits(3, 2, 4), case=torch.tensor([0, 0, 1]))
    assert prediction.at_level("volume") is prediction.at_level("volume")
    sharp = prediction.at_temperature(0.5).at_level("volume")
    expected = Prediction(2 * prediction.logits, case=prediction.case).at_level("volume")
    torch.testing.assert_close(sharp.log_average, expected.log_average)
    assert prediction.at_level("slice") is prediction


def test_what_is_known_of_a_volume_counts_at_its_first_slice() -> None:
    volumes = Prediction(random_logits(6, 2, 4), case=CASE).at_level("volume")
    sizes = torch.tensor([[0.7, 0.3], [float("nan"), 0.2], [0.7, 0.3], [1.0, 0.0], [float("nan"), 0.2], [0.7, 0.3]])
    once = volumes.known_once(sizes)
    assert torch.equal(once[[0, 1, 3]].nan_to_num(9), sizes[[0, 1, 3]].nan_to_num(9))
    assert once[[2, 4, 5]].isnan().all()
    tags = sizes.nan_to_num(0) > 0
    assert (
        volumes.known_once(tags).tolist()
        == [[True, True], [False, True], [False] * 2, [True, False]] + [[False] * 2] * 2
    )


def test_slices_of_one_case_that_disagree_are_refused_by_number() -> None:
    volumes = Prediction(random_logits(3, 2, 4), case=torch.tensor([0, 1, 0])).at_level("volume")
    for other in ([0.6, 0.4], [float("nan"), 0.3]):
        sizes = torch.tensor([[0.7, 0.3], [0.5, 0.5], other])
        with pytest.raises(ValueError, match=r"images 0 and 2 of the batch are slices of one case"):
            volumes.known_once(sizes)


def test_volumes_need_the_case_of_each_image() -> None:
    prediction = Prediction(torch.zeros(2, 2, 4))
    with pytest.raises(ValueError, match=r"need the case of each image: expected Prediction\(\.\.\., case="):
        prediction.at_level("volume")
    with pytest.raises(ValueError, match="level must be one of 'slice', 'volume', found 'case'"):
        prediction.at_level("case")
    with pytest.raises(ValueError, match=r"case .* = \(2,\), found \(3,\)"):
        Prediction(torch.zeros(2, 2, 4), case=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"case must be of an integer type, found torch\.float32"):
        Prediction(torch.zeros(2, 2, 4), case=torch.zeros(2))
