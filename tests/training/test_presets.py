"""Presets for volumes teach what their headers say, on a tiny data set at a small size."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.config.layers import layer_from_assignment, layer_from_option
from medsize.config.loading import load_config
from medsize.config.run import RunConfig
from medsize.evaluation import evaluate_run
from medsize.training import start_run
from medsize.training.task import Task, prepare_task
from tests.conftest import SIDE

SMALL = (
    "network={name: unet, channels: [4, 8]}",
    "data.preprocessing={name: paper, size: 32}",
    "training.epochs=1",
    "training.batch_size=8",
    "training.precision=float32",
    "training.device=cpu",
    "training.optimiser={name: adamw, learning_rate: 0.003}",
)


ONE_STAGE = ("training.stages=null",)


def small(name: str, root: Path, cache: Path, *assignments: str) -> RunConfig:
    layers = [layer_from_assignment(text) for text in (f"data.cache={cache}", *SMALL, *assignments)]
    return load_config(name, [layer_from_option("--data-root", ("data", "source", "root"), root), *layers])


def exact_lv(task: Task) -> np.ndarray:
    """The ventricle's share of each training slice."""
    return np.asarray(task.store.fractions)[task.train_rows, 0]


def test_the_line_to_reach_is_taught_masks_and_nothing_else(tiny_acdc: Path, tiny_cache: Path) -> None:
    config = small("acdc_full", tiny_acdc, tiny_cache, "training.epochs=12")
    assert config.targets() == {"label"}
    sizes = small("acdc_cpu", tiny_acdc, tiny_cache, "training.epochs=12").training
    assert config.training == sizes.model_copy(update={"stages": {}})


def test_sizes_are_taught_as_labels_that_have_them(tiny_acdc: Path, tiny_cache: Path) -> None:
    config = small(
        "acdc_cpu", tiny_acdc, tiny_cache, "training.epochs=12", "supervision.seeds={kind: erosion, iterations: 1}"
    )
    assert config.targets() == {"pseudo_label"}
    task = prepare_task(config)
    rows = task.train_rows
    labels = task.supervision.given["pseudo_label"]
    assert labels is not None
    np.testing.assert_allclose((labels[rows] == 1).mean((1, 2)), exact_lv(task), atol=0.5 / 32**2)


def test_the_papers_objective_is_taught_seeds_and_sizes_alone(tiny_acdc: Path, tiny_cache: Path) -> None:
    assert small("acdc_cpu_paper", tiny_acdc, tiny_cache).targets() == {"seeds", "size_target"}


def test_the_barrier_is_given_no_size_but_one_range_for_all_slices(tiny_acdc: Path, tiny_cache: Path) -> None:
    task = prepare_task(small("acdc_barrier", tiny_acdc, tiny_cache))
    assert "size_target" not in task.supervision.given
    bounds = task.supervision.given["size_bounds"][task.train_rows, 1]
    assert np.unique(bounds[exact_lv(task) > 0], axis=0) == pytest.approx(np.array([[0.0029, 0.0973]]))


def test_the_mean_size_is_that_of_the_training_slices_which_hold_the_structure(
    tiny_acdc: Path, tiny_cache: Path
) -> None:
    task = prepare_task(small("acdc_mean_size", tiny_acdc, tiny_cache))
    exact = exact_lv(task)
    given = task.supervision.given["size_target"][task.train_rows, 1]
    np.testing.assert_allclose(given, np.where(exact > 0, exact[exact > 0].mean(), 0), rtol=1e-5)


def test_clicks_are_one_disc_a_structure(tiny_acdc: Path, tiny_cache: Path) -> None:
    task = prepare_task(small("acdc_clicks", tiny_acdc, tiny_cache, *ONE_STAGE))
    seeded = (task.supervision.given["seeds"][task.train_rows] == 1).sum((1, 2))
    np.testing.assert_array_equal(seeded > 0, exact_lv(task) > 0)
    assert seeded.max() <= 21, "the pixels within 2.5 of one"


def test_volumes_are_one_number_a_case(tiny_acdc: Path, tiny_cache: Path) -> None:
    task = prepare_task(small("acdc_volumes", tiny_acdc, tiny_cache, *ONE_STAGE))
    cases = task.store.index["case"].iloc[task.train_rows]
    sizes = task.supervision.estimates["volume"].value[:, 1]
    given = {case: np.unique(sizes[task.store.rows([case])]) for case in cases.unique()}
    assert {len(sizes) for sizes in given.values()} == {1}
    exact = {case: np.asarray(task.store.fractions)[task.store.rows([case]), 0].mean() for case in given}
    np.testing.assert_allclose([given[case][0] for case in exact], list(exact.values()), rtol=1e-5)


def test_all_structures_of_acdc_are_taught_at_once(tiny_acdc: Path, tiny_cache: Path) -> None:
    task = prepare_task(small("acdc_all", tiny_acdc, tiny_cache, *ONE_STAGE))
    assert task.store.structures == ("rv", "myo", "lv")
    assert set(np.unique(task.supervision.given["seeds"][task.train_rows])) == {1, 2, 3, 255}
    assert task.supervision.estimates["slice"].value.shape[1] == 4


@pytest.fixture
def scribbles(tiny_acdc: Path, tmp_path: Path) -> Path:
    """A line through each structure, as people draw them: 4 is not annotated."""
    for path in tiny_acdc.glob("training/*/*_gt.nii.gz"):
        label = nib.load(path)
        drawn = np.full(label.shape, 4, np.uint8)
        drawn[:, 16] = np.asarray(label.dataobj)[:, 16]
        name = path.name.replace("_gt", "_scribble")
        (tmp_path / "scribbles").mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(drawn, label.affine), tmp_path / "scribbles" / name)
    return tmp_path / "scribbles"


def test_scribbles_teach_background_and_structures_beside_sizes(
    tiny_acdc: Path, tiny_cache: Path, scribbles: Path
) -> None:
    task = prepare_task(
        small("acdc_scribbles", tiny_acdc, tiny_cache, *ONE_STAGE, f"supervision.seeds.folder={scribbles}")
    )
    assert set(np.unique(task.supervision.given["seeds"][task.train_rows])) == {0, 1, 2, 3, 255}
    terms = ("objective.pseudo_cross_entropy=null", "objective.partial_cross_entropy.weight=1")
    alone = small("acdc_scribbles", tiny_acdc, tiny_cache, *ONE_STAGE, *terms)
    assert alone.targets() == {"seeds"}


@pytest.fixture
def hippocampi(tmp_path: Path) -> Path:
    """A folder of images and labels of two structures side by side, each of another shape."""
    rng = np.random.default_rng(3)
    for number in range(10):
        shape = (SIDE - 4, SIDE + number % 3, 4)
        label = np.zeros(shape, np.uint8)
        label[6:18, 4:14, 1:3] = 1
        label[6:18, 14:24, 1:3] = 2
        image = rng.normal(np.array([100, 200, 260])[label], 10).astype(np.float32)
        for folder, array in (("images", image), ("labels", label)):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "data" / folder / f"hippocampus_{number:03d}.nii.gz")
    return tmp_path / "data"


def test_a_folder_of_volumes_and_one_of_labels_are_all_that_the_hippocampus_needs(
    hippocampi: Path, tmp_path: Path
) -> None:
    preprocessing = "data.preprocessing={name: physical, size: 40, spacing_mm: 1}"
    config = small("hippocampus", hippocampi, tmp_path, *ONE_STAGE, preprocessing)
    run = start_run(config, tmp_path / "run")
    metrics = evaluate_run(run).metrics
    assert metrics["case"].nunique() == 2, "one of five parts"
    assert set(metrics["structure"]) >= {"anterior", "posterior"}
