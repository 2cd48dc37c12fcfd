import pickle

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, EnsureTyped

from medsize.config.supervision import FullSeeds, IndividualBounds, RandomSeeds
from medsize.errors import InputError
from medsize.supervision.bounds import make_bounds
from medsize.supervision.grow import grow
from medsize.supervision.seeds import erosion_seeds, full_seeds
from medsize.supervision.size_targets import exact_sizes
from medsize.supervision.tags import tags_from_sizes
from medsize.supervision.transforms import GrowSeedsd, Seedsd, SizeBoundsd, SizeTargetd, Tagsd


def ventricle(*, depth: int | None = None) -> np.ndarray:
    label = np.zeros((16, 14), np.uint8)
    label[2:13, 3:12], label[5:10, 5:10] = 1, 2
    return label if depth is None else np.stack([label] * depth, axis=-1)


@pytest.mark.parametrize("depth", [None, 5])
@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("kind", ["array", "tensor", "meta", "float"])
def test_seeds_are_of_the_labels_shape_and_kind(depth: int | None, channel: bool, kind: str) -> None:
    label = ventricle(depth=depth)
    given = label[None] if channel else label
    convert = {
        "array": np.array,
        "tensor": torch.tensor,
        "meta": MetaTensor,
        "float": lambda a: torch.tensor(a).float(),
    }
    data = {"label": convert[kind](given), "other": 1}
    result = Seedsd("label")(data)
    assert type(result["seeds"]) is type(data["label"])
    assert result["seeds"].dtype in (np.uint8, torch.uint8)
    expected = erosion_seeds(label)
    np.testing.assert_array_equal(np.asarray(result["seeds"]), expected[None] if channel else expected)
    assert set(data) == {"label", "other"}, "the data given is left as it was"
    assert result["other"] == 1


def test_a_pipeline_of_monai_makes_everything_a_batch_needs() -> None:
    pipeline = Compose(
        [
            EnsureChannelFirstd("label", channel_dim="no_channel"),
            EnsureTyped("label"),
            Seedsd("label", seeds=FullSeeds(kind="full")),
            SizeTargetd("label", classes=3),
            SizeBoundsd(bounds=IndividualBounds(kind="individual", tolerance=0.2)),
            Tagsd(),
        ]
    )
    label = ventricle()
    label[label == 2] = 0
    batch = next(iter(DataLoader(CacheDataset([{"label": label}] * 2, pipeline, progress=False), batch_size=2)))
    sizes = exact_sizes(label, 3)
    np.testing.assert_array_equal(batch["seeds"][1, 0], full_seeds(label))
    np.testing.assert_allclose(batch["size_target"], [sizes] * 2, rtol=1e-6)
    assert batch["size_target"].dtype == torch.float32
    bounds = make_bounds(IndividualBounds(kind="individual", tolerance=0.2), sizes[None])[0]
    np.testing.assert_allclose(batch["size_bounds"], [bounds] * 2, rtol=1e-6)
    assert batch["size_bounds"].dtype == torch.float32
    np.testing.assert_array_equal(batch["tags"], [tags_from_sizes(sizes[None])[0]] * 2)
    assert batch["tags"].dtype == torch.bool


def test_noise_is_drawn_once_for_an_image_and_anew_for_another() -> None:
    transform = SizeTargetd("label", classes=3, noise=0.1, seed=1)
    first = transform({"label": ventricle()})["size_target"]
    assert torch.equal(pickle.loads(pickle.dumps(transform))({"label": ventricle()[None]})["size_target"], first)
    assert not torch.allclose(
        first, SizeTargetd("label", classes=3, noise=0.1, seed=2)({"label": ventricle()})["size_target"]
    )
    other = np.roll(ventricle(), 1, axis=0)
    np.testing.assert_array_equal(exact_sizes(other, 3), exact_sizes(ventricle(), 3))
    assert not torch.allclose(first, transform({"label": other})["size_target"])


def test_noise_may_spare_the_background() -> None:
    exact, noisy = (
        SizeTargetd("label", classes=3, noise=noise, noise_on="foreground")({"label": ventricle()})["size_target"]
        for noise in (0.0, 0.2)
    )
    everything = SizeTargetd("label", classes=3, noise=0.2)({"label": ventricle()})["size_target"]
    assert not torch.allclose(noisy, exact)
    assert not torch.allclose(noisy, everything)


def test_random_seeds_depend_on_the_seed_and_the_label_alone() -> None:
    config = RandomSeeds(kind="random", radius_px=0.5)
    first = Seedsd("label", seeds=config, seed=0)({"label": ventricle()})["seeds"]
    np.testing.assert_array_equal(Seedsd("label", seeds=config, seed=0)({"label": ventricle()})["seeds"], first)
    others = [Seedsd("label", seeds=config, seed=seed)({"label": ventricle()})["seeds"] for seed in range(1, 6)]
    assert any((other != first).any() for other in others)


def test_padding_has_no_size() -> None:
    domain = np.zeros((1, 16, 14))
    domain[:, 2:13, 3:12] = 1
    sizes = SizeTargetd("label", classes=3, domain_key="domain")({"label": ventricle()[None], "domain": domain})
    np.testing.assert_allclose(sizes["size_target"], [0, 74 / 99, 25 / 99], rtol=1e-6)


def test_several_labels_have_several_outputs() -> None:
    data = {"a": ventricle(), "b": 0 * ventricle()}
    result = SizeTargetd(("a", "b"), classes=3, output_keys=("size_a", "size_b"))(data)
    assert result["size_b"].tolist() == [1, 0, 0]
    assert result["size_a"][0] < 1


def test_missing_labels_are_skipped_only_when_allowed() -> None:
    assert Seedsd("label", allow_missing_keys=True)({}) == {}
    with pytest.raises(KeyError, match="label"):
        Seedsd("label")({})


def test_one_hot_channels_are_refused_with_a_remedy() -> None:
    with pytest.raises(InputError, match=r"'label' is not a label(?s:.)*shape \(3, 16, 14, 2\)(?s:.)*AsDiscreted"):
        Seedsd("label")({"label": np.zeros((3, 16, 14, 2))})


@pytest.mark.parametrize(("value", "classes", "found"), [(3, 3, "3"), (0.5, 3, "0.5"), (-1, 3, "-1"), (254, 3, "254")])
def test_values_that_are_not_classes_are_refused(value: float, classes: int, found: str) -> None:
    label = ventricle().astype(np.float32)
    label[0, 0] = value
    with pytest.raises(InputError, match=rf"(?s)from 0 to {classes - 1}, or 255.*found:    {found}\n.*MapLabelValued"):
        SizeTargetd("label", classes=classes)({"label": label})


def test_unknown_pixels_are_taken() -> None:
    label = ventricle()
    label[0] = 255
    np.testing.assert_array_equal(
        SizeTargetd("label", classes=3)({"label": label})["size_target"], exact_sizes(label, 3).astype(np.float32)
    )
    assert (Seedsd("label")({"label": label})["seeds"][0] == 255).all()


def grown_from(label: np.ndarray, **changes: object) -> dict:
    sizes = exact_sizes(label, 3)
    return {"seeds": erosion_seeds(label)[None], "size_target": torch.from_numpy(sizes).float()} | changes


@pytest.mark.parametrize("depth", [None, 5])
@pytest.mark.parametrize("convert", [np.array, torch.tensor, MetaTensor])
def test_grown_labels_are_of_the_seeds_shape_and_kind(depth: int | None, convert: type) -> None:
    label = ventricle(depth=depth)
    data = grown_from(label)
    data["seeds"] = convert(data["seeds"])
    found = GrowSeedsd(tolerance=0.1)(data)["pseudo_label"]
    assert type(found) is type(data["seeds"])
    assert found.dtype in (np.uint8, torch.uint8)
    sizes = data["size_target"].double().numpy()
    np.testing.assert_array_equal(np.asarray(found)[0], grow(erosion_seeds(label), sizes * 0.9, sizes * 1.1))


def test_growth_knows_image_domain_and_spacing() -> None:
    label = ventricle(depth=5)
    image = np.random.default_rng(0).random((2, *label.shape))
    domain = np.ones((1, *label.shape), np.bool_)
    domain[:, :, 11:] = False
    data = grown_from(label, image=image, inside=domain)
    sizes = data["size_target"].double().numpy()
    ends = (erosion_seeds(label), sizes * 0.8, sizes * 1.2)
    spacing = np.array([1.0, 1.0, 6.0])
    found = GrowSeedsd(image_key="image", contrast=2.0, domain_key="inside", spacing=(1, 1, 6))(data)["pseudo_label"]
    expected = grow(*ends, domain=domain[0], image=image, contrast=2.0, spacing=spacing)
    np.testing.assert_array_equal(found[0], expected)
    data["seeds"] = MetaTensor(data["seeds"], affine=np.diag([1.0, 1.0, 6.0, 1.0]))
    np.testing.assert_array_equal(GrowSeedsd()(data)["pseudo_label"][0], grow(*ends, spacing=spacing))


def test_seeds_without_a_size_for_their_class_are_refused() -> None:
    with pytest.raises(InputError, match="seeds of a class without a size"):
        GrowSeedsd()(grown_from(ventricle(), size_target=torch.tensor([0.9, 0.1])))
    assert "pseudo_label" not in GrowSeedsd(allow_missing_keys=True)({"size_target": torch.tensor([0.9, 0.1])})
