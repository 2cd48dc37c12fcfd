import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.supervision.grow import Extent, grow

NAN = math.nan
Pixel = tuple[int, ...]


def image_of(seeds: dict[Pixel, int], shape: tuple[int, ...]) -> np.ndarray:
    array = np.full(shape, 255, np.uint8)
    for pixel, k in seeds.items():
        array[pixel] = k
    return array


def sizes(*pixels: float, of: int) -> np.ndarray:
    """Sizes of the structures, in pixels of an image of so many; the background's is not used."""
    return np.array([NAN, *(p / of for p in pixels)])


def by_the_rules(
    seeds: dict[Pixel, int], low: list[int], high: list[int], domain: set[Pixel], spacing: list[float]
) -> dict[Pixel, int]:
    """The rules written down once more, pixel by pixel, for structures that all have seeds and a size above them."""

    def squared(a: Pixel, b: Pixel | np.ndarray) -> float:
        return sum(((x - y) * s) ** 2 for x, y, s in zip(a, b, spacing, strict=True))

    of_class = {k: [p for p in seeds if seeds[p] == k] for k in range(1, len(low)) if low[k] + high[k] > 0}
    radius = {k: ((low[k] + high[k]) / 2 * math.prod(spacing)) ** (1 / len(spacing)) for k in of_class}
    distance = {
        (k, p): math.sqrt(min(squared(p, q) for q in of_class[k])) if seeds.get(p, k) == k else math.inf
        for k in of_class
        for p in domain
    }
    owner = (
        {p: min(of_class, key=lambda k: (distance[k, p] / radius[k], k)) for p in sorted(domain)} if of_class else {}
    )
    found: dict[Pixel, int] = {}
    reached: set[Pixel] = set()
    for k, own_seeds in of_class.items():
        centre = np.mean(own_seeds, axis=0)
        apart = sorted(distance[k, p] for p in domain if math.isfinite(distance[k, p]))
        farthest = apart[: sum(high[j] for j in of_class)][-1]
        mine = [p for p in sorted(domain) if owner[p] == k and distance[k, p] <= farthest]
        mine.sort(key=lambda p: (distance[k, p], squared(p, centre)))
        found |= dict.fromkeys(mine[: low[k]], k)
        ring = mine[: high[k]]
        reach = distance[k, ring[-1]]
        reached |= {*ring, *(p for p in domain if owner[p] != k and distance[k, p] <= reach)}
    found |= dict.fromkeys(domain - reached, 0)
    return found | seeds


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[int], np.ndarray, list[float]]:
    shape = draw(st.sampled_from([(6, 7), (5, 9), (3, 4, 4), (12,)]))
    pixels = list(np.ndindex(*shape))
    structures = draw(st.integers(1, 3))
    labelled = draw(st.lists(st.sampled_from(pixels), min_size=structures + 1, max_size=9, unique=True))
    classes = [*range(1, structures + 1), *draw(st.lists(st.integers(0, structures), min_size=9, max_size=9))]
    seeds = image_of(dict(zip(labelled, classes, strict=False)), shape)
    domain = np.ones(shape, np.bool_)
    for pixel in draw(st.lists(st.sampled_from(pixels), max_size=4)):
        domain[pixel] = seeds[pixel] != 255
    low, high = [0], [0]
    most = np.count_nonzero(domain) // structures
    for k in range(1, structures + 1):
        low.append(draw(st.integers(np.count_nonzero(seeds == k), max(most - 3, 9))))
        high.append(draw(st.integers(low[-1], low[-1] + 8)))
    spacing = draw(st.lists(st.sampled_from([1.0, 1.5, 4.0]), min_size=len(shape), max_size=len(shape)))
    return seeds, low, high, domain, spacing


@settings(max_examples=50)
@given(problems())
def test_every_pixel_is_labelled_by_the_rules(problem) -> None:
    seeds, low, high, domain, spacing = problem
    inside = np.count_nonzero(domain)
    assume(sum(low) <= inside and max(high) <= inside)
    found = grow(seeds, np.array(low) / inside, np.array(high) / inside, domain=domain, spacing=np.array(spacing))
    labelled = {pixel: int(seeds[pixel]) for pixel in np.ndindex(seeds.shape) if seeds[pixel] != 255}
    pixels = {pixel for pixel in np.ndindex(seeds.shape) if domain[pixel]}
    expected = image_of(by_the_rules(labelled, low, high, pixels, spacing), seeds.shape)
    np.testing.assert_array_equal(found, expected)


def test_a_size_without_tolerance_decides_every_pixel_and_has_its_exact_count() -> None:
    seeds = image_of({(20, 30): 1, (40, 10): 0}, (64, 48))
    found = grow(seeds, *[sizes(317, of=seeds.size)] * 2)
    assert np.count_nonzero(found == 1) == 317
    assert np.count_nonzero(found == 0) == seeds.size - 317


def test_from_the_middle_of_a_disc_its_size_gives_the_disc() -> None:
    row, column = np.indices((65, 65)) - 32
    disc = np.hypot(row, column) < 14.3
    low, high = (sizes(disc.sum() * factor, of=disc.size) for factor in (0.8, 1.2))
    found = grow(image_of({(32, 32): 1}, (65, 65)), low, high)
    assert (disc[found == 1]).all()
    assert not disc[found == 0].any()
    assert np.count_nonzero(found == 1) == round(0.8 * disc.sum())
    assert np.count_nonzero(found == 255) == pytest.approx(0.4 * disc.sum(), abs=1)


def test_in_a_volume_the_spacing_decides_how_far_the_next_slice_is() -> None:
    seeds = image_of({(2, 8, 8): 1}, (5, 17, 17))
    size = sizes(30, of=seeds.size)
    flat = grow(seeds, size, size, spacing=np.array([9.0, 1, 1]))
    assert np.count_nonzero(flat[2] == 1) == 30
    tall = grow(seeds, size, size, spacing=np.array([1.0, 9, 9]))
    assert (tall[:, 8, 8] == 1).all()


def test_the_larger_of_two_structures_reaches_farther() -> None:
    seeds = image_of({(0, 10): 1, (0, 20): 2}, (1, 60))
    found = grow(seeds, *[sizes(24, 4, of=60)] * 2)[0]
    # They meet at 10 · r₁ / (r₁ + r₂) ≈ 7.1 from the larger one's seed.
    assert (found[:18] == 1).all()
    assert np.count_nonzero(found == 2) == 4


def test_a_structure_without_room_is_not_grown_beyond_all_structures_together() -> None:
    seeds = image_of({(0, 0): 1, (0, 1): 2, (0, 2): 1}, (1, 60))
    found = grow(seeds, *[sizes(8, 4, of=60)] * 2)[0]
    assert (found[:3] == [1, 2, 1]).all(), "the larger one is around the smaller one, which has no room"
    assert (found[12:] == 0).all()


def test_seeds_are_never_claimed_by_another_class_nor_by_the_size() -> None:
    seeds = image_of({(5, 5): 1, (5, 6): 0, (4, 5): 2}, (11, 11))
    found = grow(seeds, *[sizes(60, 20, of=121)] * 2)
    assert [found[5, 5], found[5, 6], found[4, 5]] == [1, 0, 2]


def test_absent_structures_leave_background_and_padding_open() -> None:
    domain = np.ones((4, 5), np.bool_)
    domain[:, 4] = False
    found = grow(image_of({}, (4, 5)), sizes(0, 0, of=1), sizes(0, 0, of=1), domain=domain)
    assert (found[:, :4] == 0).all()
    assert (found[:, 4] == 255).all()


@pytest.mark.parametrize(
    ("low", "high", "seeded"),
    [((3, NAN), (5, NAN), True), ((3, 4), (5, NAN), True), ((3, 4), (5, 6), False)],
    ids=["unknown size", "unknown upper end", "no seed"],
)
def test_a_structure_that_may_be_anywhere_leaves_no_background_but_seeds(low, high, seeded: bool) -> None:
    seeds = image_of({(0, 0): 1, (9, 9): 0} | ({(5, 5): 2} if seeded else {}), (10, 10))
    found = grow(seeds, sizes(*low, of=100), sizes(*high, of=100))
    assert np.argwhere(found == 0).tolist() == [[9, 9]]
    assert np.count_nonzero(found == 1) == 3
    assert np.count_nonzero(found == 2) == (0 if not seeded else 1 if math.isnan(low[1]) else 4)


def test_a_size_below_its_seeds_keeps_them_and_has_its_ring_around_them() -> None:
    seeds = image_of({(4, column): 1 for column in range(10)}, (10, 10))
    found = grow(seeds, sizes(4, of=100), sizes(6, of=100))
    assert np.count_nonzero(found == 1) == 10
    assert (found[4] == 1).all()
    assert np.count_nonzero(found == 255) == 2
    assert np.count_nonzero(found == 0) == 88
    absent = grow(seeds, sizes(0, of=100), sizes(0, of=100))
    assert np.count_nonzero(absent == 1) == 10
    assert np.count_nonzero(absent == 0) == 90


def test_what_sizes_and_seeds_say_against_each_other_is_told() -> None:
    seeds = image_of({(0, 0): 1, (0, 1): 1, (1, 1): 2}, (10, 10))
    extent = Extent.of(seeds, sizes(1, 5, 3, 0, NAN, of=100), sizes(1, 6, 4, 0, NAN, of=100), 100)
    assert extent.below_seeds.tolist() == [False, True, False, False, False, False]
    assert extent.without_seeds.tolist() == [False, False, False, True, False, False]


def test_along_an_image_growth_goes_around_an_edge() -> None:
    seeds = image_of({(10, 10): 1}, (21, 21))
    bright = np.zeros((21, 21))
    bright[5:16, 8:] = 1.0
    size = sizes(bright.sum() * 0.9, of=441)
    straight = grow(seeds, size, size)
    around = grow(seeds, size, size, image=bright[None], contrast=5.0)
    assert not bright[straight == 1].all()
    assert bright[around == 1].all()
    assert np.count_nonzero(around == 1) == round(bright.sum() * 0.9)


def test_without_contrast_paths_are_those_of_a_king_on_a_chessboard() -> None:
    seeds = image_of({(4, 4): 1}, (9, 9))
    noise = np.random.default_rng(0).random((1, 9, 9))
    row, column = np.abs(np.indices((9, 9)) - 4)
    path = np.maximum(row, column) + (math.sqrt(2) - 1) * np.minimum(row, column)
    found = grow(seeds, *[sizes(29, of=81)] * 2, image=noise, contrast=0.0)
    assert path[found == 1].max() <= path[found == 0].min() + 1e-12


def test_paths_do_not_cross_padding_or_the_seeds_of_others() -> None:
    seeds = image_of({(0, 0): 1} | {(row, 3): 0 for row in range(6)}, (6, 6))
    domain = np.ones((6, 6), np.bool_)
    domain[2] = False
    found = grow(seeds, *[sizes(20, of=36)] * 2, domain=domain, image=np.zeros((1, 6, 6)))
    assert np.count_nonzero(found == 1) == 6
    assert (found[:2, :3] == 1).all()
    assert (found[3:, :3] == 0).all()


SEEDS = image_of({(0, 0): 1}, (4, 4))
HALF = np.array([NAN, 0.5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domain": np.ones((4, 5), np.bool_)}, r"domain does not fit.*\(4, 4\).*\(4, 5\)"),
        ({"image": np.ones((1, 5, 4))}, r"image without channels does not fit.*\(4, 4\).*\(5, 4\)"),
        ({"spacing": np.ones(3)}, "spacing does not fit.*2 positive numbers"),
        ({"spacing": np.array([1.0, 0])}, "spacing does not fit"),
        ({"high": np.array([NAN, 0.6, 0.1])}, r"sizes do not fit.*\(2,\) and \(3,\)"),
        ({"high": np.array([NAN, 0.4])}, "size of class 1 is none.*0.5 to 0.4"),
        ({"low": np.array([NAN, -0.1])}, "size of class 1 is none"),
        ({"seeds": image_of({(0, 0): 2}, (4, 4))}, "seeds of a class without a size.*0 to 1.*class 2"),
        ({"low": np.array([NAN, 0.6, 0.6]), "high": np.array([NAN, 0.7, 0.7])}, "sizes exceed the image.*1.2"),
    ],
)
def test_what_cannot_be_grown_is_said(changes: dict[str, np.ndarray], message: str) -> None:
    given = {"seeds": SEEDS, "low": HALF, "high": HALF} | changes
    with pytest.raises(InputError, match=f"(?s){message}"):
        grow(given.pop("seeds"), given.pop("low"), given.pop("high"), **given)
