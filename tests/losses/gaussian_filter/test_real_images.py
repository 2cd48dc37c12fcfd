from pathlib import Path

import pytest
import SimpleITK
import torch
from torch import Tensor
from torch.nn import functional as F

from medsize.losses import Features, gaussian_filter

pytestmark = pytest.mark.real_data


def resized(image: Tensor, mode: str) -> Tensor:
    return F.interpolate(image[None], (128, 128), mode=mode)[0]


def acdc(data: Path, patient: int) -> tuple[Tensor, Tensor]:
    path = sorted((data / "acdc/training" / f"patient{patient:03d}").glob("*_gt.nii.gz"))[0]
    label = torch.from_numpy(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)).astype("float32"))
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path).replace("_gt", ""))).astype("float32")
    volume = torch.from_numpy((image - image.min()) / (image.max() - image.min()))
    middle = slice(len(label) // 2, len(label) // 2 + 1)
    return resized(volume[middle], "bilinear"), resized((label[middle] == 3).float(), "nearest")


def ecssd(data: Path, number: int) -> tuple[Tensor, Tensor]:
    path = sorted((data / "ecssd/images").iterdir())[number]
    photo = torch.from_numpy(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)).astype("float32") / 255)
    mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(next((data / "ecssd/masks").glob(f"{path.stem}.*"))))
    plane = torch.from_numpy(mask.astype("float32")).reshape(1, *mask.shape[:2], -1)[..., 0]
    return resized(photo.movedim(-1, 0), "bilinear"), (resized(plane, "nearest") > 127).float()


@pytest.mark.parametrize("channels", [1, 3], ids=["ACDC", "ECSSD"])
def test_low_rank_is_within_a_few_percent_of_all_pairs_on_real_images(channels: int, test_data: Path) -> None:
    """The papers' σ, 15 of 255 and 50 pixels."""
    read = acdc if channels == 1 else ecssd
    images, masks = zip(*[read(test_data, number) for number in (1, 40, 77)], strict=True)
    image, x = torch.stack(images), torch.stack(masks)
    sigma = 15 / 255 / (3**0.5 if channels == 1 else 1)
    features = Features.of_image(image, sigma_space=50.0, sigma_intensity=sigma)
    for probs in (torch.cat([1 - x, x], 1), F.avg_pool2d(torch.cat([1 - x, x], 1), 9, 1, 4, count_include_pad=False)):
        exact = gaussian_filter(features, probs, engine="exact")
        found = gaussian_filter(features, probs, engine="low_rank")
        energies = [(probs * (f.sum(1, keepdim=True) - f)).flatten(1).sum(1) for f in (exact, found)]
        torch.testing.assert_close(energies[1], energies[0], rtol=0.03, atol=0)
        gradients = [(f - f.mean(1, keepdim=True)).flatten(1).double() for f in (exact, found)]
        assert torch.cosine_similarity(*gradients, dim=1).min() > 0.999
