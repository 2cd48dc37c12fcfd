import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medsize.config.training import Augmentation, Zoom
from medsize.data.augmentation import augment, draw, extra_keys
from medsize.data.zoom import Placement, zoom


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


def placed(scale: float, row: float = 0.5, column: float = 0.5) -> Placement:
    return Placement(torch.full((2,), scale), torch.tensor([[row] * 2, [column] * 2]))


def test_scale_one_changes_nothing() -> None:
    given_ = batch()
    found = zoom(given_, placed(1.0), "unknown")
    assert found.pop("domain").all()
    for key, value in given_.items():
        torch.testing.assert_close(found[key], value, msg=key)


@settings(max_examples=40)
@given(scale=st.floats(0.5, 2), row=st.floats(0, 1), column=st.floats(0, 1))
def test_image_label_and_domain_move_to_the_same_place(scale: float, row: float, column: float) -> None:
    found = zoom(batch(), placed(scale, row, column), "unknown")
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
    found = zoom(given_, placed(0.5), "unknown")
    for key in ("size_target", "size_bounds", "tags"):
        assert torch.equal(found[key], given_[key])
    inside = found["domain"]
    assert inside.float().mean() == 0.25
    share = ((found["label"] == 1) & inside).sum((1, 2)) / inside.sum((1, 2))
    torch.testing.assert_close(share, given_["size_target"][:, 1])


def test_the_sizes_of_what_is_cut_are_unknown() -> None:
    found = zoom(batch(), placed(1.5), "unknown")
    assert found["size_target"].isnan().all()
    assert found["size_bounds"].isnan().all()
    assert not found["tags"].any()


def test_measured_sizes_of_crops_are_those_of_the_cropped_label_with_the_error_they_had() -> None:
    given_ = batch()
    exact = zoom(given_, placed(2.0, 0.2, 0.3), "measured")
    label = exact["label"]
    expected = torch.stack([(label == k).float().mean((1, 2)) for k in range(3)], 1)
    torch.testing.assert_close(exact["size_target"], expected)
    assert torch.equal(exact["tags"], expected > 0)
    wrong = given_ | {"size_target": given_["size_target"] * torch.tensor([1.0, 1.2, 0.7])}
    found = zoom(wrong, placed(2.0, 0.2, 0.3), "measured")["size_target"]
    biased = expected * torch.tensor([1.0, 1.2, 0.7])
    torch.testing.assert_close(found, biased / biased.sum(1, keepdim=True))


@pytest.mark.parametrize("scale", [0.5, 0.61, 0.9])
def test_no_click_is_lost_in_a_smaller_image(scale: float) -> None:
    given_ = batch()
    given_["seeds"][:] = 255
    given_["seeds"][0, 5, 6] = 1
    given_["seeds"][1, 9, 13] = 2
    found = zoom(given_, placed(scale, 0.3, 0.8), "unknown")["seeds"]
    assert [(found[image] != 255).sum().item() >= 1 for image in (0, 1)] == [True, True]
    assert set(found[0].unique().tolist()) == {1, 255}


def test_zoom_is_drawn_within_its_range_and_leaves_other_draws_alone() -> None:
    plain, zoomed = Augmentation(), Augmentation(zoom=Zoom(smallest=0.5, largest=2))
    first, second = (draw(5000, augmentation, seed=1, step=2) for augmentation in (plain, zoomed))
    assert torch.equal(first.shift, second.shift)
    assert first.placement is None
    assert second.placement is not None
    scale = second.placement.scale
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
