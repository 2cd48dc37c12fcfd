"""Small photos and masks with known figures."""

from pathlib import Path

import numpy as np
from PIL import Image

from medsize.config.layers import layer_from_assignment
from medsize.config.loading import load_config
from medsize.config.run import RunConfig

VALUES = {"cat": 3, "dog": 5, "bird": 7}


def random_masks(seed: int, count: int = 6, sides: tuple[int, int] = (24, 30)) -> list[np.ndarray]:
    """Masks of the values 0, 3 and 5, with some void; no bird."""
    random = np.random.default_rng(seed)
    masks = []
    for _ in range(count):
        coarse = random.choice([0, 0, 3, 5], size=(sides[0] // 6, sides[1] // 6))
        masks.append(np.kron(coarse, np.ones((6, 6))).astype(np.uint8))
        masks[-1][random.random(masks[-1].shape) < 0.05] = 255
    return masks


def spoilt(mask: np.ndarray, seed: int) -> np.ndarray:
    """A prediction: the mask shifted by two, without void."""
    moved = np.roll(mask, 2, axis=seed % 2)
    return np.where(moved == 255, 0, moved).astype(np.uint8)


def write_masks(folder: Path, masks: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, mask in enumerate(masks):
        Image.fromarray(mask).save(folder / f"photo{number}.png")
    return folder


def write_photos(root: Path, count: int = 12, *, binary: bool = False, seed: int = 0) -> Path:
    """A folder of bright objects on dark grounds, with their masks."""
    random = np.random.default_rng(seed)
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        mask = np.zeros((40, 52), np.uint8)
        top, left = random.integers(2, 14, size=2)
        mask[top : top + 14, left : left + 18] = 255 if binary else 3 + 2 * (number % 2)
        photo = np.full((*mask.shape, 3), 30.0)
        photo[mask > 0] = (220, 80, 80) if number % 2 else (80, 80, 220)
        photo += random.normal(0, 6, photo.shape)
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(root / "images" / f"p{number:02d}.png")
        Image.fromarray(mask).save(root / "masks" / f"p{number:02d}.png")
    return root


def photo_config(root: Path, cache: Path, *assignments: str, binary: bool = False) -> RunConfig:
    """A run on such a folder; its network needs no patience."""
    labels = "{object: 255}" if binary else "{cat: 3, dog: 5, bird: 7}"
    settings = (
        f"data.source={{kind: folder, root: {root}, labels: {labels}}}",
        "data.structures=[all]",
        "data.split={name: holdout, count: 4}",
        "data.preprocessing={name: photo, size: 32}",
        f"data.cache={cache}",
        "network={name: mobilenetv2_unet}",
        "objective={partial_cross_entropy: {weight: 1}}",
        "training.epochs=2",
        "training.batch_size=4",
        "training.validate_every=1",
        "training.precision=float32",
        "training.device=cpu",
        "training.optimiser={name: adamw, learning_rate: 0.01}",
        "supervision.sizes={kind: noisy, noise: 0.1}",
    )
    return load_config("acdc", [layer_from_assignment(text) for text in (*settings, *assignments)])
