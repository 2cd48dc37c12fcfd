"""Photos train, are evaluated and predicted as volumes are, by the same code."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from medsize.config.layers import layer_from_assignment, layer_from_option
from medsize.config.loading import load_config
from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.evaluation import evaluate_run
from medsize.inference import predict_files
from medsize.supervision.from_labels import sizes_from_labels
from medsize.supervision.size_targets import noisy_sizes
from medsize.training import start_run
from medsize.training.task import prepare_task
from tests.data.photo_files import two_objects, write_coco, write_voc
from tests.training.runs import same_weights

SMALL = (
    "network={name: unet, channels: [4, 8]}",
    "data.preprocessing.size=32",
    "training.epochs=2",
    "training.batch_size=3",
    "training.precision=float32",
    "training.device=cpu",
    "objective.dense_crf=null",
    "training.optimiser={name: adamw, learning_rate: 0.003}",
)


def small(name: str, root: Path, cache: Path, *assignments: str) -> RunConfig:
    layers = [layer_from_assignment(text) for text in (f"data.cache={cache}", *SMALL, *assignments)]
    return load_config(name, [layer_from_option("--data-root", ("data", "source", "root"), root), *layers])


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "voc")


def test_voc_trains_evaluates_and_predicts_with_21_classes(voc: Path, tmp_path: Path) -> None:
    noise = "supervision.sizes={kind: noisy, noise: 0.08}"
    run = start_run(small("voc", voc, tmp_path, noise, "training.augmentation.zoom={}"), tmp_path / "run")
    assert set(evaluate_run(run).metrics["case"]) == {f"2007_val{number:02d}" for number in range(3)}
    predicted = np.asarray(Image.open(run.prediction("last", "2007_val00", Path("a.jpg"))))
    assert predicted.shape == (24, 32)
    photo = voc / "VOC2012/JPEGImages/2007_val00.jpg"
    predict_files(run, [photo], tmp_path / "out")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "2007_val00.png")), predicted)
    volumes = pd.read_csv(tmp_path / "out" / "volumes.csv")
    assert volumes["volume_ml"].isna().all()


def test_a_batch_of_photos_has_three_channels_and_the_size_of_every_class(voc: Path, tmp_path: Path) -> None:
    task = prepare_task(small("voc", voc, tmp_path))
    assert task.store.classes == 21
    assert task.supervision.given["size_target"].shape == (9, 21)
    expected = np.bincount(two_objects(0, void=False).ravel(), minlength=21) / (24 * 32)
    np.testing.assert_allclose(task.supervision.given["size_target"][0], expected, rtol=1e-6)
    found = task.network(torch.from_numpy(task.store.images[np.arange(2)]))
    assert found.shape == (2, 21, 32, 32)


def test_a_table_of_many_classes_lists_what_is_there(voc: Path, tmp_path: Path) -> None:
    table = prepare_task(small("voc", voc, tmp_path)).supervision.table
    assert len(table) == 6 * 3  # background and two of twenty
    assert table["given_fraction"].gt(0).all()


@pytest.mark.parametrize("unit", ["percent", "pixels", "cells 5x4"])
def test_sizes_of_photos_go_out_as_a_table_and_come_back_the_same(unit: str, voc: Path, tmp_path: Path) -> None:
    config = small("voc", voc, tmp_path)
    sizes_from_labels(config, tmp_path / "sizes.csv", unit=unit)
    with (tmp_path / "sizes.csv").open() as file:
        rows = list(csv.DictReader(file))
    without = [row for row in rows if "trainaug" in row["case"] and float(row["value"]) > 0]
    for name, kept, columns in (
        ("back", rows, ("case", "slice", "structure", "value", "unit")),
        ("photos", without, ("case", "structure", "value", "unit")),
    ):
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)
        table = f"supervision.sizes={{kind: table, path: {path}}}"
        given = prepare_task(small("voc", voc, tmp_path, table)).supervision.given["size_target"]
        exact = prepare_task(config).supervision.given["size_target"]
        known = ~np.isnan(given[:6, 1:])
        np.testing.assert_allclose(given[:6, 1:][known], exact[:6, 1:][known], rtol=1e-5)
        assert known.sum() == (120 if name == "back" else 12)


def test_volumes_of_photos_are_refused(voc: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no spacing"):
        sizes_from_labels(small("voc", voc, tmp_path), tmp_path / "sizes.csv", unit="ml")


def test_coco_trains_with_81_classes(tmp_path: Path) -> None:
    from medsize.data.sources.coco import COCO_CATEGORIES
    from tests.data.sources.test_coco import INSTANCES

    for split, first in (("train2017", 0), ("val2017", 10)):
        instances = {first + number: of_image for number, of_image in INSTANCES.items()}
        write_coco(tmp_path / "coco", instances, COCO_CATEGORIES, split)
    config = small("coco", tmp_path / "coco", tmp_path)
    run = start_run(config, tmp_path / "run")
    assert (
        len(pd.read_csv(run.size_targets)) == 7
    )  # three backgrounds, a bottle, and a person over dogs under a toothbrush
    lines = [json.loads(line) for line in run.metrics.read_text("utf-8").splitlines()]
    assert {line["kind"] for line in lines} == {"epoch", "validation"}


def test_garbage_in_the_masks_does_not_change_a_training_from_sizes(voc: Path, tmp_path: Path) -> None:
    config = small("voc", voc, tmp_path)
    runs = []
    for garbage in (False, True):
        task = prepare_task(config)
        if garbage:
            path = task.store.path / "labels.npy"
            np.save(path, np.full_like(np.load(path), 3))
        runs.append(start_run(config, tmp_path / f"run{garbage}"))
    assert same_weights(*runs)


@pytest.mark.real_data
@pytest.mark.parametrize(("nominal", "measured"), [(0.04, 0.0428), (0.08, 0.0860), (0.16, 0.1767), (0.32, 0.4056)])
def test_noise_on_the_real_sizes_of_voc_is_what_the_guide_says(
    nominal: float, measured: float, real_photos: Path
) -> None:
    table = pd.read_csv(real_photos / "voc2012" / "trainaug_size_fractions.csv.gz")
    exact = table.pivot(index="image", columns="class_index", values="fraction").fillna(0).to_numpy()
    exact = exact / exact.sum(1, keepdims=True)
    given = noisy_sizes(exact, nominal, np.random.default_rng(0))
    present = exact[:, 1:] > 0
    error = (np.abs(given - exact)[:, 1:][present] / exact[:, 1:][present]).mean()
    assert error == pytest.approx(measured, rel=0.02)


@pytest.mark.real_data
def test_sixty_steps_on_real_photos_with_sizes_lower_the_loss(real_photos: Path, tmp_path: Path) -> None:
    config = load_config(
        "coco",
        [
            layer_from_option("--data-root", ("data", "source", "root"), real_photos / "coco"),
            *map(
                layer_from_assignment,
                (
                    f"data.cache={tmp_path}",
                    "data.split={name: holdout, count: 16}",
                    "data.preprocessing.size=96",
                    "network={name: mobilenetv2_unet}",
                    f"network.weights={real_photos.parent / 'weights' / 'mobilenet_v2_imagenet1k.safetensors'}",
                    "supervision.sizes={kind: noisy, noise: 0.08}",
                    "objective.dense_crf=null",
                    "objective.sparse_crf={weight: 1}",
                    "training.epochs=15",
                    "training.batch_size=16",
                    "training.validate_every=15",
                    "training.optimiser={name: adamw, learning_rate: 0.001}",
                ),
            ),
        ],
    )
    run = start_run(config, tmp_path / "run")
    epochs = [json.loads(line) for line in run.metrics.read_text("utf-8").splitlines() if '"epoch"' in line]
    losses = [record["parts"]["size_target"] for record in epochs if record["kind"] == "epoch"]
    assert len(losses) == 15
    assert losses[-1] < 0.9 * losses[0]
