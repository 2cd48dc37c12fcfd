import torch
from hypothesis import given
from hypothesis import strategies as st

from medsize.networks.padding import pad_to_multiple


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.sampled_from([1, 4, 16]), cells=st.integers(0, 2)
)
def test_the_padded_size_is_the_least_multiple_that_holds_image_and_minimum(
    height: int, width: int, multiple: int, cells: int
) -> None:
    image = torch.rand(2, 1, height, width)
    minimum = max(cells * multiple, 1)
    padded, crop = pad_to_multiple(image, multiple, minimum=minimum)
    for side, size in zip(padded.shape[2:], (height, width), strict=True):
        assert side == next(m for m in range(multiple, 99, multiple) if m >= max(size, minimum))
    assert torch.equal(padded[crop], image)


def test_the_edge_is_repeated_evenly_on_both_sides() -> None:
    padded, crop = pad_to_multiple(torch.tensor([[[[1.0, 2.0]]]]), 5)
    assert torch.equal(padded, torch.tensor([1.0, 1.0, 2.0, 2.0, 2.0]).expand(1, 1, 5, 5))
    assert crop == (..., slice(2, 3), slice(1, 3))


def test_a_fitting_image_is_not_copied() -> None:
    image = torch.rand(1, 3, 32, 48)
    padded, _ = pad_to_multiple(image, 16, minimum=32)
    assert padded is image


def test_padding_lets_the_gradient_through() -> None:
    image = torch.rand(1, 1, 1, 1, requires_grad=True)
    padded, _ = pad_to_multiple(image, 16)
    padded.sum().backward()
    assert image.grad is not None
    assert image.grad.item() == 256
