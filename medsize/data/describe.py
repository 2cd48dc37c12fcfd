"""What a data set holds, in numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from medsize.data.case import Case
from medsize.data.emptiness import require_something
from medsize.data.sources.case_list import CaseList
from medsize.data.unlabelled import UNLABELLED
from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError, InputErrors


def measure_cases(found: CaseList) -> pd.DataFrame:
    """Read every file and return one line a case.

    Returns:
        Columns ``case``, ``group``, ``pathology``, ``phase``, ``size_x``, ``size_y`` (pixels), ``slices``,
        ``spacing_x_mm``, ``spacing_y_mm``, ``spacing_z_mm``, and ``<structure>_ml`` for every structure that the
        label files can hold (NaN without a label); of photos ``<structure>_percent``, and no spacing.

    Raises:
        InputErrors: Files cannot be used; all of them are listed.
    """

    def attempt(case: Case) -> dict[str, object] | InputError:
        try:
            return _measure(case, found.labels)
        except InputError as error:
            return error

    with ThreadPoolExecutor() as executor:
        results = list(executor.map(attempt, found.cases))
    problems = [result for result in results if isinstance(result, InputError)]
    if problems:
        raise InputErrors(problems)
    return pd.DataFrame([result for result in results if isinstance(result, dict)])


def describe_cases(found: CaseList) -> pd.DataFrame:
    """Return a data set at a glance: a table of text, ready to print.

    Returns:
        One line a quantity (cases, groups, pathologies, shape, spacing, volume of every structure), with the
        columns ``count``, ``minimum``, ``median`` and ``maximum``.

    Raises:
        InputError: Cases have labels, but no structure is in any.
        InputErrors: Files cannot be used; all of them are listed.
    """
    table = measure_cases(found)
    labelled = sum(case.label is not None for case in found.cases)
    sizes = table.filter(regex="_(ml|percent)$").to_numpy(float)
    require_something(tuple(found.labels), found.labels, labelled, float(np.nansum(sizes)))
    lines = {
        "cases": _count(len(table)),
        "groups": _count(table["group"].nunique()),
        "cases with a label": _count(labelled),
    }
    for name, count in table["pathology"].value_counts().sort_index().items():
        lines[f"cases of {name}"] = _count(count)
    for column in table.columns[4:]:
        lines[_title(column)] = _spread(table[column].dropna().to_numpy(float))
    return pd.DataFrame.from_dict(lines, orient="index", columns=["count", "minimum", "median", "maximum"])


def _measure(case: Case, labels: dict[str, int]) -> dict[str, object]:
    image = read_volume(case.image)
    photo = image.colours is not None
    x, y, z = (image.array.shape[1], image.array.shape[0], 1) if photo else image.array.shape
    of_structure = dict.fromkeys(labels, np.nan)
    if case.label is not None:
        label = read_label(case.label, image, tuple(labels.values()))
        counts = np.bincount(label.array.ravel(), minlength=256)
        void = 0 if UNLABELLED in labels.values() else counts[UNLABELLED]
        unit = 100 / max(counts.sum() - void, 1) if photo else label.voxel_ml
        of_structure = {name: counts[value] * unit for name, value in labels.items()}
    return {
        "case": case.id,
        "group": case.group,
        "pathology": case.pathology,
        "phase": case.phase,
        "size_x": x,
        "size_y": y,
        "slices": z,
        **{f"spacing_{axis}_mm": np.nan if photo else mm for axis, mm in zip("xyz", image.spacing_mm, strict=True)},
        **{f"{name}_{'percent' if photo else 'ml'}": volume for name, volume in of_structure.items()},
    }


def _title(column: str) -> str:
    for ending, unit in (("_mm", " (mm)"), ("_ml", " (mL)"), ("_percent", " (%)")):
        if column.endswith(ending):
            return column.removesuffix(ending).replace("_", " ") + unit
    return column.replace("_", " ") + (" (pixels)" if column.startswith("size") else "")


def _count(number: int) -> tuple[str, str, str, str]:
    return str(number), "", "", ""


def _spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[str, str, str, str]:
    if not values.size:
        return "0", "", "", ""
    low, middle, high = (f"{value:.4g}" for value in (values.min(), np.median(values), values.max()))
    return str(len(values)), low, middle, high
