"""Labels that the network gives its training slices anew have the sizes, keep the seeds, and teach what follows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.config.stages import RelabelConfig
from medsize.config.supervision import PseudoLabels
from medsize.data.batches import Given
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError
from medsize.run.relabelled import read_relabelled
from medsize.supervision import Supervision
from medsize.tables import read_table
from medsize.training import loop, resume_run, start_run
from medsize.training.relabelling import relabel
from medsize.training.task import Task, prepare_task
from tests.conftest import tiny_run_config
from tests.training.runs import history, same_weights, stopped_and_resumed

RELABELLED = (
    "training.epochs=4",
    "objective.pseudo_cross_entropy.weight=1",
    "supervision.sizes={kind: noisy, noise: 0.1}",
    "training.stages={grown: {epochs: 1}, renewed: {epochs: 1, repeat: 3, relabel: {}}}",
)
Prepare = Callable[..., Task]


class Brightness(nn.Module):
    """A network that knows nothing but that what is bright is the object."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        object_ = 8 * (image.mean(1) - 0.5)
        return torch.stack([-object_, object_], dim=1)


@pytest.fixture
def prepare(tiny_acdc: Path, tiny_cache: Path) -> Prepare:
    def make(*assignments: str) -> Task:
        pseudo = "objective={pseudo_cross_entropy: {weight: 1}, size_target: {weight: 1}}"
        return prepare_task(tiny_run_config(tiny_acdc, tiny_cache, pseudo, *assignments))

    return make


def _relabel(task: Task, config: RelabelConfig, supervision: Supervision | None = None) -> Given:
    found, _ = relabel(
        Brightness(),
        task.store,
        task.train_rows,
        supervision or task.supervision,
        config,
        PseudoLabels(),
        device=torch.device("cpu"),
        precision=torch.float32,
        batch_size=5,
    )
    return found


def _counts(labels: np.ndarray) -> np.ndarray:
    return (labels == 1).sum((1, 2))


def test_every_slice_has_its_given_size_in_its_brightest_pixels_and_keeps_its_seeds(prepare: Prepare) -> None:
    task = prepare("supervision.sizes={kind: noisy, noise: 0.3}")
    given, rows = task.supervision.given, task.train_rows

    labels = _relabel(task, RelabelConfig(sizes="given", anchor=0))["pseudo_label"]

    wanted = np.round(given["size_target"][rows, 1] * 32 * 32)
    seeded = (given["seeds"][rows] == 1).sum((1, 2))
    np.testing.assert_allclose(_counts(labels[rows]), np.maximum(wanted, seeded), atol=1)  # a half may round either way
    assert (labels[rows][given["seeds"][rows] == 1] == 1).all()
    for row in rows:
        free = given["seeds"][row] == UNLABELLED
        image = task.store.images[row][0]
        chosen, others = image[free & (labels[row] == 1)], image[free & (labels[row] == 0)]
        # logarithms are kept as halves: of pixels that differ by less than a thousandth, either may be chosen
        assert not chosen.size or chosen.min() >= others.max() - 1e-3
    held_out = np.setdiff1d(np.arange(len(task.store)), rows)
    assert (labels[held_out] == UNLABELLED).all()


def test_a_volume_is_shared_among_its_slices_as_the_network_says(prepare: Prepare) -> None:
    task = prepare("supervision.level=volume", "supervision.seeds={kind: centroid, radius_px: 1}")
    given, rows = task.supervision.given, task.train_rows

    labels = _relabel(task, RelabelConfig(sizes="given", anchor=0))["pseudo_label"]

    cases = task.store.index["case"].to_numpy()[rows]
    of_slices = []
    for case in np.unique(cases):
        own = rows[cases == case]
        counts = _counts(labels[own])
        assert counts.sum() == pytest.approx(given["size_target"][own[0], 1] * labels[own].size, abs=1)
        of_slices += counts.tolist()
    assert len(set(of_slices)) > 3


def test_around_the_border_pixels_stay_undecided_as_far_as_is_asked_for(prepare: Prepare) -> None:
    task = prepare("supervision.seeds={kind: centroid, radius_px: 1}")
    given, rows = task.supervision.given, task.train_rows

    labels = _relabel(task, RelabelConfig(sizes="given", anchor=0, tolerance=0.25))["pseudo_label"][rows]

    sizes = given["size_target"][rows, 1] * 32 * 32
    np.testing.assert_allclose(_counts(labels), 0.75 * sizes, atol=4)  # seeds of a few pixels may be more
    np.testing.assert_allclose((labels == UNLABELLED).sum((1, 2)), 0.5 * sizes, atol=5)


def test_corrected_sizes_replace_the_targets_and_exact_ones_are_never_corrected(prepare: Prepare) -> None:
    noisy, exact = prepare("supervision.sizes={kind: noisy, noise: 0.3}"), prepare()
    for task, moved in ((noisy, True), (exact, False)):
        given = task.supervision.given["size_target"]
        corrected = _relabel(task, RelabelConfig())["size_target"]
        assert np.allclose(given, corrected, atol=1e-6, equal_nan=True) != moved


def test_no_label_is_read(prepare: Prepare) -> None:
    task = prepare()
    expected = _relabel(task, RelabelConfig())
    labels = task.store.path / "labels.npy"
    content = labels.read_bytes()
    labels.unlink()
    try:
        found = _relabel(task, RelabelConfig())
    finally:
        labels.write_bytes(content)
    np.testing.assert_array_equal(found["pseudo_label"], expected["pseudo_label"])


@pytest.fixture
def config(tiny_acdc: Path, tiny_cache: Path) -> RunConfig:
    return tiny_run_config(tiny_acdc, tiny_cache, *RELABELLED)


def test_a_stage_teaches_from_the_new_labels_and_says_which_sizes_they_have(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taught: list[np.ndarray] = []
    batch_of = loop.Training.batch_of

    def recorded(self: loop.Training, step: int, rows: np.ndarray) -> tuple[list[str], dict[str, torch.Tensor]]:
        assert self.given["pseudo_label"] is not None
        taught.append(np.asarray(self.given["pseudo_label"]))
        return batch_of(self, step, rows)

    monkeypatch.setattr(loop.Training, "batch_of", recorded)
    run = start_run(config, tmp_path / "run")

    an_epoch = len(taught) // 4
    epochs = [taught[epoch * an_epoch] for epoch in range(4)]
    assert len({labels.tobytes() for labels in epochs}) == 4
    assert (epochs[0] == UNLABELLED).any()
    sizes = read_table(run.corrected_sizes, texts=("case", "structure"))
    assert list(sizes.columns)[-3:] == ["given_fraction", "predicted_fraction", "used_fraction"]
    assert set(sizes["structure"]) == {"background", "lv"}
    assert capsys.readouterr().err.count("labelled anew") == 3
    assert [record.get("stage") for record in history(run) if record["kind"] == "epoch"][1:] == [
        f"renewed {number}/3" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("step", [6, 7, 9, 14])
def test_a_training_that_is_stopped_anywhere_ends_with_the_same_weights(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole = start_run(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        resumed = stopped_and_resumed(config, tmp_path / "resumed", patch, step=step)
    assert same_weights(whole, resumed)
    assert history(whole) == history(resumed)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.stages={first: {relabel: {}}}", "before the first stage the network has learned nothing"),
        (
            "training.stages={first: {epochs: 1}, second: {relabel: {}, objective: {pseudo_cross_entropy: null}}}",
            "nothing of its objective is taught by new labels",
        ),
    ],
)
def test_a_relabelling_without_effect_is_refused(
    tiny_acdc: Path, tiny_cache: Path, assignment: str, message: str
) -> None:
    objective = "objective={pseudo_cross_entropy: {weight: 1}, partial_cross_entropy: {weight: 1}, size_target: null}"
    with pytest.raises(InputError, match=message):
        tiny_run_config(tiny_acdc, tiny_cache, objective, "training.epochs=2", assignment)


def test_resuming_reads_the_labels_of_an_earlier_stage(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path) -> None:
    stages = "training.stages={grown: {epochs: 1}, renewed: {epochs: 1, relabel: {}}, last: {}}"
    config = tiny_run_config(tiny_acdc, tiny_cache, *RELABELLED[:3], stages)
    run = start_run(config, tmp_path / "run")
    labels = read_relabelled(run.relabelled)["pseudo_label"]
    longer = load_resolved(run.config).model_copy(
        update={"training": load_resolved(run.config).training.model_copy(update={"epochs": 5})}
    )
    resume_run(run, longer)
    np.testing.assert_array_equal(read_relabelled(run.relabelled)["pseudo_label"], labels)
