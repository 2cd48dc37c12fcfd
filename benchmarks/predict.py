"""How much longer predicting files takes than the network's own forward passes.

    python benchmarks/predict.py PATH/TO/ACDC [--scans 50] [--repeats 5]

The peer is the network of the preset ``acdc_cpu`` alone, on the same slices in the same batches, already in memory.
Its weights are random: they cost what trained ones do. The two are measured in turn, and the median of the ratios
counts. The rest of the time is reading, resampling, writing, pictures, and loading the run. Beside the ratio of
wall times stands that of processor times, over all threads: other work on the machine does not change it much, and
where a second core is free, the wall's is smaller.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from medsize.config.layers import layer_from_option
from medsize.config.loading import dump, load_config
from medsize.data.volumes import read_volume
from medsize.inference import Predictor, Wanted, predict_files, predict_probabilities
from medsize.inference.case_prediction import CaseSlices
from medsize.inference.meaning import Meaning
from medsize.run_folder import RunFolder


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--scans", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    images = sorted(arguments.root.rglob("*_frame??.nii.gz"))[: arguments.scans]
    with tempfile.TemporaryDirectory() as folder:
        run = random_run(Path(folder) / "run", arguments.root)
        predictor = Predictor.load(run)
        way = predictor.config.data.preprocessing
        slices = [CaseSlices.of(read_volume(image), way).slices for image in images]
        rows: list[list[float]] = []
        for repeat in range(arguments.repeats + 1):
            alone = timed(lambda: forward(predictor, slices))
            again = Wanted(existing="overwrite", pictures=False)
            plain = timed(lambda wanted=again: predict_files(run, images, Path(folder) / "plain", wanted=wanted))
            again = Wanted(existing="overwrite")
            pictured = timed(lambda wanted=again: predict_files(run, images, Path(folder) / "pictured", wanted=wanted))
            if repeat:  # the first warms up
                rows.append([alone[0], *(taken[i] / alone[i] for taken in (plain, pictured) for i in (0, 1))])
                show(rows[-1])
    count = sum(map(len, slices))
    print(f"{len(images)} scans, {count} slices, {torch.get_num_threads()} thread(s), {predictor.precision}; medians:")
    show([statistics.median(column) for column in zip(*rows, strict=True)])


def show(row: list[float]) -> None:
    """Print a line."""
    seconds, *ratios = row
    print(
        f"forward {seconds:6.2f} s   whole: wall {ratios[0]:5.2f} x, processor {ratios[1]:5.2f} x   "
        f"with pictures: wall {ratios[2]:5.2f} x, processor {ratios[3]:5.2f} x",
        flush=True,
    )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of the wall and of the processor, over all threads."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def random_run(path: Path, root: Path) -> RunFolder:
    """Write what predicting needs of a run."""
    config = load_config("acdc_cpu", [layer_from_option("--data-root", ("data", "source", "root"), root)])
    run = RunFolder(path)
    run.weights("last").parent.mkdir(parents=True)
    run.config.write_text(dump(config), encoding="utf-8")
    torch.manual_seed(0)
    weights = config.network.build(in_channels=1, classes=2).state_dict()
    save_file(weights, run.weights("last"), Meaning.of(config).metadata())
    return run


def forward(predictor: Predictor, scans: list[np.ndarray]) -> None:
    """Ask the network alone."""
    for slices in scans:
        for _ in predict_probabilities(
            predictor.network,
            slices,
            np.arange(len(slices)),
            device=predictor.device,
            precision=predictor.precision,
            batch_size=predictor.batch_size,
        ):
            pass


if __name__ == "__main__":
    main()
