"""How long ``medsize --help`` takes, beside a bare Python start, and whether torch is imported for it.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

RUNS = 9


def seconds(*command: str) -> float:
    """Return the median wall time of a command."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print the figures."""
    bare = seconds(sys.executable, "-c", "pass")
    ours = seconds(sys.executable, "-m", "medsize", "--help")
    heavy = ("torch", "monai", "numpy", "pandas")
    code = f"import sys, medsize.cli.app; print([m for m in {heavy} if m in sys.modules])"
    imported = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    print(f"python -c pass    {bare:.3f} s")
    print(f"medsize --help    {ours:.3f} s    {ours / bare:.1f} x    (median of {RUNS})")
    print(f"heavy imports     {imported}")


if __name__ == "__main__":
    main()
