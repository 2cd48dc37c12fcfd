"""Sizes of moved images are what can be counted on them, or unknown where a structure may be cut."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medsize.data.moved_sizes import scaled
from medsize.data.movement import Movement, move

SIDE = 96


def movement(scale: float = 1.0, degrees: float = 0.0, *, count: int = 1, cropped: bool = False) -> Movement:
    return Movement(
        scale=torch.full((count,), scale),
        place=torch.full((2, count), 0.5),
        angle=torch.full((count,), math.radians(degrees)),
        cropped=torch.full((count,), cropped),
    )


def disc(radius: float, row: float = 0.5, column: float = 0.5, structure: int = 1) -> Tensor:
    at = torch.arange(SIDE) + 0.5
    inside = (at[:, None] - row * SIDE) ** 2 + (at - column * SIDE) ** 2 < radius**2
    return torch.where(inside, structure, 0).to(torch.uint8)


def batch(labels: list[Tensor], *, seed_radius: float = 3, margin: int = 0) -> dict[str, Tensor]:
    """Discs, with a small disc of seeds inside each; ``margin`` columns at either side are padding."""
    label = torch.stack(labels)
    seeds = torch.full_like(label, 255)
    for image, structure in ((image, k) for image in range(len(labels)) for k in (1, 2) if (label[image] == k).any()):
        place = (label[image] == structure).nonzero().float().mean(0)
        at = torch.arange(SIDE)
        near = (at[:, None] - place[0]) ** 2 + (at - place[1]) ** 2 < seed_radius**2
        seeds[image][near & (label[image] == structure)] = structure
    domain = torch.ones_like(label, dtype=torch.bool)
    domain[:, :, :margin] = domain[:, :, SIDE - margin :] = False
    label = torch.where(domain, label, 255)
    sizes = shares(label, domain)
    bounds = torch.stack([sizes * 0.9, sizes * 1.1], -1)
    bounds[:, 0] = 1 - bounds[:, 1:].flip(-1).sum(1)
    return {
        "image": (label == 1)[:, None].float(),
        "label": label,
        "seeds": seeds,
        "domain": domain,
        "size_target": sizes,
        "size_bounds": bounds,
        "tags": sizes > 0,
    }


def shares(label: Tensor, domain: Tensor) -> Tensor:
    """What is counted."""
    return torch.stack([((label == k) & domain).sum((1, 2)) / domain.sum((1, 2)) for k in range(3)], 1)


def unknown(found: dict[str, Tensor], prefix: str = "") -> list[bool]:
    """Of which images all is unknown; never of a part."""
    size, bounds, tags = (found[f"{prefix}{key}"] for key in ("size_target", "size_bounds", "tags"))
    lost = size.isnan().all(1)
    assert torch.equal(lost, size.isnan().any(1))
    assert torch.equal(lost, bounds.isnan().flatten(1).all(1))
    assert torch.equal(lost, ~tags.any(1))
    return lost.tolist()


@settings(max_examples=40)
@given(scale=st.floats(0.6, 1.5), degrees=st.floats(-180, 180), margin=st.integers(0, 12))
def test_sizes_are_those_that_can_be_counted(scale: float, degrees: float, margin: int) -> None:
    given_ = batch([disc(9, 0.5, 0.4) + disc(12, 0.5, 0.65, 2), disc(14)], margin=margin)
    found = move(given_, movement(scale, degrees, count=2))
    assert unknown(found) == [False, False]
    counted = shares(found["label"], found["domain"])
    torch.testing.assert_close(found["size_target"], counted, rtol=0.05, atol=0.004)
    factor = found["size_factor"][:, None]
    torch.testing.assert_close(found["size_target"][:, 1:], given_["size_target"][:, 1:] * factor)
    torch.testing.assert_close(found["size_target"].sum(1), torch.ones(2))
    assert torch.equal(found["tags"], given_["tags"])


def test_the_factor_is_the_square_of_the_scale_over_that_of_omega() -> None:
    given_ = batch([disc(10)], margin=10)
    found = move(given_, movement(1.2, 30))
    before, after = (int(one["domain"].sum()) for one in (given_, found))
    assert after < before * 1.2**2
    assert found["size_factor"].item() == pytest.approx(1.2**2 * before / after)


def test_bounds_change_as_sizes_do_and_the_backgrounds_are_the_rest() -> None:
    given_ = batch([disc(9, 0.5, 0.4) + disc(12, 0.5, 0.65, 2)])
    found = move(given_, movement(1.2))
    bounds = given_["size_bounds"][:, 1:] * found["size_factor"]
    torch.testing.assert_close(found["size_bounds"][:, 1:], bounds)
    rest = 1 - bounds[..., 1].sum(), 1 - bounds[..., 0].sum()
    torch.testing.assert_close(found["size_bounds"][0, 0], torch.stack(rest))
    given_["size_bounds"][:, 1, 1] = 0.9
    assert move(given_, movement(1.2))["size_bounds"][0, 1, 1] == 1
    assert move(given_, movement(1.2))["size_bounds"][0, 0, 0] == 0


def test_an_image_that_is_shown_whole_keeps_its_sizes_and_needs_no_seeds() -> None:
    given_ = batch([disc(20, 0.3, 0.3)], seed_radius=0)
    assert (given_["seeds"] == 255).all()
    for turned in (movement(0.83), movement(0.6, 20), movement(1.0, 180)):
        found = move(given_, turned)
        assert found["size_factor"].item() == 1
        for key in ("size_target", "size_bounds", "tags"):
            assert torch.equal(found[key], given_[key])


@pytest.mark.parametrize(
    ("labels", "moved"),
    [
        ([disc(6, 0.5, 0.9)], movement(1.5)),  # its seeds are outside
        ([disc(6, 0.08, 0.08)], movement(1.0, 45)),  # in a corner that is turned away
        ([disc(14, 0.5, 0.8)], movement(1.2)),  # its seeds are inside, but its border is not
        ([disc(14, 0.5, 0.8, 2) + disc(5)], movement(1.2)),  # one of two
    ],
)
def test_sizes_are_unknown_where_a_structure_may_be_cut(labels: list[Tensor], moved: Movement) -> None:
    found = move(batch([*labels, disc(5)]), replace_count(moved))
    assert unknown(found) == [True, False]
    assert found["size_factor"].isnan().tolist() == [True, False]


def replace_count(moved: Movement) -> Movement:
    """The movement of two images."""
    return moved.of_images(torch.tensor([0, 0]))


def test_sizes_are_unknown_where_nothing_tells_where_a_structure_is() -> None:
    given_ = batch([disc(10), disc(10), torch.zeros(SIDE, SIDE, dtype=torch.uint8)])
    given_["seeds"][0] = 255
    assert unknown(move(given_, movement(1.2, count=3))) == [True, False, False]
    pseudo = given_ | {"pseudo_label": given_["label"]}
    assert unknown(move(pseudo, movement(1.2, count=3))) == [False, False, False]
    del given_["seeds"]
    assert unknown(move(given_, movement(1.2, count=3))) == [True, True, False]


def test_a_structure_that_is_labelled_as_a_whole_may_come_near_to_the_edge() -> None:
    given_ = batch([disc(14, 0.5, 0.75)])
    assert unknown(move(given_ | {"pseudo_label": given_["label"]}, movement(1.2))) == [False]
    assert unknown(move(given_ | {"pseudo_label": given_["label"]}, movement(1.6))) == [True]
    assert unknown(move(given_, movement(1.4))) == [True]


def test_sizes_that_would_sum_above_one_are_unknown() -> None:
    given_ = batch([disc(10)])
    given_["size_target"][:] = torch.tensor([0.1, 0.45, 0.45])
    given_["size_bounds"][:] = torch.nan
    given_["seeds"][:, 48:50, 48] = torch.tensor([1, 2], dtype=torch.uint8)
    assert move(given_, movement(1.03))["size_target"][0].sum() == pytest.approx(1)
    assert move(given_, movement(1.1))["size_target"].isnan().all()


def test_sizes_of_zoomed_crops_are_unknown_whatever_their_seeds() -> None:
    assert unknown(move(batch([disc(5)]), movement(1.1, cropped=True))) == [True]


def test_unknown_sizes_stay_unknown_and_known_ones_beside_them_change() -> None:
    given_ = batch([disc(9, 0.5, 0.4) + disc(12, 0.5, 0.65, 2)])
    given_["size_target"][0, [0, 2]] = torch.nan
    given_["size_bounds"][0, [0, 2]] = torch.nan
    found = move(given_, movement(1.2))
    np.testing.assert_array_equal(found["size_target"].isnan(), [[True, False, True]])
    assert found["size_target"][0, 1] == given_["size_target"][0, 1] * found["size_factor"]
    np.testing.assert_array_equal(found["size_bounds"].isnan().all(2), [[True, False, True]])


@pytest.mark.parametrize("key", ["size_target", "size_bounds", "tags"])
def test_each_of_sizes_bounds_and_tags_does_alone(key: str) -> None:
    others = {"size_target", "size_bounds", "tags"} - {key}
    for scale in (1.2, 1.9):
        whole = batch([disc(9, 0.5, 0.7)], seed_radius=20)
        expected = move(whole, movement(scale))
        found = move({name: value for name, value in whole.items() if name not in others}, movement(scale))
        torch.testing.assert_close(found[key], expected[key], equal_nan=True)
    assert unknown(expected) == [True]


def test_an_absent_structure_stays_absent_without_seeds() -> None:
    found = move(batch([torch.zeros(SIDE, SIDE, dtype=torch.uint8)]), movement(1.3, 20))
    assert found["size_target"].tolist() == [[1, 0, 0]]
    assert found["tags"].tolist() == [[True, False, False]]


def volume(*, both: bool) -> dict[str, Tensor]:
    """Two cases: the slices of the first have Ω of different sizes, and its third shows nothing."""
    empty = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    found = batch([disc(12), disc(6), empty, disc(10), disc(16)])
    found["domain"][1, :, :20] = found["domain"][2, :, 60:] = False
    found["label"] = torch.where(found["domain"], found["label"], 255)
    found["image"] = found["image"] * found["domain"][:, None]
    case = torch.tensor([0, 0, 0, 1, 1])
    found["size_target"] = shares(found["label"], found["domain"])
    sizes = volume_shares(found["label"], found["domain"], case)
    told = {"size_target": sizes, "size_bounds": torch.stack([sizes, sizes], -1), "tags": sizes > 0}
    return found | {"case": case} | ({f"volume_{key}": value for key, value in told.items()} if both else told)


def volume_shares(label: Tensor, domain: Tensor, case: Tensor) -> Tensor:
    """What is counted of whole cases, in the rows of their slices."""
    counts = torch.stack([((label == k) & domain).sum((1, 2)) for k in range(3)], 1)
    return torch.stack([counts[case == one].sum(0) / domain[case == one].sum() for one in case])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 20), (1.25, -40), (0.8, 45)])
def test_sizes_of_volumes_are_those_counted_over_their_slices(scale: float, degrees: float, both: bool) -> None:
    given_ = volume(both=both)
    found = move(given_, movement(scale, degrees, count=5))
    counted = volume_shares(found["label"], found["domain"], found["case"])
    prefix = "volume_" if both else ""
    torch.testing.assert_close(found[f"{prefix}size_target"], counted, rtol=0.03, atol=0.001)
    assert torch.equal(found[f"{prefix}tags"], given_[f"{prefix}tags"])
    if both:
        counted = shares(found["label"], found["domain"])
        torch.testing.assert_close(found["size_target"], counted, rtol=0.06, atol=0.002)


@pytest.mark.parametrize("both", [False, True])
def test_a_volume_is_unknown_where_one_of_its_slices_may_be_cut(both: bool) -> None:
    given_ = volume(both=both)
    given_["seeds"][1] = torch.where(disc(6, 0.5, 0.95) == 1, 1, 255)
    found = move(given_, movement(1.2, count=5))
    assert unknown(found, "volume_" if both else "") == [True, True, True, False, False]
    assert found["size_factor"].isnan().tolist() == [True, True, True, False, False]
    if both:
        assert unknown(found) == [False, True, False, False, False]


def test_a_volume_is_not_unknown_for_slices_without_seeds() -> None:
    given_ = volume(both=False)
    given_["seeds"][1] = 255
    assert unknown(move(given_, movement(1.2, count=5))) == [False] * 5
    given_["seeds"][:3] = 255
    assert unknown(move(given_, movement(1.2, count=5))) == [True, True, True, False, False]


def test_a_batch_without_sizes_gets_no_factor() -> None:
    given_ = {key: value for key, value in batch([disc(9)]).items() if key in ("image", "seeds")}
    assert move(given_, movement(1.2)).keys() == {"image", "seeds", "domain"}


@given(factor=st.floats(0.2, 3))
def test_scaling_back_undoes_scaling(factor: float) -> None:
    sizes = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]], dtype=torch.float64)
    factors = torch.tensor([factor, 1.0], dtype=torch.float64)
    there = scaled(sizes, factors)
    torch.testing.assert_close(there[0, 1:], sizes[0, 1:] * factor)
    torch.testing.assert_close(there.sum(1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(scaled(there, 1 / factors), sizes)
