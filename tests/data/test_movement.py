import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from medsize.config.training import Augmentation, Zoom
from medsize.data.augmentation import augment, draw, extra_keys
from medsize.data.elastic import WAVES, Waves
from medsize.data.movement import Movement, move


def batch(seeds: float = 0.1) -> dict[str, Tensor]:
    """A ramp whose green is the row and whose blue the column, so that every pixel says where it came from."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    label = torch.zeros(2, 16, 16, dtype=torch.uint8)
    label[0, 4:12, 4:8] = 1
    label[1, 8:12, 8:16] = 2
    drawn = torch.where(torch.rand(label.shape, generator=generator) < seeds, label, 255).to(torch.uint8)
    sizes = torch.stack([(label == k).float().mean((1, 2)) for k in range(3)], 1)
    return {
        "image": torch.stack([rows, rows, columns])[None].repeat(2, 1, 1, 1) / 16,
        "label": label,
        "seeds": drawn,
        "size_target": sizes,
        "size_bounds": torch.stack([sizes / 2, sizes], -1),
        "tags": sizes > 0,
    }


def placed(scale: float, row: float = 0.5, column: float = 0.5) -> Movement:
    """A zoom."""
    place = torch.tensor([[row] * 2, [column] * 2])
    return Movement(torch.full((2,), scale), place, torch.zeros(2), torch.full((2,), scale > 1))


def test_scale_one_changes_nothing() -> None:
    given_ = batch()
    found = move(given_, placed(1.0))
    assert found.pop("domain").all()
    for key, value in given_.items():
        torch.testing.assert_close(found[key], value, msg=key)


@settings(max_examples=40)
@given(scale=st.floats(0.5, 2), row=st.floats(0, 1), column=st.floats(0, 1))
def test_image_label_and_domain_move_to_the_same_place(scale: float, row: float, column: float) -> None:
    found = move(batch(), placed(scale, row, column))
    inside = found["domain"][0]
    at = (torch.arange(16) + 0.5 - row * (1 - scale) * 16) / scale - 0.5
    across = (torch.arange(16) + 0.5 - column * (1 - scale) * 16) / scale - 0.5
    rows = at.clamp(0, 15)[:, None].expand(16, 16)
    torch.testing.assert_close(found["image"][0, 1][inside] * 16, rows[inside].float(), atol=1e-3, rtol=0)
    taken = batch()["label"][0].numpy()[
        np.clip(np.rint(at.numpy()), 0, 15).astype(int)[:, None], np.clip(np.rint(across.numpy()), 0, 15).astype(int)
    ]
    clear = ((at % 1 - 0.5).abs() > 1e-3)[:, None] & ((across % 1 - 0.5).abs() > 1e-3)[None] & inside
    np.testing.assert_array_equal(found["label"][0][clear], taken[clear.numpy()])
    assert (found["image"][0][:, ~inside] == 0).all()
    assert (found["label"][0][~inside] == 255).all()


def test_a_shrunken_image_keeps_its_sizes_for_they_are_of_omega() -> None:
    given_ = batch()
    found = move(given_, placed(0.5))
    for key in ("size_target", "size_bounds", "tags"):
        assert torch.equal(found[key], given_[key])
    inside = found["domain"]
    assert inside.float().mean() == 0.25
    share = ((found["label"] == 1) & inside).sum((1, 2)) / inside.sum((1, 2))
    torch.testing.assert_close(share, given_["size_target"][:, 1])


def test_the_sizes_of_what_is_cut_are_unknown() -> None:
    found = move(batch(), placed(1.5))
    assert found["size_target"].isnan().all()
    assert found["size_bounds"].isnan().all()
    assert not found["tags"].any()


def test_measured_sizes_of_crops_are_those_of_the_cropped_label_with_the_error_they_had() -> None:
    given_ = batch()
    exact = move(given_, placed(2.0, 0.2, 0.3), measure_crops=True)
    label = exact["label"]
    expected = torch.stack([(label == k).float().mean((1, 2)) for k in range(3)], 1)
    torch.testing.assert_close(exact["size_target"], expected)
    assert torch.equal(exact["tags"], expected > 0)
    wrong = given_ | {"size_target": given_["size_target"] * torch.tensor([1.0, 1.2, 0.7])}
    found = move(wrong, placed(2.0, 0.2, 0.3), measure_crops=True)["size_target"]
    biased = expected * torch.tensor([1.0, 1.2, 0.7])
    torch.testing.assert_close(found, biased / biased.sum(1, keepdim=True))


@pytest.mark.parametrize("scale", [0.5, 0.61, 0.9])
def test_no_click_is_lost_in_a_smaller_image(scale: float) -> None:
    given_ = batch()
    given_["seeds"][:] = 255
    given_["seeds"][0, 5, 6] = 1
    given_["seeds"][1, 9, 13] = 2
    found = move(given_, placed(scale, 0.3, 0.8))["seeds"]
    assert [(found[image] != 255).sum().item() >= 1 for image in (0, 1)] == [True, True]
    assert set(found[0].unique().tolist()) == {1, 255}


def test_zoom_is_drawn_within_its_range_and_leaves_other_draws_alone() -> None:
    plain, zoomed = Augmentation(), Augmentation(zoom=Zoom(smallest=0.5, largest=2))
    first, second = (draw(5000, augmentation, seed=1, step=2) for augmentation in (plain, zoomed))
    assert torch.equal(first.shift, second.shift)
    assert first.movement is None
    assert second.movement is not None
    scale = second.movement.scale
    assert 0.5 <= scale.min() < 0.51
    assert 1.98 < scale.max() <= 2
    assert (scale < 1).float().mean() == pytest.approx(0.5, abs=0.03)
    assert augment(batch(), zoomed, seed=0, step=0)["image"].shape == (2, 3, 16, 16)


def test_a_mask_is_asked_for_only_to_measure_crops() -> None:
    assert extra_keys(Augmentation()) == extra_keys(Augmentation(zoom=Zoom())) == frozenset()
    assert extra_keys(Augmentation(zoom=Zoom(sizes_of_crops="measured"))) == {"label"}


def test_garbage_in_the_mask_changes_nothing_where_sizes_of_crops_are_unknown() -> None:
    found = []
    for garbage in (0, 7):
        given_ = batch()
        given_["label"][:] = garbage
        found.append(augment(given_, Augmentation(zoom=Zoom()), seed=3, step=1))
    for key in ("image", "seeds", "size_target", "domain"):
        torch.testing.assert_close(found[0][key], found[1][key], equal_nan=True)


def movement(
    count: int = 1,
    *,
    scale: float = 1.0,
    degrees: float = 0.0,
    elastic: float = 0.0,
    row: float = 0.5,
    column: float = 0.5,
) -> Movement:
    numbers = torch.rand(4, count, WAVES, generator=torch.Generator().manual_seed(5))
    return Movement(
        scale=torch.full((count,), scale),
        place=torch.tensor([[row] * count, [column] * count]),
        angle=torch.full((count,), math.radians(degrees)),
        cropped=torch.zeros(count, dtype=torch.bool),
        waves=Waves.of(numbers, elastic) if elastic else None,
    )


def disc(side: int = 96, radius: float = 18.0, row: float = 0.5, column: float = 0.5) -> dict[str, Tensor]:
    """An image of a disc with a seed at its centre, all of whose pixels are labelled."""
    at = torch.arange(side) + 0.5
    label = ((at[:, None] - row * side) ** 2 + (at - column * side) ** 2 < radius**2).to(torch.uint8)[None]
    seeds = torch.full_like(label, 255)
    seeds[0, int(row * side), int(column * side)] = 1
    share = label.float().mean((1, 2))
    return {
        "image": label[:, None].float(),
        "label": label,
        "seeds": seeds,
        "size_target": torch.stack([1 - share, share], 1),
    }


def test_moving_nothing_changes_nothing() -> None:
    given_ = batch() | {"pseudo_label": batch(0.7)["seeds"]}
    still = replace(movement(2), waves=Waves(*torch.zeros(4, 2, WAVES)))
    found = move(given_, still)
    assert found.pop("domain").all()
    assert found.pop("size_factor").tolist() == [1, 1]
    for key, value in given_.items():
        torch.testing.assert_close(found[key], value, msg=key)


@pytest.mark.parametrize(
    ("degrees", "scale", "row", "column"), [(25, 1.0, 0.5, 0.5), (-140, 0.8, 0.2, 0.9), (7, 1.4, 0.4, 0.6)]
)
def test_turning_and_scaling_are_scipys_affine_transform(
    degrees: float, scale: float, row: float, column: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    image, label = torch.rand(1, 1, 40, 32, generator=generator), torch.randint(0, 5, (1, 40, 32), generator=generator)
    found = move(
        {"image": image, "label": label.to(torch.uint8)},
        movement(scale=scale, degrees=degrees, row=row, column=column),
    )
    turn = math.radians(degrees)
    back = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) / scale
    centre, start = np.array([20, 16.0]), np.array([row * (1 - scale) * 40, column * (1 - scale) * 32])
    # a pixel's centre is at its number + ½ in medsize, and at its number in scipy
    offset = (centre - start) / scale - 0.5 + back @ (0.5 - centre)
    inside = ndimage.affine_transform(np.ones((40, 32)), back, offset, order=1, cval=-1e9) > 0.999
    assert inside.mean() > 0.3
    expected = ndimage.affine_transform(image[0, 0].double().numpy(), back, offset, order=1, mode="nearest")
    np.testing.assert_allclose(found["image"][0, 0][inside], expected[inside], atol=1e-4)
    source = np.einsum("ij,jhw->ihw", back, np.indices((40, 32))) + offset[:, None, None]
    clear = inside & (np.abs(source % 1 - 0.5) > 1e-3).all(0)
    expected = ndimage.affine_transform(label[0].numpy(), back, offset, order=0, mode="nearest")
    np.testing.assert_array_equal(found["label"][0][clear], expected[clear])
    within = ((source > -0.5) & (source < np.array([40, 32])[:, None, None] - 0.5)).all(0)
    assert (found["domain"][0].numpy() == within).mean() > 0.999
    assert (found["image"][0, 0][~found["domain"][0]] == 0).all()
    assert (found["label"][0][~found["domain"][0]] == 255).all()


def test_a_quarter_turn_is_exact() -> None:
    given_ = batch(0.1)
    found = move(given_, movement(2, degrees=90))
    assert found["domain"].all()
    torch.testing.assert_close(found["image"], given_["image"].rot90(1, (2, 3)), atol=1e-5, rtol=0)
    for key in ("label", "seeds"):
        assert torch.equal(found[key], given_[key].rot90(1, (1, 2)))


@settings(max_examples=40)
@given(
    scale=st.floats(0.5, 2),
    degrees=st.floats(-180, 180),
    elastic=st.floats(0, 0.2),
    row=st.floats(0, 1),
    column=st.floats(0, 1),
)
def test_points_come_back_from_where_they_went(
    scale: float, degrees: float, elastic: float, row: float, column: float
) -> None:
    points = torch.rand(2, 3, 20, generator=torch.Generator().manual_seed(1)) * torch.tensor([48, 64])[:, None, None]
    moved = movement(3, scale=scale, degrees=degrees, elastic=elastic, row=row, column=column)
    there = moved.forward(points[0], points[1], (48, 64))
    torch.testing.assert_close(torch.stack(moved.backward(*there, (48, 64))), points, atol=2e-3, rtol=0)


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.0, 1.2, 1.5])
def test_the_area_of_a_disc_grows_with_the_square_of_the_scale_however_it_is_turned(scale: float) -> None:
    given_ = disc()
    found = move(given_, movement(scale=scale, degrees=33))
    area = math.pi * 18**2
    assert (found["label"] == 1).sum().item() == pytest.approx(area * scale**2, rel=0.02)
    assert found["image"].sum().item() == pytest.approx(area * scale**2, rel=0.02)
    share = (found["label"] == 1).sum() / found["domain"].sum()
    assert found["size_target"][0, 1] == pytest.approx(share.item(), rel=0.02)


@pytest.mark.parametrize("elastic", [0.05, 0.1])
def test_a_deformed_disc_keeps_its_area(elastic: float) -> None:
    given_ = {key: value.repeat(20, *[1] * (value.ndim - 1)) for key, value in disc().items()}
    found = move(given_, movement(20, elastic=elastic))
    changed = (found["label"] != given_["label"]) & found["domain"]
    assert changed.sum((1, 2)).float().mean() > 40  # of about 1,000: it did change
    areas = (found["label"] == 1).sum((1, 2)) / (math.pi * 18**2)
    torch.testing.assert_close(areas, torch.ones(20), atol=0.02, rtol=0)  # the pixels at its border are few
    assert areas.mean() == pytest.approx(1, abs=0.005)
    shares = (found["label"] == 1).sum((1, 2)) / found["domain"].sum((1, 2))
    torch.testing.assert_close(found["size_target"][:, 1], shares, rtol=0.02, atol=0)


@pytest.mark.parametrize("degrees", [10, 45, 80])
@pytest.mark.parametrize("scale", [0.5, 0.8])
def test_no_click_is_lost_in_a_turned_image(scale: float, degrees: float) -> None:
    given_ = batch(0)
    given_["seeds"][0, 5, 6] = 1
    given_["seeds"][1, 9, 10] = 2
    found = move(given_, movement(2, scale=scale, degrees=degrees))["seeds"]
    assert set(found[0].unique().tolist()) == {1, 255}
    assert set(found[1].unique().tolist()) == {2, 255}


def test_a_pseudo_label_moves_like_a_label() -> None:
    given_ = batch()
    given_["pseudo_label"] = given_["label"].clone()
    found = move(given_, movement(2, scale=0.8, degrees=20, elastic=0.1))
    assert torch.equal(found["pseudo_label"], found["label"])
    assert not torch.equal(found["label"], given_["label"])


def test_images_of_one_case_move_alike() -> None:
    given_ = {key: value[:1].repeat(4, *[1] * (value.ndim - 1)) for key, value in batch().items()}
    still = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "flip": 0}
    augmentation = Augmentation(**still, rotation=30, scaling=0.3, elastic=0.1)
    for cases, expected in (([0, 1, 0, 1], {0: 2, 1: 3}), ([5, 5, 5, 5], {0: 3}), ([2, 2, 1, 3], {0: 1})):
        found = augment(given_ | {"case": torch.tensor(cases)}, augmentation, seed=0, step=0)["image"]
        for one, other in expected.items():
            assert torch.equal(found[one], found[other])
        assert len({image.sum().item() for image in found}) == len(set(cases))
    apart = augment(given_, augmentation, seed=0, step=0)["image"]
    assert len({image.sum().item() for image in apart}) == 4
