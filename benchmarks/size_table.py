"""How long it takes to read and check a large table of sizes: ``python benchmarks/size_table.py``."""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from medsize.data.case import Case
from medsize.data.formats import Grid
from medsize.supervision.size_table import parse_size_table
from medsize.supervision.size_table.check import check_size_table

STRUCTURES = {"a": 100.0, "b": 50.0, "c": 80.0, "d": 20.0}
"""Typical volumes in mL."""

RATERS = ("A", "B")


def write(path: Path, rows: int) -> list[Case]:
    """Write a table as a spreadsheet of a German user saves it, and return its cases."""
    rng = np.random.default_rng(0)
    per_case = len(STRUCTURES) * len(RATERS)
    cases = [Case(id=f"p{number:06d}", group=f"p{number:06d}", image=path) for number in range(rows // per_case)]
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["case", "structure", "value", "unit", "rater", "seconds"])
        for case in cases:
            for structure, middle in STRUCTURES.items():
                for rater in RATERS:
                    value = f"{middle * np.exp(rng.normal(0, 0.3)):.1f}".replace(".", ",")
                    writer.writerow([case.id, structure, value, "ml", rater, rng.integers(5, 30)])
    return cases


def main() -> None:
    """Write a table, time reading it with pandas and with medsize, and time the check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sizes.csv"
        cases = write(path, rows)
        started = time.perf_counter()
        pd.read_csv(path, sep=";", decimal=",", encoding="cp1252")
        peer = time.perf_counter()
        table = parse_size_table(path)
        read = time.perf_counter()
        grids = {case.id: Grid((256, 256, 10), (1.5, 1.5, 8.0)) for case in cases}
        found = check_size_table(table, cases, grids, list(STRUCTURES))
        checked = time.perf_counter()
    print(f"{len(table.entries)} rows: pandas, told everything, reads in {peer - started:.2f} s")
    print(f"medsize reads in {read - peer:.2f} s and checks in {checked - read:.2f} s; {len(found.findings)} findings")


if __name__ == "__main__":
    main()
