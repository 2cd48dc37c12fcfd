import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medsize.supervision.size_targets import exact_sizes, mean_relative_error, mean_sizes, noisy_sizes

UNKNOWN = [np.nan, np.nan, np.nan]
SMALL = np.tile([0.98, 0.02], (40_000, 1))


def test_exact_sizes_are_fractions_of_the_pixels() -> None:
    label = np.array([[0, 1, 1, 2], [0, 0, 0, 2]], np.uint8)
    assert exact_sizes(label, 4).tolist() == [0.5, 0.25, 0.25, 0.0]
    assert exact_sizes(np.stack([label, label]), 4).tolist() == [0.5, 0.25, 0.25, 0.0]


def test_padding_and_unknown_pixels_have_no_size() -> None:
    label = np.array([[0, 1, 255], [0, 1, 0]], np.uint8)
    domain = np.array([[True, True, True], [True, True, False]])
    assert exact_sizes(label, 2, domain).tolist() == [0.5, 0.5]


def test_the_sizes_of_a_label_without_a_known_pixel_are_unknown() -> None:
    assert np.isnan(exact_sizes(np.full((2, 2), 255, np.uint8), 3)).all()


@given(arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 1, 2, 255])), arrays(np.bool_, (4, 5)))
def test_exact_sizes_equal_counting_pixel_by_pixel(label: np.ndarray, domain: np.ndarray) -> None:
    pixels = [value for value, inside in zip(label.flat, domain.flat, strict=True) if inside and value != 255]
    if pixels:
        expected = [pixels.count(k) / len(pixels) for k in range(3)]
        np.testing.assert_allclose(exact_sizes(label, 3, domain), expected)
    else:
        assert np.isnan(exact_sizes(label, 3, domain)).all()


def literal_noisy_sizes(exact: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """P0 eq. 15 value by value; as long as no factor is drawn again."""
    sigma = noise * math.sqrt(math.pi / 2)
    noisy = [[(1 + rng.normal(0, sigma)) * value for value in row] for row in exact]
    return np.array([[value / sum(row) for value in row] for row in noisy])


def test_noisy_sizes_equal_the_equation() -> None:
    exact = np.array([[0.9, 0.06, 0.04], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    expected = literal_noisy_sizes(exact, 0.08, np.random.default_rng(5))
    np.testing.assert_allclose(noisy_sizes(exact, 0.08, np.random.default_rng(5)), expected)


@given(st.floats(0, 10), st.sampled_from(["all", "foreground"]), st.integers(0, 1000))
def test_noisy_sizes_are_sizes_of_the_same_classes(noise: float, noise_on: str, seed: int) -> None:
    exact = np.array([[0.9, 0.06, 0.04], [1.0, 0.0, 0.0], [0.0, 0.25, 0.75], UNKNOWN])
    noisy = noisy_sizes(exact, noise, np.random.default_rng(seed), noise_on)
    np.testing.assert_allclose(noisy[:3].sum(1), 1)
    np.testing.assert_array_equal(noisy[:3] > 0, exact[:3] > 0)
    assert np.isnan(noisy[3]).all()


def test_noise_0_changes_nothing() -> None:
    exact = np.array([[0.75, 0.25], [1.0, 0.0]])
    np.testing.assert_array_equal(noisy_sizes(exact, 0, np.random.default_rng(0)), exact)


@pytest.mark.parametrize("noise", [0.04, 0.08, 0.16])
def test_noise_on_the_foreground_has_the_nominal_mean_relative_error(noise: float) -> None:
    noisy = noisy_sizes(SMALL, noise, np.random.default_rng(0), "foreground")
    each, structures = mean_relative_error(noisy, SMALL)
    assert structures == pytest.approx(noise * 0.98, rel=0.03), "renormalising takes back the structure's own share"
    assert each[1] == pytest.approx(structures)


@pytest.mark.parametrize("noise", [0.04, 0.08, 0.16])
def test_noise_on_all_makes_a_small_structure_err_by_root_2_more(noise: float) -> None:
    each, _ = mean_relative_error(noisy_sizes(SMALL, noise, np.random.default_rng(0)), SMALL)
    assert each[1] == pytest.approx(noise * math.sqrt(2), rel=0.05)


def test_large_noise_draws_again_and_keeps_every_factor_positive() -> None:
    exact = np.tile([1 - 1e-6, 1e-6], (20_000, 1))
    factor = noisy_sizes(exact, 2.0, np.random.default_rng(0), "foreground")[:, 1] / 1e-6
    assert factor.min() > 0
    sigma = 2.0 * math.sqrt(math.pi / 2)
    density, above = math.exp(-0.5 / sigma**2) / math.sqrt(2 * math.pi), 0.5 * (1 + math.erf(1 / sigma / math.sqrt(2)))
    assert factor.mean() == pytest.approx(1 + sigma * density / above, rel=0.02), "the mean of the truncated normal"


def test_one_mean_stands_for_every_image_that_holds_the_structure() -> None:
    exact = np.array([[0.98, 0.02], [1.0, 0.0], [0.94, 0.06], [np.nan, np.nan]])
    np.testing.assert_allclose(mean_sizes(exact), [[0.96, 0.04], [1, 0], [0.96, 0.04], [np.nan, np.nan]])


def test_means_are_taken_structure_by_structure() -> None:
    exact = np.array([[0.8, 0.2, 0.0], [0.6, 0.1, 0.3], UNKNOWN])
    np.testing.assert_allclose(mean_sizes(exact), [[0.85, 0.15, 0], [0.55, 0.15, 0.3], UNKNOWN])


def test_means_that_together_exceed_an_image_share_it() -> None:
    exact = np.array([[0.1, 0.9, 0.0], [0.1, 0.0, 0.9], [0.7, 0.15, 0.15], [0.0, 0.6, 0.4]])
    sizes = mean_sizes(exact)
    np.testing.assert_allclose(sizes.sum(1), 1)
    first, second = exact[:, 1].sum() / 3, exact[:, 2].sum() / 3
    np.testing.assert_allclose(sizes[2], [0, first / (first + second), second / (first + second)])


def test_a_structure_that_no_image_holds_has_size_0() -> None:
    assert mean_sizes(np.array([[0.5, 0.5, 0.0]])).tolist() == [[0.5, 0.5, 0.0]]


def test_relative_errors_count_the_images_that_hold_the_class() -> None:
    exact = np.array([[0.8, 0.2, 0.0], [0.5, 0.4, 0.1], UNKNOWN, [1.0, 0.0, 0.0]])
    given = np.array([[0.7, 0.3, 0.0], UNKNOWN, [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    each, structures = mean_relative_error(given, exact)
    np.testing.assert_allclose(each, [0.0625, 0.5, np.nan])
    assert structures == pytest.approx(0.5)


def test_the_foreground_error_is_over_all_structures_and_images() -> None:
    exact = np.array([[0.5, 0.4, 0.1], [0.6, 0.4, 0.0]])
    given = np.array([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0]])
    each, structures = mean_relative_error(given, exact)
    np.testing.assert_allclose(each, [0, 0.125, 1.0])
    assert structures == pytest.approx((0.25 + 1.0 + 0.0) / 3)
