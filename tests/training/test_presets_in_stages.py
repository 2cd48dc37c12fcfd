"""The papers' systems that learn in stages or from cues train as their presets say, on a few photos at a small size."""

from pathlib import Path

import numpy as np
import pytest

from medsize.config.layers import layer_from_assignment, layer_from_option
from medsize.config.loading import load_config
from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.evaluation import evaluate_run
from medsize.inference.cues import write_cues
from medsize.run_folder import RunFolder
from medsize.training import start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.data.photo_files import two_objects, write_mask, write_photo, write_voc
from tests.training.runs import history

SMALL = (
    "data.preprocessing.size=32",
    "training.batch_size=3",
    "training.precision=float32",
    "training.device=cpu",
    "training.optimiser={name: adamw, learning_rate: 0.003}",
)
UNET = "network={name: unet, channels: [4, 8]}"


def small(name: str, root: Path, cache: Path, *assignments: str) -> RunConfig:
    layers = [layer_from_assignment(text) for text in (f"data.cache={cache}", *SMALL, *assignments)]
    return load_config(name, [layer_from_option("--data-root", ("data", "source", "root"), root), *layers])


@pytest.fixture
def salient(tmp_path: Path) -> Path:
    root = tmp_path / "ecssd"
    for number in range(8):
        mask = np.where(two_objects(number, void=False) > 0, 255, 0)
        write_photo(root / "images" / f"{number:04d}.jpg", seed=number, mask=mask // 255)
        write_mask(root / "masks" / f"{number:04d}.png", mask)
    return root


def stages_of(run: RunFolder) -> list[object]:
    return [record["stage"] for record in history(run) if record["kind"] == "epoch"]


def test_ecssd_is_annealed_with_a_frozen_encoder(salient: Path, tmp_path: Path):
    config = small(
        "ecssd_annealed",
        salient,
        tmp_path,
        "data.split.count=2",
        "network.decoder_channels=[8, 8, 8, 8]",
        "training.epochs=3",
        "training.stages.annealing.repeat=2",
    )
    assert [stage.objective.sparse_crf.sigma for stage in config.stages() if stage.objective.sparse_crf] == [
        0.0113,
        0.0339,
        0.0339,
    ]
    run = start_run(config, tmp_path / "run")
    assert stages_of(run) == ["annealing 1/2", "annealing 2/2", "normal"]
    parts = [record["parts"] for record in history(run) if record["kind"] == "epoch"]
    assert all(set(of_epoch) == {"sparse_crf", "volumetric", "positional"} for of_epoch in parts)


def test_sigma_is_annealed_in_the_fifteen_steps_of_the_authors():
    terms = [stage.objective.sparse_crf for stage in load_config("ecssd_annealed").stages()[:15]]
    sigmas = [term.sigma for term in terms if term]
    deviation = 0.226  # of ImageNet's colours, by which the authors divide images
    assert sigmas == pytest.approx([deviation * (0.05 + 0.1 * number / 14) for number in range(15)], abs=1e-4)


def test_annealing_can_be_replaced_by_another_runs_weights(salient: Path, tmp_path: Path):
    easy = start_run(small("ecssd", salient, tmp_path, UNET, "training.epochs=1", "data.split.count=2"), tmp_path / "a")
    config = small(
        "ecssd_annealed",
        salient,
        tmp_path,
        UNET,
        "data.split.count=2",
        "training.stages.annealing=null",
        "training.epochs=1",
        f"network.start_from={easy.path}",
    )
    assert stages_of(start_run(config, tmp_path / "b")) == ["normal"]


def test_small_objects_are_learned_after_whole_ones_and_hold_them(tmp_path: Path):
    stages = "training.stages.whole.epochs=1"
    config = small("voc_small_objects", write_voc(tmp_path / "voc"), tmp_path, UNET, "training.epochs=2", stages)
    run = start_run(config, tmp_path / "run")
    first, second = (record["parts"] for record in history(run) if record["kind"] == "epoch")
    assert set(first) == {"cross_entropy"}
    assert set(second) == {"size_weighted_cross_entropy", "consolidation"}
    assert set(evaluate_run(run).metrics["case"]) == {f"2007_val{number:02d}" for number in range(3)}


def test_sec_trains_from_the_cues_of_a_network_trained_on_tags(tmp_path: Path):
    voc = write_voc(tmp_path / "voc")
    tagged = start_run(small("voc_tags", voc, tmp_path, UNET, "training.epochs=2"), tmp_path / "tags")
    done: list[tuple[int, int]] = []
    shares = write_cues(tagged, tmp_path / "cues", progress=lambda *counts: done.append(counts))
    assert done[-1] == (6, 6)
    assert shares["background"] == pytest.approx(0.1, abs=0.05)
    assert shares["person"] > 0
    assert shares["sofa"] == 0
    config = small("voc_sec", voc, tmp_path, UNET, "training.epochs=4", f"supervision.seeds.folder={tmp_path / 'cues'}")
    task = prepare_task(config)
    tags = task.supervision.given["tags"]
    assert tags is not None
    for row in task.train_rows:
        told = set(np.unique(task.supervision.given["seeds"][row])) - {255}
        assert told <= {0, *np.flatnonzero(tags[row]).tolist()}
    run = start_run(config, tmp_path / "run")
    epochs = [record for record in history(run) if record["kind"] == "epoch"]
    assert set(epochs[0]["parts"]) == {"partial_cross_entropy", "expand", "constrain"}
    assert [record["learning_rate"] for record in epochs] == pytest.approx([0.003, 0.003, 0.003, 0.0003])


def test_sec_without_cues_says_how_to_make_them(tmp_path: Path):
    config = small("voc_sec", write_voc(tmp_path / "voc"), tmp_path, UNET)
    with pytest.raises(InputError, match=r"have no cues(?s:.)*medsize seeds cues RUN"):
        start_run(config, tmp_path / "run")


def test_cues_are_made_of_volumes_too_and_only_on_slices_whose_tags_are_known(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    (tmp_path / "sizes.csv").write_text(
        "case,slice,structure,value,unit\n"
        + "".join(f"patient{number:03d}_frame01,1,lv,0.05,fraction\n" for number in range(1, 11))
    )
    tags = (
        f"supervision.sizes={{kind: table, path: {tmp_path / 'sizes.csv'}}}",
        "objective={partial_cross_entropy: null, size_target: null, expand: {}}",
    )
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, *tags), tmp_path / "run")
    write_cues(run, tmp_path / "cues")
    cues = np.load(next((tmp_path / "cues").glob("*_frame01.npz")))["cues"]
    assert cues.shape == (3, 32, 32)
    known = (cues != 255).any((1, 2))
    assert known.tolist() == [True, False, False] or known.tolist() == [False, True, False]
    seeds = f"supervision.seeds={{kind: cues, folder: {tmp_path / 'cues'}}}"
    assert prepare_task(tiny_run_config(tiny_acdc, tiny_cache, seeds)).supervision.seed_pixels
