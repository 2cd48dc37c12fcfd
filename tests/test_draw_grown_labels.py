"""The picture of grown labels is the one that ``docs/draw_grown_labels.py`` draws."""

import re
import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

ROOT = Path(__file__).parents[1]


def test_the_picture_is_that_of_the_labels_as_they_are_grown(tmp_path: Path) -> None:
    pinned = re.search(r"^matplotlib==(.*)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    if mpl.__version__ != pinned[1]:
        pytest.skip(f"the picture is of matplotlib {pinned[1]}, this is {mpl.__version__}")
    program = runpy.run_path(str(ROOT / "docs" / "draw_grown_labels.py"))
    program["draw"](tmp_path / "drawn.png")
    kept, drawn = imread(program["PICTURE"]), imread(tmp_path / "drawn.png")
    assert kept.shape == drawn.shape
    # A pixel at a border may go either way on another processor, and is a hundred of the picture's.
    assert np.abs(kept - drawn).mean() < 2e-3
