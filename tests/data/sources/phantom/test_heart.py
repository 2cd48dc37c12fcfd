import numpy as np
import pytest
from scipy import ndimage

from medsize.data.sources.phantom.heart import DISEASES, Heart, Phase, draw_heart
from medsize.data.sources.phantom.shapes import Canvas
from medsize.data.sources.phantom.tissues import STRUCTURES, Tissue

SPACING_MM = 1.0
LV, MYO, RV = 3, 2, 1


def section(heart: Heart, phase: Phase, z_mm: float) -> np.ndarray:
    canvas = Canvas.empty((260, 260), SPACING_MM)
    heart.paint(canvas, phase, z_mm)
    return canvas.codes


def areas_mm2(heart: Heart, phase: Phase, structure: int) -> np.ndarray:
    depths = np.arange(-20, 110, 5.0)
    return np.array([(STRUCTURES[section(heart, phase, z)] == structure).sum() for z in depths]) * SPACING_MM**2


@pytest.fixture(params=sorted(DISEASES))
def heart(request: pytest.FixtureRequest) -> Heart:
    return draw_heart(np.random.default_rng(7), DISEASES[request.param])


def test_the_groups_are_those_of_acdc() -> None:
    assert set(DISEASES) == {"DCM", "HCM", "MINF", "NOR", "RV"}


def test_both_ventricles_empty_in_systole_and_the_wall_thickens(heart: Heart) -> None:
    for structure in (LV, RV):
        full, empty = (areas_mm2(heart, phase, structure).sum() for phase in (heart.diastole, heart.systole))
        assert 0 < empty < 0.95 * full
    assert heart.systole.wall_mm > heart.diastole.wall_mm


def test_the_wall_keeps_its_volume(heart: Heart) -> None:
    diastole, systole = heart.diastole, heart.systole
    volumes = [
        ((phase.cavity_mm + phase.wall_mm) ** 2 - phase.cavity_mm**2) * (phase.apex_mm - phase.base_mm)
        for phase in (diastole, systole)
    ]
    assert volumes[0] == pytest.approx(volumes[1])


def test_the_cavity_tapers_to_the_apex(heart: Heart) -> None:
    areas = areas_mm2(heart, heart.diastole, LV)
    inside = areas[areas > 0]
    assert (np.diff(inside) < 0.06 * inside[0]).all()
    assert inside[-1] < 0.6 * inside[0]


def test_there_are_slices_without_left_ventricle_above_the_base_and_beyond_the_apex(heart: Heart) -> None:
    for phase in (heart.diastole, heart.systole):
        above, beyond = section(heart, phase, phase.base_mm - 5), section(heart, phase, phase.apex_mm + 30)
        assert not STRUCTURES[above].any()
        assert (above == Tissue.VESSEL).sum() > 300, "bright vessels are there instead"
        assert not beyond.any()
        assert (STRUCTURES[section(heart, phase, phase.apex_mm + 1)] == LV).sum() == 0


def test_the_left_cavity_is_one_piece_enclosed_by_its_wall(heart: Heart) -> None:
    for phase in (heart.diastole, heart.systole):
        for depth in (0.2, 0.5, 0.8):
            structures = STRUCTURES[section(heart, phase, phase.base_mm + depth * (phase.apex_mm - phase.base_mm))]
            assert ndimage.label(structures == LV)[1] == 1
            rim = ndimage.binary_dilation(structures == LV) & (structures != LV)
            assert (structures[rim] == MYO).mean() > 0.97


def test_the_right_ventricle_lies_towards_the_septum(heart: Heart) -> None:
    structures = STRUCTURES[section(heart, heart.diastole, 20)]
    left, right = (np.array(ndimage.center_of_mass(structures == value)) for value in (LV, RV))
    towards = np.array([np.cos(heart.septum), np.sin(heart.septum)])
    offset = right - left
    assert offset @ towards / np.linalg.norm(offset) > 0.85


def test_papillary_muscles_and_trabeculae_lie_in_the_middle_of_the_heart(heart: Heart) -> None:
    codes = section(heart, heart.diastole, 0.4 * heart.diastole.apex_mm)
    for tissue in (Tissue.LV_PAPILLARY, Tissue.LV_TRABECULAE, Tissue.RV_TRABECULAE, Tissue.HEART_WALL, Tissue.FAT):
        assert (codes == tissue).any(), tissue.name
    assert not (section(heart, heart.diastole, 0.9 * heart.diastole.apex_mm) == Tissue.LV_PAPILLARY).any()


def test_the_outline_holds_the_heart_at_every_depth_and_moment(heart: Heart) -> None:
    box = Canvas.empty((260, 260), SPACING_MM).box(heart.outline())
    for phase in (heart.diastole, heart.systole):
        for z in np.arange(-25, 110, 9.0):
            codes = section(heart, phase, z)
            inside = codes[box]
            assert inside.astype(bool).sum() == codes.astype(bool).sum()


def mean_of(group: str, measure: str) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([getattr(draw_heart(rng, DISEASES[group]).diastole, measure) for _ in range(30)]))


def test_groups_differ_as_the_diseases_do() -> None:
    assert mean_of("DCM", "cavity_mm") > 1.2 * mean_of("NOR", "cavity_mm")
    assert mean_of("HCM", "wall_mm") > 1.2 * mean_of("NOR", "wall_mm")
    assert mean_of("RV", "right_mm") > 1.2 * mean_of("NOR", "right_mm")


def test_hearts_vary_and_follow_their_source() -> None:
    rng = np.random.default_rng(1)
    first, second = (draw_heart(rng, DISEASES["NOR"]) for _ in range(2))
    assert first != second
    assert draw_heart(np.random.default_rng(1), DISEASES["NOR"]) == first
