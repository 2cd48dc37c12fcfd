"""What people write in a table, as fractions of what the network sees: counted on labels, whatever the unit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medsize.config.data import AcdcSource, DataConfig, PaperPreprocessing, PhysicalPreprocessing
from medsize.config.level import Level
from medsize.config.objective import ObjectiveConfig
from medsize.config.run import RunConfig
from medsize.config.terms import SizeTargetTerm
from medsize.data.prepare import find_split_cases, prepare_slices
from medsize.data.sources.phantom import write_phantom
from medsize.data.store import SliceStore
from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError, InputErrors
from medsize.supervision.from_labels import sizes_from_labels
from medsize.supervision.given_sizes import exact_fractions
from medsize.supervision.table_sizes import GivenTable, levels_of
from tests.supervision.conftest import label_volume

MakeStore = Callable[..., SliceStore]
ROWS = np.arange(12)
VOXEL_ML = 1.5 * 1.5 * 8 / 1000


def read(folder: Path, store: SliceStore, text: str, header: str = "case,slice,structure,value,low,high,unit,rater"):
    path = folder / "sizes.csv"
    path.write_text(f"{header}\n{text}")
    return GivenTable.read(path, store, ("rv", "myo", "lv"))


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(folder, patients=2, seed=3)
    return folder


def phantom_config(phantom: Path, cache: Path, preprocessing: PaperPreprocessing | PhysicalPreprocessing) -> RunConfig:
    return RunConfig(
        data=DataConfig(
            source=AcdcSource(root=phantom), structures=("rv", "myo", "lv"), preprocessing=preprocessing, cache=cache
        ),
        objective=ObjectiveConfig(size_target=SizeTargetTerm()),
    )


@pytest.mark.parametrize(
    "preprocessing",
    [PaperPreprocessing(size=160), PhysicalPreprocessing(name="physical", size=128, spacing_mm=1.5)],
    ids=["squeezed", "cropped"],
)
def test_ml_on_the_files_grid_are_the_average_of_the_one_hot_label_on_the_training_grid(
    phantom: Path, tmp_path: Path, preprocessing: PaperPreprocessing | PhysicalPreprocessing
) -> None:
    config = phantom_config(phantom, tmp_path / "cache", preprocessing)
    found = find_split_cases(config.data)
    store = prepare_slices(config.data, found)
    rows = ["case,structure,value,unit"]
    for case in found.cases:
        image = read_volume(case.image)
        label = read_label(case.label, image, (0, 1, 2, 3)).array
        rows += [f"{case.id},{name},{image.voxel_ml * (label == value).sum()},ml" for name, value in
                 (("rv", 1), ("myo", 2), ("lv", 3))]  # fmt: skip
    (tmp_path / "ml.csv").write_text("\n".join(rows))
    everything = np.arange(len(store))
    given = GivenTable.read(tmp_path / "ml.csv", store).estimates(store, everything, "volume").value
    for case in found.cases:
        index = store.rows([case.id])
        domain = store.domain[index]
        one_hot = np.eye(4)[store.labels[index][domain]]
        average = one_hot.mean(0)  # S̄ of a network that predicts the label, over Ω of the case
        assert (given[index] == given[index[0]]).all()
        np.testing.assert_allclose(given[index[0]], average, rtol=0.03)  # nearest pixels lose or win a rim
    error = given[:, 1:] / exact_fractions(store, "volume")[:, 1:] - 1
    assert abs(error.mean()) < 0.01


@pytest.mark.parametrize("level", ["slice", "volume"])
@pytest.mark.parametrize("size", [160, 96])
def test_sizes_measured_on_labels_are_read_back_though_the_network_sees_a_part_of_the_image(
    phantom: Path, tmp_path: Path, size: int, level: Level
) -> None:
    preprocessing = PhysicalPreprocessing(name="physical", size=size, spacing_mm=1.5)
    config = phantom_config(phantom, tmp_path / "cache", preprocessing)
    sizes_from_labels(config, tmp_path / "sizes.csv", level=level)
    store = prepare_slices(config.data, find_split_cases(config.data))
    table = GivenTable.read(tmp_path / "sizes.csv", store)
    assert table.levels == level
    read = table.estimates(store, np.arange(len(store)), level).value
    np.testing.assert_allclose(read, exact_fractions(store, level), rtol=0, atol=1e-9)


def test_units_of_one_size_agree(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    pixels = int(np.count_nonzero(label_volume(0)[..., 1] == 3))
    amounts = {
        "pixels": pixels, "voxels": pixels, "mm2": pixels * 2.25, "cm2": pixels * 0.0225, "ml": pixels * VOXEL_ML,
        "mm3": pixels * VOXEL_ML * 1000, "percent": pixels / 4.8, "fraction": pixels / 480,
        "cells 5x4": pixels / 480 * 20, "cells 3x3": pixels / 480 * 9,
    }  # fmt: skip
    for unit, amount in amounts.items():
        table = read(tmp_path, store, f"case0,1,lv,{amount!r},{unit}\n", "case,slice,structure,value,unit")
        assert table.estimates(store, ROWS, "slice").value[1, 1] == pytest.approx(pixels / 480, rel=1e-6), unit


def test_ranges_raters_and_values_come_out_side_by_side(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(("rv", "lv"))
    table = read(
        tmp_path,
        store,
        "case0,,lv,,10,20,percent,\ncase0,,rv,4,,,percent,a\ncase0,,rv,9,,,percent,b\ncase1,,lv,15,12,18,percent,\n",
    )
    assert table.levels == "volume"
    found = table.estimates(store, ROWS, "volume")
    np.testing.assert_allclose(found.value[:4], [[np.nan, 0.06, np.nan]] * 4)
    np.testing.assert_allclose(found.low[:4], [[np.nan, 0.04, 0.1]] * 4)
    np.testing.assert_allclose(found.high[:4], [[np.nan, 0.09, 0.2]] * 4)
    np.testing.assert_allclose(found.value[4:8], [[np.nan, np.nan, 0.15]] * 4)
    assert np.isnan(found.value[8:]).all()
    assert table.written("case0", None, "rv") == {
        "value": "4;9", "low": "", "high": "", "unit": "percent", "raters": 2, "rows": "3;4",
    }  # fmt: skip
    assert table.written("case0", None, "lv")["low"] == "10"
    assert table.written("case2", None, "lv")["raters"] == 0


def test_the_background_is_what_all_known_structures_leave(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(("rv", "lv"))
    table = read(tmp_path, store, "case0,1,rv,10,,,percent,\ncase0,1,lv,20,,,percent,\ncase0,2,lv,20,,,percent,\n")
    value = table.estimates(store, ROWS, "slice").value
    np.testing.assert_allclose(value[1], [0.7, 0.1, 0.2])
    np.testing.assert_allclose(value[2], [np.nan, np.nan, 0.2])


def test_slices_and_volumes_of_one_table_stand_apart(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    table = read(tmp_path, store, "case0,1,lv,10,,,percent,\ncase0,,lv,5,,,percent,\ncase1,,lv,6,,,percent,\n")
    assert table.levels == "both"
    slices, volumes = (table.estimates(store, ROWS, level).value[:, 1] for level in ("slice", "volume"))
    assert slices[1] == pytest.approx(0.1)
    assert np.isnan(np.delete(slices, 1)).all()
    np.testing.assert_allclose(volumes, [0.05] * 4 + [0.06] * 4 + [np.nan] * 4)


def test_ranges_of_all_slices_add_up_with_the_values(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    rows = "case0,0,lv,0,,,percent,\ncase0,1,lv,,10,20,percent,\ncase0,2,lv,8,4,12,percent,\ncase0,3,lv,0,,,percent,\n"
    found = read(tmp_path, store, rows).estimates(store, ROWS, "volume")
    assert np.isnan(found.value[0, 1])
    np.testing.assert_allclose([found.low[0, 1], found.high[0, 1]], [0.14 / 4, 0.32 / 4])
    values = rows.replace(",,10,20,", ",15,,,")
    assert read(tmp_path, store, values).estimates(store, ROWS, "volume").value[0, 1] == pytest.approx(0.23 / 4)


def test_presence_takes_a_range_that_excludes_0(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    rows = "case0,0,lv,,0,0,percent,\ncase0,1,lv,,10,20,percent,\ncase0,2,lv,,0,12,percent,\ncase0,3,lv,7,,,percent,\n"
    presence = read(tmp_path, store, rows).estimates(store, ROWS, "slice").presence()[:4, 1]
    assert (presence > 0).tolist() == [False, True, False, True]
    assert np.isnan(presence).tolist() == [False, False, True, False]


def test_names_differ_by_case_and_rows_about_other_structures_are_left_out(
    make_store: MakeStore, tmp_path: Path
) -> None:
    store = make_store()
    table = read(tmp_path, store, "Case0,1,LV,10,,,percent,\ncase0,1,rv,20,,,percent,\n")
    assert list(table.entries) == [("case0", 1, "lv")]
    assert table.left_out == 1


def test_rows_about_cases_that_are_kept_for_testing_are_left_out(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("case,slice,structure,value,unit\ncase0,1,lv,10,percent\nCaseT,9,lv,10,percent\n", "utf-8")
    table = GivenTable.read(path, make_store(), others=["caseT"])
    assert list(table.entries) == [("case0", 1, "lv")]
    assert table.left_out == 1


def test_all_that_is_wrong_is_named_with_its_line(make_store: MakeStore, tmp_path: Path) -> None:
    rows = (
        "caso0,1,lv,1,,,percent,\ncase0,4,lv,1,,,percent,\ncase0,1,background,1,,,percent,\ncase0,1,ivc,1,,,percent,\n"
    )
    with pytest.raises(InputErrors) as caught:
        read(tmp_path, make_store(), rows)
    message = str(caught.value)
    for line, problem in enumerate(
        ("unknown case", "no such slice of case case0", "the background has no size", "unknown"), start=2
    ):
        assert f"row {line}: {problem}" in message
    assert "did you mean 'case0'?" in message


def test_structures_that_together_exceed_the_image_are_refused_even_on_held_out_cases(
    make_store: MakeStore, tmp_path: Path
) -> None:
    table = read(tmp_path, make_store(("rv", "lv")), "case1,,rv,70,,,percent,\ncase1,,lv,,40,50,percent,\n")
    with pytest.raises(
        InputErrors, match=r"rows 2, 3: case case1: the structures exceed the volume(?s:.)*rv 0\.7 \+ lv 0\.4 = 1\.1"
    ):
        table.estimates(make_store(("rv", "lv")), np.arange(4), "volume")


def test_what_is_larger_than_what_preprocessing_leaves_is_refused(phantom: Path, tmp_path: Path) -> None:
    config = phantom_config(phantom, tmp_path, PhysicalPreprocessing(name="physical", size=64, spacing_mm=1.5))
    store = prepare_slices(config.data, find_split_cases(config.data))
    case = store.index["case"][0]
    table = read(tmp_path, store, f"{case},1,lv,60,,,percent,\n")
    with pytest.raises(InputErrors, match="preprocessing may have cropped it"):
        table.estimates(store, np.arange(len(store)), "slice")


@pytest.mark.parametrize(
    ("rows", "level", "fits"),
    [
        ("case0,1,lv,1,,,percent,\n", "slice", True),
        ("case0,1,lv,1,,,percent,\n", "volume", True),
        ("case0,1,lv,1,,,percent,\n", "both", False),
        ("case0,,lv,1,,,percent,\n", "slice", False),
        ("case0,,lv,1,,,percent,\n", "volume", True),
        ("case0,,lv,1,,,percent,\ncase0,1,lv,1,,,percent,\n", "both", True),
        ("case0,,lv,1,,,percent,\ncase0,1,lv,1,,,percent,\n", "volume", False),
    ],
)
def test_a_level_that_the_table_does_not_serve_is_refused(
    make_store: MakeStore, tmp_path: Path, rows: str, level: str, fits: bool
) -> None:
    table = read(tmp_path, make_store(), rows)
    if fits:
        table.require(level)
    else:
        with pytest.raises(InputError, match=r"leave supervision\.level out"):
            table.require(level)


def test_levels_follow_from_the_numbers_of_slices() -> None:
    assert [levels_of(numbers) for numbers in ([0, 1], [None], [0, None], [])] == ["slice", "volume", "both", "slice"]
