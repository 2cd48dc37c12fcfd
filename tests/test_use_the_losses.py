"""The programs of ``docs/how-to/use-the-losses.md`` run as they are printed."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import nnunet_stand_in
from tests.nnunet_stand_in import IGNORE_LABEL

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "use-the-losses.md"
PLAIN, MONAI, NNUNET = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(program: str) -> dict:
    names = {"__name__": "__main__"}
    with torch.random.fork_rng():
        exec(compile(program, str(PAGE), "exec"), names)
    return names


def test_the_plain_loop_is_short_and_learns_the_object_from_sizes_and_seeds():
    assert len([line for line in PLAIN.splitlines() if line.strip()]) < 40
    assert run(PLAIN)["dice"] > 0.85


def test_the_monai_loop_meets_its_sizes():
    assert run(MONAI)["parts"]["size"] < 0.02


@pytest.fixture
def nnunet(monkeypatch):
    """What the trainer's file defines where nnU-Net is a stand-in."""
    for name, module in nnunet_stand_in.MODULES.items():
        parts = name.split(".")
        for end in range(1, len(parts)):
            package = ".".join(parts[:end])
            if package not in nnunet_stand_in.MODULES:
                monkeypatch.setitem(sys.modules, package, nnunet_stand_in.package())
        monkeypatch.setitem(sys.modules, name, module)
    trainer = nnunet_stand_in.MODULES["nnunetv2.training.nnUNetTrainer.nnUNetTrainer"]
    monkeypatch.setattr(trainer, "nnUNetDataLoader", trainer.nnUNetDataLoader)
    return run(NNUNET)


def test_the_loss_for_nnunet_is_that_of_its_parts(nnunet):
    from medsize.losses import PartialCrossEntropyLoss, SizeTargetLoss

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 2, 4, 6, generator=generator)
    target = torch.full((2, 1, 4, 6), IGNORE_LABEL, dtype=torch.int16)
    target[0, 0, 1, 2], target[1, 0, 3, 3] = 1, 0
    loss = nnunet["SizesAndScribbles"](IGNORE_LABEL, size_weight=20.0)
    loss.size_target = torch.tensor([[0.8, 0.2], [torch.nan, torch.nan]])
    seeds = torch.where(target[:, 0] == IGNORE_LABEL, 255, target[:, 0])
    expected = PartialCrossEntropyLoss()(logits, seeds) + 20 * SizeTargetLoss()(logits, loss.size_target)
    torch.testing.assert_close(loss(logits, target), expected)
    torch.testing.assert_close(loss(logits.half(), target), expected, rtol=2e-3, atol=2e-3)  # as under autocast


def slices() -> dict:
    """Case to image and scribble, (1, 1, H, W), of two slices of unequal shape."""
    rng = np.random.default_rng(0)
    cases = {}
    for case, shape in (("p1_z0", (20, 24)), ("p1_z1", (17, 22)), ("p2_z0", (20, 24))):
        distance = np.hypot(*(np.indices(shape) - np.array([[[9]], [[11]]])))
        image = (distance < 5) + rng.normal(0, 0.2, shape)
        cases[case] = image[None, None], np.where(distance < 2, 1, IGNORE_LABEL)[None, None]
    return cases


def trainer_of(nnunet, folder, patch_size=(24, 24)):
    (folder / "sizes_mm2.csv").write_text("case,lv\np1_z0,176\np1_z1,176\np2_z0,\n")
    return nnunet["nnUNetTrainerSizes"](folder, patch_size, (1.5, 1.5), slices())


def test_the_nnunet_trainer_reads_sizes_as_fractions_of_the_patch(nnunet, tmp_path):
    targets = trainer_of(nnunet, tmp_path).size_targets
    area = 176 / (24 * 24 * 1.5**2)
    torch.testing.assert_close(targets["p1_z0"], torch.tensor([1 - area, area]))
    assert targets["p2_z0"].isnan().all()


def test_a_case_without_a_row_in_the_table_is_an_error_that_names_it(nnunet, tmp_path):
    trainer = trainer_of(nnunet, tmp_path)
    del trainer.size_targets["p1_z1"]
    with pytest.raises(KeyError, match="p1_z1"):
        trainer.train_step(next(trainer.get_dataloaders()[0]))


def test_the_nnunet_loader_shows_whole_slices_and_leaves_padding_unlabelled(nnunet, tmp_path):
    trainer = trainer_of(nnunet, tmp_path)
    batch = next(trainer.get_dataloaders()[0])
    full, half = batch["target"]
    assert full.shape == (3, 1, 24, 24)
    assert half.shape == (3, 1, 12, 12)
    for key, target in zip(batch["keys"], full, strict=True):
        assert (target == 1).sum() == (trainer.cases[key][1] == 1).sum()
        assert not (target == 0).any()


def test_the_nnunet_loader_refuses_a_slice_larger_than_the_patch(nnunet, tmp_path):
    loader = trainer_of(nnunet, tmp_path, patch_size=(24, 22)).get_dataloaders()[0]
    with pytest.raises(ValueError, match=r"must cover the slice, found \(1, 20, 24\)"):
        next(loader)


def test_the_nnunet_trainer_learns_at_every_resolution(nnunet, tmp_path):
    torch.manual_seed(0)
    trainer = trainer_of(nnunet, tmp_path)
    train, validation = trainer.get_dataloaders()
    before = trainer.validation_step(next(validation))["loss"]
    for _ in range(30):
        trainer.train_step(next(train))
    assert trainer.validation_step(next(validation))["loss"] < before / 4
