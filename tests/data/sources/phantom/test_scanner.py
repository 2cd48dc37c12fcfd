from dataclasses import replace

import numpy as np
import pytest

from medsize.data.sources.phantom.heart import DISEASES, Heart, draw_heart
from medsize.data.sources.phantom.scanner import Scan, draw_scan, paint_torso, scan_heart
from medsize.data.sources.phantom.tissues import Tissue
from medsize.data.sources.phantom.torso import draw_torso


@pytest.fixture(scope="module")
def heart() -> Heart:
    return draw_heart(np.random.default_rng(3), DISEASES["NOR"])


@pytest.fixture(scope="module")
def scan(heart: Heart) -> Scan:
    return draw_scan(np.random.default_rng(3), 96, heart.diastole.apex_mm)


def scanned(scan: Scan, heart: Heart, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    torso = draw_torso(np.random.default_rng(5), heart.centre_mm)
    return scan_heart(np.random.default_rng(seed), scan, heart, paint_torso(scan, torso), heart.diastole)


def test_scans_reach_from_the_base_to_the_apex_and_sometimes_beyond() -> None:
    first, beyond = [], []
    for seed in range(40):
        scan = draw_scan(np.random.default_rng(seed), 152, 80.0)
        first.append(scan.depths_mm[0])
        beyond.append(scan.depths_mm[-1] - 80)
        np.testing.assert_allclose(np.diff(scan.depths_mm), scan.thickness_mm)
        assert 8 <= scan.thickness_mm <= 10
        assert 7 <= len(scan.depths_mm) <= 13
    assert min(first) < -5 < max(first) <= 0
    assert min(beyond) < 0 < max(beyond)


def test_the_field_of_view_does_not_depend_on_the_number_of_pixels() -> None:
    coarse, fine = (draw_scan(np.random.default_rng(1), size, 80.0) for size in (48, 192))
    for side in (0, 1):
        field = [scan.shape[side] * scan.spacing_mm for scan in (coarse, fine)]
        assert field[0] == pytest.approx(field[1], rel=0.03)
    assert 1.5 < draw_scan(np.random.default_rng(1), 152, 80.0).spacing_mm < 1.8


def test_image_and_label_have_the_shape_of_the_scan(scan: Scan, heart: Heart) -> None:
    image, label = scanned(scan, heart)
    assert image.shape == label.shape == (*scan.shape, len(scan.depths_mm))
    assert image.dtype == np.int16
    assert label.dtype == np.uint8
    assert set(np.unique(label)) == {0, 1, 2, 3}
    assert image.min() >= 0


def test_without_noise_the_labels_are_as_bright_as_their_tissues(scan: Scan, heart: Heart) -> None:
    flat = replace(scan, noise=0.0, sensitivity=np.ones_like(scan.sensitivity), scale=1000.0)
    image, label = scanned(flat, heart)
    for value, tissue in ((2, Tissue.MYOCARDIUM), (3, Tissue.LV_BLOOD), (1, Tissue.RV_BLOOD)):
        assert np.median(image[label == value]) / 1000 == pytest.approx(scan.brightness[tissue], rel=0.2)


def test_pixels_on_a_boundary_have_part_of_both_tissues(scan: Scan, heart: Heart) -> None:
    flat = replace(scan, noise=0.0, sensitivity=np.ones_like(scan.sensitivity), scale=1000.0)
    image, label = scanned(flat, heart)
    blood, wall = (1000 * scan.brightness[tissue] for tissue in (Tissue.LV_BLOOD, Tissue.MYOCARDIUM))
    between = (image > wall + 0.3 * (blood - wall)) & (image < wall + 0.7 * (blood - wall))
    assert between[label == 2].mean() > 0.05


def test_noise_is_rician_in_the_air(scan: Scan, heart: Heart) -> None:
    silent = replace(scan, brightness=np.zeros_like(scan.brightness), noise=0.05, scale=1000.0)
    image, _ = scanned(silent, heart)
    assert image.mean() == pytest.approx(50 * np.sqrt(np.pi / 2), rel=0.02)
    assert image.std() == pytest.approx(50 * np.sqrt(2 - np.pi / 2), rel=0.03)


def test_sensitivity_is_smooth_and_multiplies_the_signal(scan: Scan, heart: Heart) -> None:
    assert np.ptp(scan.sensitivity) > 0.1
    steps = [np.abs(np.diff(scan.sensitivity, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 0.1 * scan.sensitivity.max()
    plain = replace(scan, noise=0.0, scale=1000.0, sensitivity=np.ones_like(scan.sensitivity))
    doubled = replace(plain, sensitivity=2 * plain.sensitivity)
    np.testing.assert_allclose(scanned(doubled, heart)[0], 2.0 * scanned(plain, heart)[0], atol=1.5)


def test_noise_differs_between_scans_and_follows_its_source(scan: Scan, heart: Heart) -> None:
    (first, label), (again, _), (other, same_label) = (scanned(scan, heart, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(label, same_label)
    assert (first != other).mean() > 0.5
