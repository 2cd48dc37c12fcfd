"""What every measure means where masks are empty, in words that go beside every figure."""

from typing import Final

_SHARE = (
    "0 if only the label or only the prediction is empty, undefined (left out of the mean, and counted) if both are"
)
_DISTANCE = "infinite if only the label or only the prediction is empty, undefined if both are"

RULES: Final = {
    "dice_scan": f"one Dice per case, over all voxels of its own grid: {_SHARE}",
    "dice_slice": (
        "one Dice per slice, averaged over all slices: 0 if only the label or only the prediction is empty, "
        "1 if both are"
    ),
    "jaccard": f"intersection over union of all voxels of a case: {_SHARE}",
    "precision": f"share of the predicted voxels that are in the label: {_SHARE}",
    "recall": f"share of the label's voxels that were predicted: {_SHARE}",
    "f_measure": f"F-measure of precision and recall with β² = 0.3: {_SHARE}",
    "hd95_mm": (
        "95th percentile of the distances between the two surfaces, by area, the larger of both directions, as "
        f"DeepMind's surface-distance: {_DISTANCE}"
    ),
    "assd_mm": (
        "average distance between the two surfaces, by area, the mean of both directions, as DeepMind's "
        f"surface-distance: {_DISTANCE}"
    ),
    "nsd": (
        "share of both surfaces that lies within the tolerance of the other, by area, as DeepMind's surface-distance: "
        f"{_SHARE}; not measured without a tolerance"
    ),
    "volume_error_ml": "predicted less true volume in mL, negative where too little was found",
    "volume_error_percent": "the same in percent of the true volume: undefined if the label is empty",
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
