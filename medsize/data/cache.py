"""Where what is made once of a data set is kept."""

import os
from pathlib import Path


def default_cache() -> Path:
    """Return the folder of the slice stores: ``$MEDSIZE_CACHE`` or ``~/.cache/medsize``."""
    return Path(os.environ.get("MEDSIZE_CACHE") or Path.home() / ".cache" / "medsize")
