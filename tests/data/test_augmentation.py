import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from medsize.config.training import Augmentation
from medsize.data.augmentation import Draw, apply, augment, draw

NOTHING = Augmentation(brightness=0, contrast=0, flip=0)


def batch(count: int = 4, *, padded: bool = False) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    domain = torch.ones(count, 6, 5, dtype=torch.bool)
    domain[:, :, 3:] = False
    found = {
        "image": torch.rand(count, 1, 6, 5, generator=generator),
        "seeds": torch.randint(0, 3, (count, 6, 5), generator=generator, dtype=torch.uint8),
        "label": torch.randint(0, 3, (count, 6, 5), generator=generator, dtype=torch.uint8),
        "size_target": torch.rand(count, 3, generator=generator) / 3,
    }
    return found | ({"domain": domain, "image": found["image"] * domain[:, None]} if padded else {})


def drawn(shift: float = 0.0, factor: float = 1.0, flip: bool = False, count: int = 4) -> Draw:
    values = (shift, factor, flip, 1.0, 0.0)
    return Draw(*(torch.full((count,), value) for value in values))


def test_a_draw_follows_from_seed_and_step_alone() -> None:
    first = draw(8, Augmentation(), seed=3, step=5)
    torch.rand(7)
    again = draw(8, Augmentation(), seed=3, step=5)
    for name in ("shift", "factor", "flip"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    for seed, step in ((3, 6), (4, 5), (5, 3)):
        assert not torch.equal(first.shift, draw(8, Augmentation(), seed=seed, step=step).shift)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    augment(batch(), Augmentation(), seed=0, step=0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_draws_fill_their_ranges() -> None:
    found = draw(20_000, Augmentation(brightness=0.3, contrast=0.4, flip=0.25), seed=0, step=0)
    for values, low, high in ((found.shift, -0.3, 0.3), (found.factor, 0.6, 1.4)):
        assert low <= values.min() < low + 0.01
        assert high - 0.01 < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.01)
    assert found.flip.float().mean() == pytest.approx(0.25, abs=0.02)
    assert abs(np.corrcoef(found.shift, found.factor)[0, 1]) < 0.03


def test_no_augmentation_changes_nothing() -> None:
    given_ = batch()
    found = augment(given_, NOTHING, seed=0, step=0)
    torch.testing.assert_close(found["image"], given_["image"])
    assert all(torch.equal(found[key], given_[key]) for key in ("seeds", "label", "size_target"))


@given(shift=st.floats(-1, 1), factor=st.floats(0, 2))
def test_jitter_is_a_line_through_the_mean_cut_to_the_unit_interval(shift: float, factor: float) -> None:
    image = batch()["image"].double().numpy()
    mean = image.mean((1, 2, 3), keepdims=True)
    expected = np.clip((image - mean) * factor + mean + shift, 0, 1)
    found = apply(batch(), drawn(shift, factor))["image"]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_each_image_has_its_own_jitter() -> None:
    shifts = torch.tensor([0.0, 0.1, -0.1, 0.0])
    found = apply(
        {"image": torch.full((4, 1, 2, 2), 0.5)},
        Draw(shifts, torch.ones(4), torch.zeros(4).bool(), torch.ones(4), torch.zeros(4)),
    )
    torch.testing.assert_close(found["image"][:, 0, 0, 0], 0.5 + shifts)


def test_what_is_on_the_pixels_is_flipped_together_and_only_where_drawn() -> None:
    given_ = batch(padded=True)
    flip = torch.tensor([True, False, False, True])
    found = apply(given_, Draw(torch.zeros(4), torch.ones(4), flip, torch.ones(4), torch.zeros(4)))
    for key in ("image", "seeds", "label", "domain"):
        for number in range(4):
            expected = given_[key][number].flip(-1) if flip[number] else given_[key][number]
            torch.testing.assert_close(found[key][number], expected)
    assert torch.equal(found["size_target"], given_["size_target"])


def test_padding_stays_zero_and_does_not_count_in_the_mean() -> None:
    given_ = batch(padded=True)
    found = apply(given_, drawn(0.2, 0.5))["image"].numpy()
    inside = given_["domain"][:, None].numpy()
    assert (found[~inside] == 0).all()
    image = given_["image"].double().numpy()
    mean = (image * inside).sum((2, 3), keepdims=True) / inside.sum((2, 3), keepdims=True)
    expected = np.clip((image - mean) * 0.5 + mean + 0.2, 0, 1) * inside
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_batch_given_is_left_as_it_was() -> None:
    given_ = batch()
    kept = {key: tensor.clone() for key, tensor in given_.items()}
    augment(given_, Augmentation(flip=1), seed=0, step=0)
    assert all(torch.equal(given_[key], kept[key]) for key in kept)


def test_types_stay_as_they_were() -> None:
    given_ = batch(padded=True)
    given_["image"] = given_["image"].bfloat16()
    found = augment(given_, Augmentation(), seed=0, step=0)
    assert {key: tensor.dtype for key, tensor in found.items()} == {key: tensor.dtype for key, tensor in given_.items()}


def test_colours_turn_around_grey_and_stretch_away_from_it() -> None:
    generator = torch.Generator().manual_seed(1)
    image = 0.4 + 0.2 * torch.rand(4, 3, 5, 5, generator=generator)
    ones, zeros = torch.ones(4), torch.zeros(4)
    third = torch.full((4,), 2 * torch.pi / 3)
    turned = apply({"image": image}, Draw(zeros, ones, zeros.bool(), ones, third))["image"]
    torch.testing.assert_close(turned, image.roll(1, 1), atol=1e-5, rtol=0)  # red becomes green, green blue
    grey = apply({"image": image}, Draw(zeros, ones, zeros.bool(), zeros, third))["image"]
    torch.testing.assert_close(grey, image.mean(1, keepdim=True).expand_as(image), atol=1e-5, rtol=0)
    kept = apply({"image": image}, Draw(zeros, ones, zeros.bool(), ones, zeros))["image"]
    torch.testing.assert_close(kept, image, atol=1e-5, rtol=0)


OURS = {"rotation": 30.0, "scaling": 0.25, "elastic": 0.05, "gamma": 0.5, "noise": 0.1, "blur": 1.5}


def test_jitter_and_flip_alone_are_what_they_were_before_anything_else_could_be_drawn() -> None:
    given_ = batch(8, padded=True)
    state = np.random.SeedSequence((3, 7)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]))
    shift, factor, flip = torch.rand(3, 8, generator=generator).numpy()
    image, inside = given_["image"].double().numpy(), given_["domain"][:, None].numpy()
    mean = (image * inside).sum((2, 3), keepdims=True) / inside.sum((2, 3), keepdims=True)
    factor, shift = 1 + (2 * factor - 1) * 0.2, (2 * shift - 1) * 0.2
    changed = np.clip((image - mean) * factor[:, None, None, None] + mean + shift[:, None, None, None], 0, 1) * inside
    expected = np.where((flip < 0.5)[:, None, None, None], changed[..., ::-1], changed)
    found = augment(given_, Augmentation(), seed=3, step=7)
    np.testing.assert_allclose(found["image"], expected, atol=1e-6)
    seeds = given_["seeds"].numpy()
    np.testing.assert_array_equal(found["seeds"], np.where((flip < 0.5)[:, None, None], seeds[..., ::-1], seeds))
    assert found.keys() == given_.keys()


@pytest.mark.parametrize("name", OURS)
def test_what_is_drawn_beside_leaves_the_papers_draws_alone(name: str) -> None:
    plain, more = (draw(8, Augmentation(**kinds), seed=3, step=7) for kinds in ({}, {name: OURS[name]}))
    for old in ("shift", "factor", "flip", "saturation", "hue"):
        assert torch.equal(getattr(plain, old), getattr(more, old))
    assert (plain.movement, plain.exponent, plain.blur_pixels, plain.noise) == (None, None, None, None)


def test_each_kind_is_drawn_alike_whatever_else_is() -> None:
    whole = draw(8, Augmentation(**OURS), seed=3, step=7)
    for name in OURS:
        alone = draw(8, Augmentation(**{name: OURS[name]}), seed=3, step=7)
        for value in ("exponent", "blur_pixels", "noise"):
            if getattr(alone, value) is not None:
                assert torch.equal(getattr(alone, value), getattr(whole, value))
    alone = draw(8, Augmentation(rotation=30), seed=3, step=7)
    assert torch.equal(alone.movement.angle, whole.movement.angle)
    assert alone.movement.waves is None


def test_draws_of_movements_and_intensities_fill_their_ranges() -> None:
    found = draw(20_000, Augmentation(**OURS), seed=0, step=0)
    for values, low, high in (
        (found.movement.angle.rad2deg(), -30, 30),
        (found.movement.scale, 0.8, 1.25),
        (found.exponent, 1 / 1.5, 1.5),
        (found.blur_pixels, 0, 1.5),
        (found.noise, 0, 0.1),
    ):
        close = 0.002 * (high - low)
        assert low - 1e-5 <= values.min() < low + close
        assert high - close < values.max() <= high + 1e-5
    assert (found.movement.scale < 1).float().mean() == pytest.approx(0.5, abs=0.02)
    assert not found.movement.cropped.any()


@pytest.mark.parametrize("name", OURS)
def test_each_kind_changes_images_and_leaves_the_global_generator_alone(name: str) -> None:
    given_, state = batch(padded=True), torch.random.get_rng_state()
    nothing, something = (
        augment(given_, Augmentation(brightness=0, contrast=0, flip=0, **kinds), seed=1, step=1)
        for kinds in ({}, {name: OURS[name]})
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert (nothing["image"] - something["image"]).abs().max() > 1e-3
    assert something["image"].min() >= 0
    assert something["image"].max() <= 1
    assert (something["image"][~something["domain"][:, None]] == 0).all()


def test_a_pseudo_label_is_flipped_like_seeds() -> None:
    given_ = batch()
    given_["pseudo_label"] = given_["seeds"].clone()
    found = augment(given_, Augmentation(flip=0.5), seed=0, step=2)
    assert torch.equal(found["pseudo_label"], found["seeds"])
    assert not torch.equal(found["pseudo_label"], given_["pseudo_label"])


def test_types_stay_as_they_were_with_everything_on() -> None:
    given_ = batch(padded=True)
    given_["image"] = given_["image"].bfloat16()
    found = augment(given_, Augmentation(**OURS), seed=0, step=0)
    kept = {key: tensor.dtype for key, tensor in found.items() if key != "size_factor"}
    assert kept == {key: tensor.dtype for key, tensor in given_.items()}
