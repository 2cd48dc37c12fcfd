import numpy as np

from medsize.data.sources.phantom.shapes import Canvas
from medsize.data.sources.phantom.tissues import STRUCTURES, Tissue
from medsize.data.sources.phantom.torso import Torso, draw_torso


def painted(torso: Torso, z_mm: float) -> np.ndarray:
    canvas = Canvas.empty((300, 340), 1.0)
    torso.paint(canvas, z_mm)
    return canvas.codes


def test_every_patient_has_all_parts_of_a_torso() -> None:
    expected = set(Tissue) - {tissue for tissue in Tissue if tissue.name.startswith(("LV", "RV", "MYO", "HEART"))}
    for seed in range(6):
        torso = draw_torso(np.random.default_rng(seed), (0.0, 0.0))
        found = {Tissue(code) for z in (0, 40, 80) for code in np.unique(painted(torso, z))}
        assert expected - found <= {Tissue.BOWEL}, seed
        assert not STRUCTURES[list(found)].any(), "no structure of the heart"


def test_the_body_is_wrapped_in_fat_and_air_is_around_it() -> None:
    codes = painted(draw_torso(np.random.default_rng(0), (0.0, 0.0)), 40)
    row = codes[:, 170]
    first = int(np.flatnonzero(row)[0])
    assert row[0] == Tissue.AIR
    assert row[first] == Tissue.FAT
    assert Tissue.MUSCLE in row[first : first + 40]


def test_a_vessel_beside_the_heart_looks_like_a_ventricle() -> None:
    codes = painted(draw_torso(np.random.default_rng(0), (0.0, 0.0)), 40)
    below = codes[170:230, 190:250]
    assert (below == Tissue.VESSEL).sum() > 200, "the aorta"


def test_the_torso_moves_with_the_heart() -> None:
    centres = []
    for heart in ((0.0, 0.0), (10.0, -5.0)):
        codes = painted(draw_torso(np.random.default_rng(4), heart), 30)
        centres.append(np.argwhere(codes == Tissue.LUNG).mean(0))
    moved = centres[1] - centres[0]
    assert np.abs(moved - [10, -5]).max() < 2


def test_torsos_vary_change_with_depth_and_follow_their_source() -> None:
    first, again, other = (draw_torso(np.random.default_rng(seed), (0.0, 0.0)) for seed in (1, 1, 2))
    assert first == again
    assert (painted(first, 30) != painted(other, 30)).mean() > 0.05
    assert 0.01 < (painted(first, 0) != painted(first, 60)).mean() < 0.5
