"""The figures of photos in a few lines for a terminal."""

from collections.abc import Mapping
from typing import Any

from medsize.evaluation.scored_case import PREDICTIONS


def describe_photos(block: Mapping[str, Any]) -> list[str]:
    """Return the figures of one checkpoint and split: the F-measure of a single structure, mIoU and objects by size."""
    of = "" if block["checkpoint"] == PREDICTIONS else f", checkpoint {block['checkpoint']}"
    split = f" {block['split']}" if block["split"] else ""
    chosen = " (chosen on these cases)" if block["chosen_on_these_cases"] else ""
    where = f"{of}, {block['photos']}{split} photos{chosen}"
    found, aggregates = block["set"], block["aggregates"]
    lines = []
    if len(aggregates) == 1:
        for name, aggregate in aggregates.items():
            measured = aggregate["measures"]["f_measure"]
            neither = f", undefined in {aggregate['in_neither']}" if aggregate["in_neither"] else ""
            lines.append(f"F-measure {name}{where}: mean {_figure(measured)}{neither}")
    classes = found["miou"]["classes"]
    lines.append(
        f"mIoU of {classes} classes{where}: {_figure(found['miou'])}; pixel accuracy {_figure(found['pixel_accuracy'])}"
    )
    sizes = ", ".join(f"{size} {_number(found[f'ia_{size}'])}" for size in ("small", "medium", "large"))
    lines.append(f"IA-mIoU {_figure(found['ia_miou'])}; objects by size: {sizes}")
    if without := found["miou"]["left_out"]:
        lines.append(f"in neither label nor prediction, left out of mIoU: {_listed(without)}")
    return lines


def _figure(found: Mapping[str, Any]) -> str:
    low, high = found["low"], found["high"]
    return _number(found) + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def _number(found: Mapping[str, Any]) -> str:
    value = found["value"] if "value" in found else found["mean"]
    return "undefined" if value is None else f"{value:.3f}"


def _listed(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
