"""Several processes that train together: which of them is the first."""

import os


def is_first() -> bool:
    """Tell whether this process is the one that writes, of those that torchrun started; alone it is."""
    return os.environ.get("RANK", "0") == "0"  # torchrun, and SLURM through it, number the processes
