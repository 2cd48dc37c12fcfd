"""What every measure means where masks are empty, in words that go beside every figure."""

from typing import Final

from medsize.metrics.measures import MEASURES

RULES: Final = {name: measure.rule for name, measure in MEASURES.items()} | {
    "aggregates": (
        "an infinite distance enters medians and quartiles; a mean with an infinite one is infinite, and stands "
        "beside the count and the mean of the finite ones; an undefined figure enters nothing and is listed; a case "
        "without a usable prediction is scored as an empty one and listed"
    ),
}
"""Measure to its meaning."""

_OF_SET: Final = "counted over all pixels of all photos together, void left out"
PHOTO_RULES: Final = {
    "miou": (
        "the IoU of each class, the background among them, "
        f"{_OF_SET}, and of these the mean, by the rules of the common benchmarks; a class that neither label nor "
        "prediction holds anywhere is left out, and named"
    ),
    "pixel_accuracy": f"share of the pixels that are of the right class, {_OF_SET}",
    "ia_miou": (
        "one IoU for every object of the labels, of a class the mean over its objects, and of these the mean over the "
        "classes, the background (one object a photo) among them: predicted regions belong to the objects of their "
        "class that they overlap, divided by the overlaps where these are several; a region on none counts for the "
        "background alone (“Small Objects Matters”, section 2)"
    ),
    "ia_small": "the same over small objects, without the background; ia_medium and ia_large likewise",
    "f_measure": (
        "of precision and recall with β² = 0.3, of each photo on its own, and of these the mean, as in “Regularized "
        "Loss for Weakly Supervised Single Class Semantic Segmentation”: 0 if only the label or only the prediction "
        "is empty; a photo where both are has none, and is counted"
    ),
    "jaccard, dice_scan, precision, recall": "of one structure in one photo that its label or its prediction holds",
    "aggregates": "a photo without a usable prediction is scored as an empty one and listed",
}
"""Measure of photos to its meaning."""
