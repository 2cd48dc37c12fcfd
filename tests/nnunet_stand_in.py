"""A stand-in for the parts of nnU-Net v2 that ``docs/how-to/use-the-losses.md`` builds on. It is not nnU-Net.

It imitates what nnU-Net passes to a loss: patches that a loader cuts at ``get_bbox`` and pads with −1, int16 targets
(B, 1, *spatial), and with deep supervision lists of targets and of logits, one a resolution.
"""

from types import ModuleType, SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

IGNORE_LABEL = 2


class ComposeTransforms:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, **data):
        for transform in self.transforms:
            data = transform(**data)
        return data


class RemoveLabelTansform:  # spelled as there
    def __init__(self, label_value, set_to):
        self.label_value, self.set_to = label_value, set_to

    def __call__(self, **data):
        data["segmentation"][data["segmentation"] == self.label_value] = self.set_to
        return data


class DownsampleTarget:
    def __call__(self, **data):
        full = data["segmentation"]
        return data | {"segmentation": [full, full[..., ::2, ::2]]}


class nnUNetDataLoader:  # noqa: N801 (its name there)
    def __init__(
        self,
        data,
        batch_size,
        patch_size,
        final_patch_size,
        label_manager,
        oversample_foreground_percent=0.0,
        sampling_probabilities=None,
        pad_sides=None,
        probabilistic_oversampling=False,
        transforms=None,
    ):
        self.data, self.batch_size, self.transforms = data, batch_size, transforms
        self.patch_size = (1, *patch_size)

    def get_bbox(self, data_shape, force_fg, class_locations):
        raise AssertionError("the stand-in does not choose patches")

    def __next__(self):
        keys = list(self.data)[: self.batch_size]
        done = [self.transforms(**self.cut(*self.data[key])) for key in keys]
        targets = [torch.stack(levels) for levels in zip(*(case["segmentation"] for case in done), strict=True)]
        return {"data": torch.stack([case["image"] for case in done]), "target": targets, "keys": keys}

    def cut(self, image, segmentation):
        lower, upper = self.get_bbox(image.shape[1:], False, {})
        beyond = [
            (-start, end - size) for start, end, size in zip(lower, upper, image.shape[1:], strict=True)
        ]  # the patch covers the slice, so it is padded and never cropped
        image = np.pad(image, [(0, 0), *beyond])
        segmentation = np.pad(segmentation, [(0, 0), *beyond], constant_values=-1)
        return {
            "image": torch.from_numpy(image[:, 0]).float(),
            "segmentation": torch.from_numpy(segmentation[:, 0].astype(np.int16)),
        }


class DeepSupervisionWrapper(nn.Module):
    def __init__(self, loss, weight_factors):
        super().__init__()
        self.loss, self.weight_factors = loss, weight_factors

    def forward(self, outputs, targets):
        assert isinstance(outputs, list)
        assert isinstance(targets, list)
        return sum(w * self.loss(o, t) for w, o, t in zip(self.weight_factors, outputs, targets, strict=True))


class TwoResolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU())
        self.at_full, self.at_half = nn.Conv2d(8, 2, 1), nn.Conv2d(8, 2, 1)

    def forward(self, image):
        features = self.features(image)
        return [self.at_full(features), self.at_half(F.avg_pool2d(features, 2))]


class nnUNetTrainer:  # noqa: N801 (its name there)
    """Members that the real trainer has by the time it builds its loss, and its two steps."""

    enable_deep_supervision = True

    def __init__(self, folder, patch_size, spacing, cases):
        self.preprocessed_dataset_folder_base = str(folder)
        self.configuration_manager = SimpleNamespace(patch_size=patch_size, spacing=spacing)
        self.dataset_json = {"labels": {"background": 0, "lv": 1, "ignore": IGNORE_LABEL}}
        self.label_manager = SimpleNamespace(ignore_label=IGNORE_LABEL)
        self.cases = cases
        self.network = TwoResolutions()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.01)
        self.loss = self._build_loss()

    def _build_loss(self):
        def dice_and_cross_entropy(output, target):
            raise AssertionError("nnU-Net's own loss should have been replaced")

        return DeepSupervisionWrapper(dice_and_cross_entropy, [2 / 3, 1 / 3])

    def get_dataloaders(self):
        patch_size = self.configuration_manager.patch_size
        transforms = ComposeTransforms([RemoveLabelTansform(-1, 0), DownsampleTarget()])
        loader = MODULES["nnunetv2.training.nnUNetTrainer.nnUNetTrainer"].nnUNetDataLoader
        given = (self.cases, len(self.cases), patch_size, patch_size, self.label_manager)
        how = {
            "oversample_foreground_percent": 0.33,
            "sampling_probabilities": None,
            "pad_sides": None,
            "transforms": transforms,
            "probabilistic_oversampling": False,
        }
        return loader(*given, **how), loader(*given, **how)

    def train_step(self, batch):
        self.optimizer.zero_grad()
        loss = self.loss(self.network(batch["data"]), batch["target"])
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach().numpy()}

    def validation_step(self, batch):
        with torch.no_grad():
            return {"loss": self.loss(self.network(batch["data"]), batch["target"]).numpy()}


class nnUNetTrainerNoDA(nnUNetTrainer):  # noqa: N801 (its name there)
    pass


def package():
    """An empty package."""
    return _module("package", __path__=[])


def _module(name, **members):
    module = ModuleType(name)
    module.__dict__.update(members)
    return module


_trainer = _module("nnunetv2.training.nnUNetTrainer.nnUNetTrainer", nnUNetDataLoader=nnUNetDataLoader)
MODULES = {
    "batchgeneratorsv2.transforms.utils.compose": _module("compose", ComposeTransforms=ComposeTransforms),
    "batchgeneratorsv2.transforms.utils.remove_label": _module("remove", RemoveLabelTansform=RemoveLabelTansform),
    "nnunetv2.training.dataloading.data_loader": _module("data_loader", nnUNetDataLoader=nnUNetDataLoader),
    "nnunetv2.training.nnUNetTrainer": _module("nnUNetTrainer", nnUNetTrainer=_trainer, __path__=[]),
    "nnunetv2.training.nnUNetTrainer.nnUNetTrainer": _trainer,
    "nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoDA": _module(
        "nnUNetTrainerNoDA", nnUNetTrainerNoDA=nnUNetTrainerNoDA
    ),
}
"""Name to module, as in ``sys.modules``."""
