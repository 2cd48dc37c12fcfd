"""A run from its start to its resumption: reproducible, deaf to labels, and clear when it cannot be."""

import json
import multiprocessing
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from medsize.claim import claimed
from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.run_folder import RunFolder
from medsize.training import resume_run, start, start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.training.runs import copy_with_scribbles, history, same_weights, weights


def test_a_run_folder_holds_all_that_is_needed_to_rerun_or_doubt(run: RunFolder, tiny_config: RunConfig):
    assert load_resolved(run.config) == tiny_config
    assert json.loads(run.environment.read_text("utf-8"))["precision"] == "float32"
    cases = pd.read_csv(run.cases)
    assert cases["split"].value_counts().to_dict() == {"train": 16, "val": 4}
    assert list(cases.columns[:4]) == ["case", "group", "image", "label"]
    sizes = pd.read_csv(run.size_targets)
    assert list(sizes.columns) == ["case", "slice", "structure", "exact_fraction", "given_fraction"]
    assert len(sizes) == 16 * 3 * 2
    assert json.loads(run.supervision.read_text("utf-8"))["seeds"] == {"kind": "erosion", "iterations": 10}
    assert [record["kind"] for record in history(run)] == ["epoch", "validation"] * 2
    assert run.weights("last").is_file()
    assert run.weights("best").is_file()


def test_the_same_configuration_gives_the_same_weights(tiny_config: RunConfig, run: RunFolder, tmp_path: Path):
    again = start_run(tiny_config, tmp_path / "again")
    assert same_weights(run, again)
    assert history(run) == history(again)


def test_another_seed_gives_other_weights(run: RunFolder, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    other = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.seed=1"), tmp_path / "other")
    assert not same_weights(run, other)


def test_a_resumed_run_may_go_on_for_longer(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    resume_run(run, tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=3"))
    assert [record["epoch"] for record in history(run) if record["kind"] == "epoch"] == [1, 2, 3]
    assert load_resolved(run.config).training.epochs == 3


def test_a_finished_run_that_is_resumed_stays_as_it_is(run: RunFolder, tiny_config: RunConfig):
    before, lines = weights(run), history(run)
    resume_run(run, tiny_config)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(run).items())
    assert history(run) == lines


def test_a_run_is_not_resumed_with_another_configuration(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    other = tiny_run_config(tiny_acdc, tiny_cache, "training.batch_size=4")
    with pytest.raises(InputError, match=r"training\.batch_size: 8 then, 4 now"):
        resume_run(run, other)


@pytest.mark.parametrize(
    ("written", "edited", "said"),
    [
        ("- lv", "- rv", r"data.structures: \['lv'\] then, \['rv'\] now"),
        ("mean: 0.5", "mean: 0.45", r"network.mean: 0.5 then, 0.45 now"),
        ("learning_rate: 0.003", "learning_rate: 0.3", r"training.optimiser.learning_rate: 0.003 then, 0.3 now"),
        ("seed: 0", "seed: 1", r"training.seed: 0 then, 1 now"),
    ],
)
def test_a_run_whose_configuration_was_edited_is_not_resumed(run: RunFolder, written: str, edited: str, said: str):
    text = run.config.read_text("utf-8")
    assert written in text
    run.config.write_text(text.replace(written, edited))
    with pytest.raises(InputError, match=rf"started with another configuration(.|\n)*{said}(.|\n)*set them back"):
        resume_run(run, load_resolved(run.config))


def test_what_is_measured_after_a_training_may_change(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    resume_run(run, tiny_run_config(tiny_acdc, tiny_cache, "evaluation.nsd_tolerance_mm=2"))
    assert load_resolved(run.config).evaluation.nsd_tolerance_mm == 2


def test_a_run_is_not_resumed_on_other_data(run: RunFolder, tiny_config: RunConfig):
    about = json.loads(run.environment.read_text("utf-8"))
    run.environment.write_text(json.dumps({**about, "data": "0123456789abcdef"}))
    with pytest.raises(InputError, match="was started on other data"):
        resume_run(run, tiny_config)


def test_a_run_is_not_resumed_with_other_sizes(run: RunFolder, tiny_config: RunConfig):
    run.size_targets.write_text(run.size_targets.read_text("utf-8").replace("0.", "0.0", 1))
    with pytest.raises(InputError, match="and other sizes"):
        resume_run(run, tiny_config)


def test_a_folder_that_is_taken_is_refused(run: RunFolder, tiny_config: RunConfig):
    with pytest.raises(InputError, match="is taken"):
        start_run(tiny_config, run.path)


def test_a_file_in_the_place_of_the_folder_is_refused(tiny_config: RunConfig, tmp_path: Path):
    (tmp_path / "run").touch()
    with pytest.raises(InputError, match=r"run is taken(.|\n)*found: +a file"):
        start_run(tiny_config, tmp_path / "run")


def test_what_a_killed_start_left_does_not_take_the_folder(tiny_config: RunConfig, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".claim").write_text("{}")
    assert start_run(tiny_config, tmp_path / "run").weights("last").is_file()


def test_a_start_that_fails_leaves_nothing_behind(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    gone = tiny_run_config(tiny_acdc / "gone", tiny_cache)
    with pytest.raises(InputError, match="gone"):
        start_run(gone, tmp_path / "a" / "run")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("begin", ["start", "resume"])
def test_a_second_training_in_one_folder_is_refused_while_the_first_is_under_way(
    tiny_config: RunConfig, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str
):
    lines = history(run)
    context = multiprocessing.get_context("forkserver")
    folder = tmp_path / "new" if begin == "start" else run.path
    preparing = start.prepare_task
    refused: list[int | None] = []

    def with_a_rival(config: RunConfig) -> object:
        rival = context.Process(target=_refused, args=(tiny_config, folder, begin))
        rival.start()
        rival.join()
        refused.append(rival.exitcode)
        return preparing(config)

    monkeypatch.setattr(start, "prepare_task", with_a_rival)
    if begin == "start":
        start_run(tiny_config, folder)
    else:
        resume_run(run, tiny_config)
    assert refused == [0]
    assert history(RunFolder(folder)) == lines
    assert not (folder / ".claim").exists()


def _refused(config: RunConfig, folder: Path, begin: str) -> None:
    """End well if another training is said to be at work."""
    try:
        start_run(config, folder) if begin == "start" else resume_run(RunFolder(folder), config)
    except InputError as error:
        sys.exit(0 if "training by process" in str(error) else 3)
    sys.exit(4)


def test_of_several_processes_one_claims_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = RunFolder(tmp_path)
    (tmp_path / "config.yaml").touch()  # which the first of them has written by then
    monkeypatch.setenv("RANK", "1")
    with claimed(tmp_path, "training"), start._claimed(run):
        start._require_free(run)
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(InputError, match="is taken"):
        start._require_free(run)


def test_garbage_in_the_stored_labels_of_training_cases_changes_nothing(tiny_config: RunConfig, run: RunFolder):
    store_labels = prepare_task(tiny_config).store.path / "labels.npy"
    good = store_labels.read_bytes()
    labels = np.load(store_labels, mmap_mode="r+")
    rows = prepare_task(tiny_config).train_rows
    labels[rows] = np.random.default_rng(0).integers(0, 2, labels[rows].shape)
    labels.flush()
    try:
        again = start_run(tiny_config, run.path.parent / "garbage")
    finally:
        store_labels.write_bytes(good)
    assert same_weights(run, again)
    assert history(run) == history(again)


@pytest.mark.parametrize("taught", [(), ("objective.pseudo_cross_entropy={form: collision}",)])
def test_garbage_in_the_label_files_changes_nothing_when_people_gave_seeds_and_sizes(
    tiny_acdc: Path, tmp_path: Path, taught: tuple[str, ...]
):
    root = tmp_path / "acdc"
    scribbles, table = tmp_path / "scribbles", tmp_path / "sizes.csv"
    copy_with_scribbles(tiny_acdc, root, scribbles)
    given = (f"supervision.seeds={{kind: scribble, folder: {scribbles}}}", "training.validate_every=2", *taught)
    exact = prepare_task(tiny_run_config(root, tmp_path / "cache"))
    exact.supervision.table.query("structure == 'lv'").assign(
        value=lambda sizes: sizes["given_fraction"], unit="fraction"
    )[["case", "slice", "structure", "value", "unit"]].to_csv(table, index=False)
    config = tiny_run_config(root, tmp_path / "cache", *given, f"supervision.sizes={{kind: table, path: {table}}}")
    honest = start_run(config, tmp_path / "honest")
    for case in exact.cases:
        if case.split == "train":
            label = nib.load(case.label)
            garbage = np.random.default_rng(0).integers(0, 4, label.shape).astype(np.uint8)
            nib.save(nib.Nifti1Image(garbage, label.affine), case.label)
    assert same_weights(honest, start_run(config, tmp_path / "garbage"))
    told = json.loads(honest.supervision.read_text(encoding="utf-8"))["pseudo_labels"]
    assert (told is not None) == bool(taught)


def test_tensorboard_files_are_written_when_asked_for(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed (extra tensorboard)")
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.tensorboard=true", "training.epochs=1")
    run = start_run(config, tmp_path / "run")
    assert list((run.path / "tensorboard").glob("events.*"))


def test_an_assignment_of_every_changeable_key_resumes(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=2", "training.validate_every=2")
    assert resume_run(run, config) == run
