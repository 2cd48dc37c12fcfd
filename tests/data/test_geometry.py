import json

import numpy as np
import pytest
import SimpleITK
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.geometry import SliceGrid, grid_for, paper_grid, physical_grid

RNG = np.random.default_rng(0)
SHAPES = st.tuples(st.integers(3, 40), st.integers(3, 40))


def volume(shape_xy: tuple[int, int], depth: int = 2) -> np.ndarray:
    return RNG.random((*shape_xy, depth), dtype=np.float32)


def planes_first(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(array, -1, 0).copy())[:, None]


@given(shape=SHAPES, size=st.integers(2, 50))
def test_the_paper_grid_interpolates_as_torch_does(shape: tuple[int, int], size: int) -> None:
    array = volume(shape)
    found = paper_grid(shape, size).resample(array, 1)
    expected = F.interpolate(planes_first(array), size=(size, size), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(np.moveaxis(found, -1, 0), expected[:, 0].numpy(), atol=1e-4)


@given(shape=SHAPES, size=st.integers(2, 50))
def test_the_nearest_pixel_is_that_of_pixel_centres_and_upwards_between_two(shape: tuple[int, int], size: int) -> None:
    label = RNG.integers(0, 4, (*shape, 2)).astype(np.uint8)
    found = paper_grid(shape, size).resample(label, 0)
    rows, columns = ((2 * np.arange(size) + 1) * n // (2 * size) for n in shape)
    np.testing.assert_array_equal(found, label[rows[:, None], columns])
    assert found.dtype == np.uint8


def test_at_256_pixels_nearest_is_nearest_exact_of_torch() -> None:
    label = RNG.integers(0, 4, (216, 154, 3)).astype(np.uint8)
    expected = F.interpolate(planes_first(label).float(), size=(256, 256), mode="nearest-exact")[:, 0]
    np.testing.assert_array_equal(np.moveaxis(paper_grid((216, 154), 256).resample(label, 0), -1, 0), expected)


@given(
    shape=SHAPES,
    spacing=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
    size=st.integers(2, 48),
    spacing_mm=st.floats(0.3, 3),
)
def test_the_physical_grid_interpolates_as_scipy_does_and_pads_with_zero(
    shape: tuple[int, int], spacing: tuple[float, float], size: int, spacing_mm: float
) -> None:
    array = volume(shape, 1)
    grid = physical_grid(shape, spacing, size, spacing_mm)
    mm = (np.arange(size) - (size - 1) / 2) * spacing_mm  # from the centre
    at = np.stack(np.meshgrid(*(mm / s + (n - 1) / 2 for s, n in zip(spacing, shape, strict=True)), indexing="ij"))
    inside = np.all([(a >= -0.5) & (a <= n - 0.5) for a, n in zip(at, shape, strict=True)], axis=0)
    expected = map_coordinates(array[..., 0], at, order=1, mode="nearest") * inside
    settled = np.all(
        np.abs(np.abs(at - (np.array(shape)[:, None, None] - 1) / 2) * 2 - np.array(shape)[:, None, None]) > 1e-6,
        axis=0,
    )
    np.testing.assert_array_equal(grid.domain()[settled], inside[settled])
    np.testing.assert_allclose(grid.resample(array, 1)[..., 0][settled], expected[settled], atol=1e-4)


def test_simpleitk_agrees_on_where_the_physical_grid_lies() -> None:
    array, spacing, size, spacing_mm = volume((30, 22), 1), (1.25, 0.8), 16, 1.1
    image = SimpleITK.GetImageFromArray(array[..., 0].T)
    image.SetSpacing(spacing)
    centre_mm = [(n - 1) / 2 * s for n, s in zip((30, 22), spacing, strict=True)]
    origin = [c - (size - 1) / 2 * spacing_mm for c in centre_mm]
    sampled = SimpleITK.Resample(
        image, (size, size), SimpleITK.Transform(), SimpleITK.sitkLinear, origin, (spacing_mm, spacing_mm)
    )
    found = physical_grid((30, 22), spacing, size, spacing_mm).resample(array, 1)[..., 0]
    np.testing.assert_allclose(found, SimpleITK.GetArrayFromImage(sampled).T, atol=1e-4)


def test_padding_is_zero_in_images_unlabelled_in_labels_and_outside_the_domain() -> None:
    grid = physical_grid((4, 6), (1.0, 1.0), 6, 1.0)
    assert grid.domain().sum(0).tolist() == [4] * 6
    assert grid.domain()[[0, -1]].sum() == 0
    image = grid.resample(np.ones((4, 6, 1), np.float32), 1)[..., 0]
    label = grid.resample(np.ones((4, 6, 1), np.uint8), 0)[..., 0]
    np.testing.assert_array_equal(image, grid.domain())
    np.testing.assert_array_equal(label, np.where(grid.domain(), 1, 255))


def test_the_grid_of_the_same_pixels_changes_nothing() -> None:
    array = volume((8, 8))
    grid = physical_grid((8, 8), (1.5, 1.5), 8, 1.5)
    assert grid == paper_grid((8, 8), 8)
    np.testing.assert_allclose(grid.resample(array, 1), array, atol=1e-5)
    np.testing.assert_allclose(grid.to_case(array[None]).numpy()[0], array, atol=1e-5)


@pytest.mark.parametrize("to", ["numpy", "torch"])
def test_probabilities_come_back_as_torch_interpolates_them(to: str) -> None:
    probabilities = RNG.dirichlet(np.ones(3), (16, 16, 2)).transpose(3, 0, 1, 2).astype(np.float32)
    given_ = torch.from_numpy(probabilities) if to == "torch" else probabilities
    found = paper_grid((20, 12), 16).to_case(given_)
    planes = torch.from_numpy(probabilities).permute(0, 3, 1, 2)
    expected = F.interpolate(planes, size=(20, 12), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.sum(0), torch.ones(20, 12, 2))


def test_what_was_cropped_away_comes_back_as_background() -> None:
    grid = physical_grid((10, 8), (1.0, 1.0), 6, 1.0)
    probabilities = np.zeros((2, 6, 6, 1), np.float32)
    probabilities[1] = 1
    found = grid.to_case(probabilities)[..., 0].numpy()
    inside = np.zeros((10, 8), bool)
    inside[2:8, 1:7] = True
    np.testing.assert_array_equal(found[1], inside)
    np.testing.assert_array_equal(found[0], ~inside)


@pytest.mark.parametrize("grid", [paper_grid((50, 60), 64), physical_grid((50, 60), (1.4, 1.2), 72, 1.0)])
def test_a_smooth_image_survives_the_round_trip(grid: SliceGrid) -> None:
    x, y = np.meshgrid(np.linspace(0, 3, 50), np.linspace(0, 3, 60), indexing="ij")
    image = (0.5 + 0.4 * np.sin(x) * np.cos(y)).astype(np.float32)[..., None]
    there = grid.resample(image, 1)
    back = grid.to_case(np.stack([1 - there, there]))[1].numpy()
    np.testing.assert_allclose(back[3:-3, 3:-3], image[3:-3, 3:-3], atol=2e-3)


def test_a_disc_keeps_its_place_to_a_fiftieth_of_a_pixel() -> None:
    x, y = np.meshgrid(np.arange(60), np.arange(40), indexing="ij")
    disc = ((x - 31) ** 2 + (y - 17) ** 2 < 64).astype(np.float32)[..., None]
    for grid in (paper_grid((60, 40), 128), physical_grid((60, 40), (1.5, 1.5), 64, 1.2)):
        there = grid.resample(disc, 1)
        back = grid.to_case(np.stack([1 - there, there]))[1, ..., 0].numpy()
        centre = [np.average(axis, weights=back) for axis in (x, y)]
        np.testing.assert_allclose(centre, [31, 17], atol=0.02)


@pytest.mark.parametrize(
    "preprocessing", [PaperPreprocessing(size=16), PhysicalPreprocessing(name="physical", size=16, spacing_mm=2)]
)
def test_a_grid_survives_json(preprocessing: PaperPreprocessing | PhysicalPreprocessing) -> None:
    grid = grid_for(preprocessing, (20, 30), (1.3, 1.7))
    assert SliceGrid.from_json(json.loads(json.dumps(grid.to_json()))) == grid


def test_a_preprocessing_has_its_grid() -> None:
    assert grid_for(PaperPreprocessing(size=16), (20, 30), (1, 2)) == paper_grid((20, 30), 16)
    physical = PhysicalPreprocessing(name="physical", size=16, spacing_mm=2)
    assert grid_for(physical, (20, 30), (1, 2)) == physical_grid((20, 30), (1, 2), 16, 2)


def test_planes_of_another_shape_are_refused() -> None:
    grid = paper_grid((20, 30), 16)
    with pytest.raises(ValueError, match=r"20 × 30 pixels, got \(30, 20\)"):
        grid.resample(np.zeros((30, 20, 1), np.float32), 1)
    with pytest.raises(ValueError, match=r"16 × 16 pixels, got \(8, 8\)"):
        grid.to_case(np.zeros((2, 8, 8, 1), np.float32))
