"""All metrics of 200 scans × 3 structures: medsize in two processes against MONAI's functions, case by case in one.

    python benchmarks/metrics.py PATH/TO/ACDC [--scans 200]

PATH is a data set in the ACDC layout; 'medsize data phantom PATH --patients 100' makes one. The predictions are its own
labels, eroded, grown or shifted. Both sides read the same files with the same reader. Beside the time on the clock
stands that of the processor (for medsize with its processes and their start), which other work on the machine disturbs
less.
"""

import argparse
import resource
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation, binary_erosion

from medsize.data.grid_files import write_label
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.volumes import read_label
from medsize.evaluation import evaluate_predictions

TOLERANCE_MM = 2.0


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    cases = [case for case in find_acdc_cases(arguments.path) if case.label][: arguments.scans]
    with TemporaryDirectory() as folder:
        references, predictions = Path(folder) / "references", Path(folder) / "predictions"
        for number, case in enumerate(cases):
            label = read_label(case.label, None, (1, 2, 3)).array
            write_label(predictions / f"{case.id}.nii.gz", _spoil(label, number), like=case.label)
            write_label(references / f"{case.id}.nii.gz", label, like=case.label)
        ours, our_time = _medsize(predictions, references, arguments.processes)
        monai, monai_time = _monai([case.id for case in cases], predictions, references)
    print(f"{len(cases)} scans × {len(ACDC_LABELS)} structures, NSD tolerance {TOLERANCE_MM} mm")
    print(f"MONAI, one process, reading and its functions: {monai_time.clock:.1f} s, processor {monai_time.cpu:.1f} s")
    print(
        f"medsize, {arguments.processes} processes, from files to tables with all other measures: "
        f"{our_time.clock:.1f} s, processor {our_time.cpu:.1f} s"
    )
    print(f"ratio: {monai_time.clock / our_time.clock:.1f} ×, processor {monai_time.cpu / our_time.cpu:.1f} ×\n")
    _print_differences(ours, monai)


def _spoil(label: np.ndarray, number: int) -> np.ndarray:
    if number % 3 == 0:
        return np.roll(label, (number % 5 + 1, -1), (0, 1))
    change = (binary_erosion, binary_dilation)[number % 2]
    spoilt = np.zeros_like(label)
    plane = np.ones((3, 3, 1), bool)
    for value in (1, 2, 3):
        spoilt[change(label == value, plane)] = value
    return spoilt


class _Time(NamedTuple):
    """Seconds on the clock, and of the processor in this process and those that it started and that ended."""

    clock: float
    cpu: float

    @classmethod
    def now(cls) -> Self:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in used))

    def elapsed(self) -> Self:
        now = self.now()
        return type(self)(now.clock - self.clock, now.cpu - self.cpu)


def _medsize(predictions: Path, references: Path, processes: int) -> tuple[pd.DataFrame, _Time]:
    started = _Time.now()
    evaluation = evaluate_predictions(
        predictions,
        references,
        predictions / "report",
        structures=[f"{name}={value}" for name, value in ACDC_LABELS.items()],
        nsd_tolerance_mm=TOLERANCE_MM,
        processes=processes,
    )
    return evaluation.metrics, started.elapsed()


def _monai(cases: list[str], predictions: Path, references: Path) -> tuple[pd.DataFrame, _Time]:
    import torch  # not before medsize was timed: its processes are to start as they do for a user
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    warnings.simplefilter("ignore")
    values = list(ACDC_LABELS.values())
    rows = []
    started = _Time.now()
    for case in cases:
        name = f"{case}.nii.gz"
        reference = read_label(references / name, None, values)
        both = [
            torch.from_numpy(np.stack([volume.array == value for value in values]))[None].float()
            for volume in (read_label(predictions / name, reference, values), reference)
        ]
        spacing = {"spacing": reference.spacing_mm, "include_background": True}
        hausdorff = compute_hausdorff_distance(*both, percentile=95, **spacing)
        average = compute_average_surface_distance(*both, symmetric=True, **spacing)
        nsd = compute_surface_dice(*both, [TOLERANCE_MM] * len(values), use_subvoxels=True, **spacing)
        figures = {"dice_scan": compute_dice(*both), "hd95_mm": hausdorff, "assd_mm": average, "nsd": nsd}
        for place, structure in enumerate(ACDC_LABELS):
            found = {key: float(value[0, place]) for key, value in figures.items()}
            rows.append({"case": case, "structure": structure, **found})
    return pd.DataFrame(rows), started.elapsed()


def _print_differences(ours: pd.DataFrame, monai: pd.DataFrame) -> None:
    beside = ours.merge(monai, on=["case", "structure"], suffixes=("", "_monai"), validate="one_to_one")
    for name, words in (("dice_scan", "Dice"), ("nsd", "NSD"), ("hd95_mm", "HD95 mm"), ("assd_mm", "ASSD mm")):
        ours_, theirs = (beside[key].to_numpy(float) for key in (name, f"{name}_monai"))
        defined = np.isfinite(ours_) & np.isfinite(theirs)
        apart = np.abs(ours_ - theirs)[defined]
        print(
            f"{words}: mean {ours_[defined].mean():.4f}, MONAI {theirs[defined].mean():.4f}; apart by up to "
            f"{apart.max():.4g}, {apart.mean():.4g} on average; {np.count_nonzero(apart > 1e-3)} of {apart.size} by "
            f"more than 0.001; {np.count_nonzero(~defined)} not finite (MONAI {np.count_nonzero(~np.isfinite(theirs))})"
        )


if __name__ == "__main__":
    main()
