"""How long it takes to prepare ACDC for training, and to open it again.

    python benchmarks/prepare.py PATH/TO/ACDC

The peer is what preparing cannot do without: reading every image and label once with nibabel, in one process.
"""

import argparse
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
    with tempfile.TemporaryDirectory() as cache:
        layers = [layer_from_option("--data-root", ("data", "source", "root"), root)]
        config = load_config("acdc", [*layers, layer_from_assignment(f"data.cache={cache}")]).data
        found = find_split_cases(config)
        began = time.perf_counter()
        for case in found.cases:
            for path in (case.image, case.label):
                if path is not None:
                    np.asarray(nib.load(path).dataobj, np.float32)
        reading = time.perf_counter() - began
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            store = prepare_slices(config, found)
            seconds.append(time.perf_counter() - began)
    print(f"{len(found.cases)} scans, {len(store)} slices of 256²")
    print(f"reading every file once        {reading:6.1f} s")
    print(f"medsize, first start           {seconds[0]:6.1f} s    {seconds[0] / reading:.1f} x")
    print(f"medsize, second start          {seconds[1]:6.1f} s")


if __name__ == "__main__":
    main()
