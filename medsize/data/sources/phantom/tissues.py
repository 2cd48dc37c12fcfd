"""The tissues of the phantom: what they are called, how bright they are, and which structure they belong to."""

from enum import IntEnum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Tissue(IntEnum):
    """A tissue, as the code that a canvas is painted with."""

    AIR = 0
    FAT = auto()
    MUSCLE = auto()
    ABDOMEN = auto()
    LUNG = auto()
    LIVER = auto()
    SPLEEN = auto()
    STOMACH = auto()
    BOWEL = auto()
    BONE = auto()
    VESSEL = auto()
    HEART_WALL = auto()
    LV_BLOOD = auto()
    LV_PAPILLARY = auto()
    LV_TRABECULAE = auto()
    MYOCARDIUM = auto()
    RV_BLOOD = auto()
    RV_TRABECULAE = auto()


STRUCTURES: Final = np.zeros(len(Tissue), np.uint8)
"""ACDC's label value of each tissue: papillary muscles and trabeculae belong to the cavity."""
STRUCTURES[[Tissue.RV_BLOOD, Tissue.RV_TRABECULAE]] = 1
STRUCTURES[Tissue.MYOCARDIUM] = 2
STRUCTURES[[Tissue.LV_BLOOD, Tissue.LV_PAPILLARY, Tissue.LV_TRABECULAE]] = 3

_RANGES: Final[dict[Tissue, tuple[float, float]]] = {
    Tissue.AIR: (0.01, 0.03),
    Tissue.FAT: (0.70, 1.10),
    Tissue.MUSCLE: (0.20, 0.35),
    Tissue.ABDOMEN: (0.40, 0.60),
    Tissue.LUNG: (0.05, 0.12),
    Tissue.LIVER: (0.25, 0.45),
    Tissue.SPLEEN: (0.40, 0.65),
    Tissue.STOMACH: (0.15, 0.95),
    Tissue.BOWEL: (0.30, 0.90),
    Tissue.BONE: (0.35, 0.60),
    Tissue.VESSEL: (0.80, 1.05),
    Tissue.HEART_WALL: (0.30, 0.42),
    Tissue.LV_BLOOD: (0.85, 1.05),
    Tissue.LV_PAPILLARY: (0.35, 0.55),
    Tissue.LV_TRABECULAE: (0.55, 0.75),
    Tissue.MYOCARDIUM: (0.27, 0.42),
    Tissue.RV_BLOOD: (0.75, 1.05),
    Tissue.RV_TRABECULAE: (0.45, 0.65),
}


def draw_brightness(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw how bright a patient's tissues are in a balanced steady-state sequence; full blood is about 1."""
    lower, upper = np.array([_RANGES[tissue] for tissue in Tissue]).T
    brightness: NDArray[np.float32] = rng.uniform(lower, upper).astype(np.float32)
    return brightness
