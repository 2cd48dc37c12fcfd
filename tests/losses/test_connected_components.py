from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from medsize.losses.connected_components import connected_components


def by_scipy(label: NDArray[Any]) -> NDArray[Any]:
    """Number of the component of each pixel of one image, 0 on background and ignored pixels."""
    number = np.zeros(label.shape, dtype=np.int64)
    for value in set(np.unique(label).tolist()) - {0, 255}:
        components, _ = ndimage.label(label == value, structure=np.ones((3,) * label.ndim))
        number = np.where(components > 0, components + number.max(), number)
    return number


def assert_same_components(found: Tensor, label: Tensor) -> None:
    """The same pixels together and the same apart, whatever the numbers."""
    index = torch.arange(label.numel()).reshape(label.shape)
    for components, image, own in zip(found.numpy(), label.numpy(), index.numpy(), strict=True):
        expected = by_scipy(image)
        np.testing.assert_array_equal(components[expected == 0], own[expected == 0])
        pairs = np.unique(np.stack([components[expected > 0], expected[expected > 0]]), axis=1)
        assert len(set(pairs[0])) == len(set(pairs[1])) == pairs.shape[1]
        for one in set(pairs[0]):
            assert one == own[components == one].min()


def snake(size: int) -> Tensor:
    """One path that winds over the whole image, two pixels from row to row."""
    label = torch.zeros(1, size, size, dtype=torch.uint8)
    label[0, ::2] = 1
    label[0, 1::4, -1] = 1
    label[0, 3::4, 0] = 1
    return label


def spiral(size: int) -> Tensor:
    """One path that turns from the corner to the middle, with background between its turns."""
    label = np.zeros((size + 4, size + 4), dtype=np.uint8)
    label[[0, -1], :] = label[:, [0, -1]] = 1  # walls two pixels away, so that the path turns in time
    row, column, step = 2, 2, (0, 1)
    turns = 0
    while turns < 2:
        label[row, column] = 1
        ahead = label[row + 2 * step[0], column + 2 * step[1]]
        step, turns = ((step[1], -step[0]), turns + 1) if ahead else (step, 0)
        if not turns:
            row, column = row + step[0], column + step[1]
    return torch.from_numpy(label[2:-2, 2:-2].copy()).unsqueeze(0)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 9999),
    spatial=st.sampled_from([(1,), (30,), (1, 1), (9, 13), (16, 16), (5, 6, 7)]),
    classes=st.integers(1, 4),
    ignored=st.booleans(),
)
def test_equals_scipy_on_random_labels(seed: int, spatial: tuple[int, ...], classes: int, ignored: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, classes, (2, *spatial), generator=generator).to(torch.uint8)
    if ignored:
        label[torch.rand(label.shape, generator=generator) < 0.2] = 255
    assert_same_components(connected_components(label), label)


@pytest.mark.parametrize("size", [5, 33, 101])
def test_a_snake_is_one_component(size: int) -> None:
    label = snake(size)
    assert by_scipy(label[0].numpy()).max() == 1
    for turned in (label, label.flip(1), label.transpose(1, 2), label.transpose(1, 2).flip(2)):
        assert_same_components(connected_components(turned), turned)


@pytest.mark.parametrize("size", [5, 33, 101])
def test_a_spiral_is_one_component(size: int) -> None:
    label = spiral(size)
    assert by_scipy(label[0].numpy()).max() == 1
    assert label.double().mean().item() == pytest.approx(0.5, abs=0.2)
    for turned in (label, label.flip(1), label.transpose(1, 2), label.flip(1, 2)):
        assert_same_components(connected_components(turned), turned)


def test_two_spirals_in_one_another_are_two_components() -> None:
    label = spiral(61)
    both = torch.cat([label, 2 * (1 - label)])
    assert_same_components(connected_components(both), both)
    inverse = 1 - label
    assert_same_components(connected_components(inverse), inverse)


def test_pixels_that_touch_at_a_corner_are_connected_in_2_and_3_dimensions() -> None:
    plane = torch.tensor([[[1, 0], [0, 1]]])
    assert connected_components(plane).tolist() == [[[0, 1], [2, 0]]]
    volume = torch.stack([plane, 0 * plane], 1).clone()
    volume[0, 0] = torch.tensor([[1, 0], [0, 0]])
    volume[0, 1] = torch.tensor([[0, 0], [0, 1]])
    assert connected_components(volume)[0, 1, 1, 1] == 0


def test_touching_classes_and_neighbouring_images_stay_apart() -> None:
    label = torch.tensor([[[1, 2]], [[2, 1]]])
    assert connected_components(label).tolist() == [[[0, 1]], [[2, 3]]]


@pytest.mark.parametrize("value", [0, 255])
def test_background_and_ignored_pixels_belong_to_nothing(value: int) -> None:
    assert connected_components(torch.full((1, 2, 2), value)).tolist() == [[[0, 1], [2, 3]]]
