"""The pictures of the losses are those that ``docs/draw_losses.py`` draws from the losses as they are."""

import re
import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference" / "losses"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    pinned = re.search(r"^matplotlib==(.*)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    if mpl.__version__ != pinned[1]:
        pytest.skip(f"the pictures are of matplotlib {pinned[1]}, this is {mpl.__version__}")
    return dict(runpy.run_path(str(ROOT / "docs" / "draw_losses.py"))["pictures"]())


def test_the_pictures_are_those_of_the_losses_as_they_are(drawn):
    assert {path.name for path in FOLDER.iterdir()} == drawn.keys()
    for name, svg in drawn.items():
        kept = (FOLDER / name).read_text(encoding="utf-8")
        # Numbers apart: they may differ by the rounding of another processor.
        assert NUMBER.sub("", kept) == NUMBER.sub("", svg), f"{name}: run python docs/draw_losses.py"
        np.testing.assert_allclose(
            [float(number) for number in NUMBER.findall(kept)],
            [float(number) for number in NUMBER.findall(svg)],
            atol=0.05,
            err_msg=f"{name}: run python docs/draw_losses.py",
        )


def test_the_reference_shows_every_picture():
    page = (FOLDER.parent / "losses.md").read_text(encoding="utf-8")
    assert {path.name for path in FOLDER.iterdir()} == set(re.findall(r"!\[[^\]]+\]\(losses/([a-z_]+\.svg)\)", page))


def test_a_picture_does_not_depend_on_when_or_where_it_is_drawn(drawn):
    for svg in drawn.values():
        assert "<metadata" not in svg
        assert str(ROOT) not in svg


def test_the_pictures_are_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000
