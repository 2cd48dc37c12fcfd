import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsize.data.sources.coco_masks import AnnotatedImage
from medsize.data.sources.manifest import read_manifest
from medsize.data.sources.pascal_b import SIZES, Candidate, build_pascal_b, choose
from medsize.errors import InputError
from tests.cli.command import medsize
from tests.data.photo_files import rectangle, write_coco

LVIS = {3: "bird", 4: "car_(automobile)", 5: "teapot", 6: "person"}
COCO = {1: "person", 64: "potted plant", 16: "bird"}
AREAS = {"small": 100.0, "medium": 5000.0, "large": 20000.0}


def write_sources(root: Path) -> dict[str, Path]:
    """LVIS: eight images with a teapot beside a bird or a car; COCO: one with a plant, one without."""
    shapes = [(category, AREAS[size]) for category in (3, 4) for size in ("small", "medium", "large", "large")]
    lvis = {
        number: [
            {"category_id": category, "area": area, "segmentation": rectangle(2, 2, 10, 8)},
            {"category_id": 5, "area": 50.0, "segmentation": rectangle(12, 20, 6, 6)},
        ]
        for number, (category, area) in enumerate(shapes, start=1)
    }
    coco = {
        20: [
            {"category_id": 64, "area": 80.0, "segmentation": rectangle(1, 1, 4, 4)},
            {"category_id": 1, "area": 6000.0, "segmentation": rectangle(0, 0, 20, 20)},
        ],
        21: [{"category_id": 16, "area": 80.0, "segmentation": rectangle(1, 1, 4, 4)}],
    }
    paths = {"lvis": write_coco(root, lvis, LVIS, "train2017"), "coco": write_coco(root, coco, COCO, "val2017")}
    content = json.loads(paths["lvis"].read_text("utf-8"))
    for image in content["images"]:  # as LVIS writes them
        image["coco_url"] = f"http://images.cocodataset.org/train2017/{image.pop('file_name')}"
        image["not_exhaustive_category_ids"] = [3] if image["id"] == 4 else []
    paths["lvis"].write_text(json.dumps(content))
    return paths | {"images": root}


def test_the_set_holds_each_class_and_size_in_vocs_values(tmp_path: Path) -> None:
    counts = build_pascal_b(tmp_path / "out", **write_sources(tmp_path), per_cell=1, most_images=99, seed=0)
    expected = {(name, size): 1 for name in ("bird", "car") for size in SIZES}
    assert counts == expected | {("pottedplant", "small"): 1, ("person", "medium"): 1}
    cases = {case.id: case for case in read_manifest(tmp_path / "out" / "manifest.csv")}
    assert len(cases) == 7
    assert {case.split for case in cases.values()} == {"test"}
    plant = cases[f"{20:012d}"]
    mask = np.asarray(Image.open(plant.label or ""))
    assert (mask[2, 2], mask[10, 10], mask[23, 31]) == (16, 15, 0)
    instances = np.asarray(Image.open(tmp_path / "out" / "instances" / f"{plant.id}.png"))
    assert (instances[2, 2], instances[10, 10], instances[23, 31]) == (2, 1, 0)
    bird = np.asarray(Image.open(cases[f"{1:012d}"].label or ""))
    assert set(np.unique(bird)) == {0, 3}  # the teapot is background
    with (tmp_path / "out" / "counts.csv").open() as file:
        assert {row["class"]: row["large"] for row in csv.DictReader(file)}["car"] == "1"


def test_an_image_that_lvis_does_not_outline_whole_is_left_out(tmp_path: Path) -> None:
    counts = build_pascal_b(tmp_path / "out", **write_sources(tmp_path), per_cell=9, most_images=99, seed=0)
    assert (counts["bird", "large"], counts["car", "large"]) == (1, 2)


def test_the_seed_decides_and_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    paths = write_sources(tmp_path)
    for name in ("one", "again"):
        build_pascal_b(tmp_path / name, **paths, per_cell=1, most_images=5, seed=3)
    one, again = (sorted((tmp_path / name).rglob("*.*")) for name in ("one", "again"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in again]
    assert len(list((tmp_path / "one" / "masks").iterdir())) == 5


def test_the_choice_balances_classes_and_sizes_that_are_very_unequal() -> None:
    rng = np.random.default_rng(0)
    names = [("a", "large")] * 80 + [("a", "small")] * 15 + [("b", "small")] * 5
    candidates = [
        Candidate(
            AnnotatedImage(f"{n}.jpg", 4, 4, ()),
            Path(f"{n}.jpg"),
            {},
            Counter(names[i] for i in rng.integers(0, 100, 3)),
        )
        for n in range(400)
    ]
    chosen = choose(candidates, per_cell=40, most_images=400, seed=1)
    counts = sum((one.cells for one in chosen), Counter())
    total = sum((one.cells for one in candidates), Counter())
    assert total["a", "large"] / total["b", "small"] > 8
    assert counts["b", "small"] >= 40
    assert counts["a", "large"] / counts["b", "small"] < 2
    assert choose(candidates, per_cell=40, most_images=400, seed=1) == chosen


def test_images_that_are_missing_are_named(tmp_path: Path) -> None:
    paths = write_sources(tmp_path)
    (tmp_path / "train2017" / f"{2:012d}.jpg").unlink()
    with pytest.raises(InputError, match=r"(?s)1 images of .* are not there.*no 000000000002\.jpg"):
        build_pascal_b(tmp_path / "out", **paths, per_cell=1, most_images=9, seed=0)


def test_the_command_builds_it(tmp_path: Path) -> None:
    paths = write_sources(tmp_path)
    options = [part for name, path in paths.items() for part in (f"--{name}", path)]
    outcome = medsize("data", "build", "pascal-b", *options, "-o", tmp_path / "out", "--per-cell", 1)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"{tmp_path / 'out'}: instances: 3 small, 3 medium, 2 large\n"
