"""How long it takes to prepare ACDC for training, to open it again, and how much of that is checking it.

    python benchmarks/prepare.py PATH/TO/ACDC

The peer is what preparing cannot do without: reading every image and label once with nibabel, in one process.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from medsize.config.layers import layer_from_assignment, layer_from_option
from medsize.config.loading import load_config
from medsize.data.prepare import find_split_cases, prepare_slices


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root
    for preset in ("acdc", "acdc_cpu"):
        with tempfile.TemporaryDirectory() as cache:
            measure(preset, root, Path(cache))


def measure(preset: str, root: Path, cache: Path) -> None:
    """Print the figures of a preset."""
    layers = [layer_from_option("--data-root", ("data", "source", "root"), root)]
    config = load_config(preset, [*layers, layer_from_assignment(f"data.cache={cache}")]).data
    found = find_split_cases(config)
    began = time.perf_counter()
    for case in found.cases:
        for path in (case.image, case.label):
            if path is not None:
                np.asarray(nib.load(path).dataobj, np.float32)
    reading = time.perf_counter() - began

    def seconds() -> float:
        began = time.perf_counter()
        prepare_slices(config, found)
        return time.perf_counter() - began

    first = seconds()
    store = prepare_slices(config, found)
    known = min(seconds() for _ in range(5))  # this process has checked it
    files = [path for path in store.path.iterdir() if path.is_file()]
    checked = {cold: min(seconds() for _ in range(5) if forget(files, cold=cold)) for cold in (False, True)}
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{preset}: {len(found.cases)} scans, {len(store)} slices of {store.side}², {size:.0f} MB")
    print(f"reading every file once          {reading:6.2f} s")
    print(f"medsize, first start             {first:6.2f} s    {first / reading:.1f} x")
    print(f"opening, checked before          {known:6.2f} s")
    print(f"opening and checking             {checked[False]:6.2f} s    {checked[False] - known:.2f} s more")
    print(f"the same from disk               {checked[True]:6.2f} s    {checked[True] - known:.2f} s more")


def forget(files: list[Path], *, cold: bool) -> bool:
    """Make the files unknown to this process and, if cold, to the operating system's memory."""
    for path in files:
        os.utime(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
            if cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


if __name__ == "__main__":
    main()
