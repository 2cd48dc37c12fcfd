"""What was predicted of each slice while a network learned is summed rightly, and survives a stop."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.run_folder import RunFolder
from medsize.training import loop, resume_run, start_run
from medsize.training.sizes_while_learning import SizesWhileLearning, fractions_of
from tests.conftest import tiny_run_config
from tests.training.runs import stopped_and_resumed


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_fractions_are_counted_inside_the_domain(classes: int, padded: bool):
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(3, classes, 6, 7, generator=generator)
    domain = torch.rand(3, 6, 7, generator=generator) < 0.6 if padded else None
    inside = np.ones((3, 6, 7), bool) if domain is None else domain.numpy()
    labels = logits.numpy().argmax(1)
    expected = [[np.mean(labels[n][inside[n]] == k) for k in range(classes)] for n in range(3)]
    np.testing.assert_allclose(fractions_of(logits, domain), expected, rtol=1e-6)


def test_a_slice_is_counted_as_often_as_it_was_seen():
    sizes = SizesWhileLearning.empty(4, 2)
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0]])[:, :, None, None].expand(-1, -1, 2, 2)
    sizes.add(torch.tensor([3, 1]), logits, None)
    sizes.add(torch.tensor([1, 0]), logits, None)
    assert sizes.times.tolist() == [1, 2, 0, 1]
    assert sizes.fractions.tolist() == [[0, 1], [1, 1], [0, 0], [1, 0]]


def test_what_augmentation_did_to_sizes_is_undone_and_what_it_may_have_cut_does_not_count():
    sizes = SizesWhileLearning.empty(3, 3)
    logits = torch.nn.functional.one_hot(torch.arange(20).view(1, 4, 5) // 10, 3).permute(0, 3, 1, 2).float()
    sizes.add(torch.tensor([2, 0, 1]), logits.expand(3, -1, -1, -1), None, torch.tensor([1.25, torch.nan, 1.0]))
    assert sizes.times.tolist() == [0, 1, 1]
    torch.testing.assert_close(sizes.fractions, torch.tensor([[0, 0, 0], [0.5, 0.5, 0], [0.6, 0.4, 0]]))


def noisy(root: Path, cache: Path, *assignments: str) -> RunConfig:
    return tiny_run_config(
        root, cache, "supervision.sizes={kind: noisy, noise: 0.1}", "training.epochs=3", *assignments
    )


def test_every_epoch_but_the_first_counts(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    run = start_run(noisy(tiny_acdc, tiny_cache), tmp_path / "run")
    seen = load_file(run.sizes_while_learning)
    assert set(seen["times"].tolist()) <= {0, 1, 2}  # what is left over at an epoch's end waits for another
    assert seen["times"].max() == 2
    torch.testing.assert_close(seen["fractions"].sum(1), seen["times"].float())


@pytest.mark.parametrize("augmentation", ["zoom={}", "scaling=0.3", "rotation=20"])
def test_sizes_are_followed_through_augmentation_that_changes_them(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, augmentation: str
):
    factors = []
    add = SizesWhileLearning.add

    def added(self: SizesWhileLearning, rows: Tensor, logits: Tensor, domain: Tensor, factor: Tensor) -> None:
        factors.append(factor)
        add(self, rows, logits, domain, factor)

    monkeypatch.setattr(SizesWhileLearning, "add", added)
    run = start_run(noisy(tiny_acdc, tiny_cache, f"training.augmentation.{augmentation}"), tmp_path / "run")
    seen = load_file(run.sizes_while_learning)
    factor = torch.cat(factors)
    assert seen["times"].sum() == (~factor.isnan()).sum() > 0
    assert factor.isnan().any() or (factor != 1).any()
    torch.testing.assert_close(seen["fractions"].sum(1), seen["times"].float(), atol=1e-5, rtol=1e-5)


def test_a_run_that_was_stopped_has_the_same_sums(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = noisy(tiny_acdc, tiny_cache, "training.batch_size=4")
    whole = start_run(config, tmp_path / "whole")
    steps = []
    train_step = loop.Training.train_step
    monkeypatch.setattr(loop.Training, "train_step", lambda self, *args: steps.append(0) or train_step(self, *args))
    stopped = stopped_and_resumed(config, tmp_path / "stopped", monkeypatch, step=8)
    assert len(steps) > 8
    one, other = (load_file(run.sizes_while_learning) for run in (whole, stopped))
    assert torch.equal(one["times"], other["times"])
    assert torch.equal(one["fractions"], other["fractions"])


@pytest.mark.parametrize(
    "assignments",
    [("supervision.sizes={kind: exact}",), ("objective.size_target=null",)],
)
def test_nothing_is_written_where_no_size_can_be_doubted(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, assignments: tuple[str, ...]
):
    run = start_run(noisy(tiny_acdc, tiny_cache, *assignments), tmp_path / "run")
    assert run.weights("last").is_file()
    assert not run.sizes_while_learning.exists()


def test_damaged_sums_are_named(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = noisy(tiny_acdc, tiny_cache)
    run = start_run(config, tmp_path / "run")
    run.sizes_while_learning.write_bytes(b"broken")
    with pytest.raises(InputError, match=r"last cannot be resumed from(.|\n)*sizes_while_learning\S+ is not the file"):
        resume_run(RunFolder(run.path), config)


class TwoProcesses:
    """Stands in for Accelerate's two processes that saw the same."""

    num_processes = 2
    device = torch.device("cpu")

    def reduce(self, sums: dict[str, torch.Tensor], how: str) -> dict[str, torch.Tensor]:
        assert how == "sum"
        return {name: 2 * tensor for name, tensor in sums.items()}


def test_processes_add_up():
    sizes = SizesWhileLearning(torch.ones(2, 2), torch.ones(2, dtype=torch.int32))
    assert sizes.of_all(TwoProcesses()).times.tolist() == [2, 2]
    assert sizes.times.tolist() == [1, 1]
