import numpy as np

from medsize.data.sources.acdc import ACDC_LABELS
from medsize.data.sources.phantom.tissues import STRUCTURES, Tissue, draw_brightness


def test_every_tissue_has_the_label_of_its_structure() -> None:
    named = {tissue.name: int(STRUCTURES[tissue]) for tissue in Tissue}
    assert {name for name, value in named.items() if value == ACDC_LABELS["lv"]} == {
        "LV_BLOOD",
        "LV_PAPILLARY",
        "LV_TRABECULAE",
    }
    assert {name for name, value in named.items() if value == ACDC_LABELS["rv"]} == {"RV_BLOOD", "RV_TRABECULAE"}
    assert {name for name, value in named.items() if value == ACDC_LABELS["myo"]} == {"MYOCARDIUM"}


def test_brightness_differs_between_patients_and_tissues_overlap() -> None:
    patients = np.stack([draw_brightness(np.random.default_rng(seed)) for seed in range(50)])
    assert (np.ptp(patients, axis=0) > 0).all()
    lowest, highest = patients.min(0), patients.max(0)
    for other in (Tissue.VESSEL, Tissue.RV_BLOOD, Tissue.FAT):
        assert lowest[other] < highest[Tissue.LV_BLOOD]
        assert highest[other] > lowest[Tissue.LV_BLOOD]
    for other in (Tissue.LIVER, Tissue.MUSCLE, Tissue.LV_PAPILLARY):
        assert lowest[other] < highest[Tissue.MYOCARDIUM]
    assert (patients[:, Tissue.MYOCARDIUM] < 0.6 * patients[:, Tissue.LV_BLOOD]).all(), "the wall can be seen"


def test_brightness_follows_its_source() -> None:
    first, again = (draw_brightness(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
