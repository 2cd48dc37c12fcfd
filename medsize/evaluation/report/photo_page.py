"""The values of a report about photos."""

from typing import Any, Final

from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report import photo_figures, photo_results, results, words

_RANKED_BY: Final = {"f_measure": "f_measure", "miou": "jaccard"}
"""Headline of the set to the measure of single photos."""


def photo_page(evaluated: Evaluated, structures: tuple[str, ...]) -> dict[str, Any]:
    """Return the template's values that an evaluation of photos tells, whether of a run or of mask files."""
    summary, headline = evaluated.summary, evaluated.headline
    measure = ranked_by(evaluated)
    objects = photo_results.sample_objects(evaluated) if len(headline) else evaluated.instances
    return {
        "measure": measure,
        "blocks": [summary, *summary["others"]] if summary["classes"] else [],
        "classes": summary["classes"],
        "absent": [name for name in structures if name not in summary["classes"]],
        "sizes_of_objects": photo_results.by_object_size(evaluated) if len(headline) else [],
        "size_figure": photo_figures.iou_by_area(objects, tuple(summary["size_limits_pixels"]))
        if len(objects)
        else None,
        "photos_figure": photo_figures.spread_of_photos(
            headline[measure], "F-measure" if measure == "f_measure" else "IoU", headline["structure"]
        )
        if len(headline)
        else None,
        "mistakes": photo_results.mistakes(evaluated) if len(headline) else [],
        "photos": photo_results.photo_rows(evaluated, measure) if len(headline) else [],
        "findings": results.failures(evaluated.metrics),
        "warnings": words.warnings(evaluated),
    }


def ranked_by(evaluated: Evaluated) -> str:
    """Return the measure that photos are ranked by: the F-measure of a single structure, or the IoU of classes."""
    return _RANKED_BY[evaluated.summary["headline"]]
