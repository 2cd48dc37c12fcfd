from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medsize.config.supervision import PseudoLabels, SettledByIntensity, SupervisionConfig, TableSizes
from medsize.data.store import SliceStore
from medsize.supervision.given_sizes import exact_fractions
from medsize.supervision.grow import grow
from medsize.supervision.seeds import erosion_seeds
from medsize.supervision.stored_pseudo_labels import stored_pseudo_labels
from medsize.supervision.supervise import supervise
from medsize.supervision.table_sizes import Estimates

MakeStore = Callable[..., SliceStore]
TRAIN = np.arange(8)
NAN = np.nan


def seeds_of(store: SliceStore) -> np.ndarray:
    seeds = np.full((len(store), store.side, store.side), 255, np.uint8)
    for row in TRAIN:
        seeds[row] = erosion_seeds(store.labels[row])
    return seeds


def exact(store: SliceStore, level: str = "slice") -> Estimates:
    nothing = np.full((len(store), store.classes), NAN)
    return Estimates(exact_fractions(store, level), nothing, nothing)


def from_table(store: SliceStore, tmp_path: Path, *rows: str, level: str | None = None):
    (tmp_path / "sizes.csv").write_text("\n".join(("case,slice,structure,value,low,high,unit", *rows)) + "\n")
    config = SupervisionConfig(sizes=TableSizes(kind="table", path=tmp_path / "sizes.csv"), level=level)
    return supervise(config, store, TRAIN, needs=frozenset({"pseudo_label"}), seed=0)


def test_each_slice_is_grown_to_its_own_size_and_other_rows_are_undecided(make_store: MakeStore) -> None:
    store = make_store(("rv", "lv"), physical=True)
    seeds, sizes = seeds_of(store), exact(store)
    found, about = stored_pseudo_labels(PseudoLabels(tolerance=0.3), store, TRAIN, seeds, {"slice": sizes})
    for row in TRAIN:
        ends = [sizes.value[row] * factor for factor in (0.7, 1.3)]
        np.testing.assert_array_equal(found[row], grow(seeds[row], *ends, domain=store.domain[row]))
    assert (found[8:] == 255).all()
    assert (found[0][store.domain[0]] == 0).all()
    decided = np.count_nonzero(found[TRAIN] != 255) / np.count_nonzero(store.domain[TRAIN])
    assert about == {"decided_share": decided, "sizes_without_seeds": 0, "sizes_below_seeds": 0}


def test_a_volume_is_grown_through_its_slices_with_the_spacing_of_their_grid(make_store: MakeStore) -> None:
    store = make_store()  # 24 × 20 pixels of 1.5 mm squeezed into 24 × 24, slices 8 mm apart
    seeds, sizes = seeds_of(store), exact(store, "volume")
    found, _ = stored_pseudo_labels(PseudoLabels(), store, TRAIN, seeds, {"volume": sizes})
    ends = [sizes.value[4] * factor for factor in (0.8, 1.2)]
    expected = grow(seeds[4:8], *ends, spacing=np.array([8.0, 1.5, 1.5 * 20 / 24]))
    np.testing.assert_array_equal(found[4:8], expected)
    known = found[4:8] != 255
    assert (found[4:8][known] == store.labels[4:8][known]).mean() > 0.97


def test_slices_with_sizes_of_their_own_use_them_and_others_that_of_their_volume(make_store: MakeStore) -> None:
    store = make_store()
    seeds, slices, volumes = seeds_of(store), exact(store), exact(store, "volume")
    slices.value[2, 1] *= 1.5
    slices.value[[0, 1, 3]] = NAN
    both = stored_pseudo_labels(PseudoLabels(), store, TRAIN, seeds, {"slice": slices, "volume": volumes})[0]
    each = {
        level: stored_pseudo_labels(PseudoLabels(), store, TRAIN, seeds, {level: sizes})[0]
        for level, sizes in {"slice": slices, "volume": volumes}.items()
    }
    np.testing.assert_array_equal(both[[0, 1, 3]], each["volume"][[0, 1, 3]])
    np.testing.assert_array_equal(both[[2, 4, 5, 6, 7]], each["slice"][[2, 4, 5, 6, 7]])
    assert (each["slice"][2] != each["volume"][2]).any()


def test_along_the_image_labels_follow_its_colours(make_store: MakeStore) -> None:
    store = make_store()
    seeds, sizes = seeds_of(store), exact(store)
    config = PseudoLabels(by="geodesic", contrast=3.0)
    for given, rows, image in (
        ({"slice": sizes}, 5, store.images[5]),
        ({"volume": exact(store, "volume")}, slice(4, 8), store.images[4:8].transpose(1, 0, 2, 3)),
    ):
        found = stored_pseudo_labels(config, store, TRAIN, seeds, given)[0][rows]
        own = next(iter(given.values())).value[5]
        spacing = np.array([8.0, 1.5, 1.25])[-found.ndim :]
        expected = grow(seeds[rows], own * 0.8, own * 1.2, spacing=spacing, image=image, contrast=3.0)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("change", ["seeds", "sizes", "rows", "settings"])
def test_labels_are_grown_once_and_again_when_what_decides_them_changes(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    store = make_store()
    seeds, sizes, config, rows = seeds_of(store), exact(store), PseudoLabels(), TRAIN
    first = np.array(stored_pseudo_labels(config, store, rows, seeds, {"slice": sizes})[0])
    with monkeypatch.context() as patch:
        patch.setattr("medsize.supervision.stored_pseudo_labels.grow", pytest.fail)
        again, _ = stored_pseudo_labels(config, store, rows, seeds, {"slice": sizes})
    np.testing.assert_array_equal(again, first)
    match change:
        case "seeds":
            seeds[1] = 255
        case "sizes":
            sizes.value[1, 1] *= 1.5
        case "rows":
            rows = np.array([0, 2, 3])
        case "settings":
            config = PseudoLabels(tolerance=0.5)
    other, _ = stored_pseudo_labels(config, store, rows, seeds, {"slice": sizes})
    assert (other[1] != first[1]).any()


def test_pixels_between_are_settled_so_that_the_size_is_met(make_store: MakeStore) -> None:
    store = make_store()
    seeds, sizes = seeds_of(store), exact(store)
    config = PseudoLabels(tolerance=0.4, settle=SettledByIntensity())
    found, about = stored_pseudo_labels(config, store, TRAIN, seeds, {"slice": sizes})
    assert about["decided_share"] == 1
    for row in TRAIN:
        assert np.count_nonzero(found[row] == 1) == pytest.approx(sizes.value[row, 1] * store.domain[row].sum(), abs=1)


def test_sizes_that_the_seeds_contradict_are_counted(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    rows = ("case0,0,lv,10,,,%", "case0,1,lv,0.2,,,%", "case1,1,lv,,12,20,%", "case1,0,lv,0,,,%")
    supervision = from_table(store, tmp_path, *rows)
    assert supervision.pseudo_labels is not None
    assert supervision.pseudo_labels["sizes_without_seeds"] == 1
    assert supervision.pseudo_labels["sizes_below_seeds"] == 1
    labels = supervision.given["pseudo_label"]
    assert labels is not None
    assert (labels[0] == 255).all(), "there is a size but no seed: it may be anywhere"
    assert np.count_nonzero(labels[5] == 1) == round(0.12 * 576)
    assert np.count_nonzero(labels[5] == 255) == round(0.20 * 576) - round(0.12 * 576)
    assert (labels[4] == 0).all()
    assert set(np.unique(labels[2])) == {1, 255}, "seeds without a size tell nothing of the background"


def test_sizes_of_volumes_from_a_table_are_grown_without_a_label(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    seeds = seeds_of(store)
    supervision = from_table(store, tmp_path, "case0,,lv,4,,,%", "case1,,lv,6,,,%")
    assert supervision.level == "volume"
    assert "size_target" not in supervision.given
    size = np.array([NAN, 0.04])
    expected = grow(seeds[:4], size * 0.8, size * 1.2, spacing=np.array([8.0, 1.5, 1.25]))
    np.testing.assert_array_equal(supervision.given["pseudo_label"][:4], expected)
