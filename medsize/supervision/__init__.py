"""What a run is taught from: seeds, size targets, bounds and tags, and the labels that follow from them.

:mod:`medsize.supervision.transforms` has them as MONAI transforms.
"""

from medsize.supervision.bounds import common_bounds, individual_bounds, make_bounds
from medsize.supervision.complete_config import complete_config
from medsize.supervision.cues import background_cues, cues_from_activation, foreground_cues
from medsize.supervision.from_labels import sizes_from_labels
from medsize.supervision.given_sizes import given_sizes
from medsize.supervision.grow import grow
from medsize.supervision.seeds import (
    centroid_seeds,
    erosion_seeds,
    full_seeds,
    length_ratio_seeds,
    make_seeds,
    random_seeds,
    scribble_seeds,
)
from medsize.supervision.size_table import read_size_table
from medsize.supervision.size_targets import exact_sizes, mean_relative_error, mean_sizes, noisy_sizes
from medsize.supervision.supervise import Supervision, supervise
from medsize.supervision.table_sizes import Estimates, GivenTable
from medsize.supervision.tags import tags_from_sizes

__all__ = [
    "Estimates",
    "GivenTable",
    "Supervision",
    "background_cues",
    "centroid_seeds",
    "common_bounds",
    "complete_config",
    "cues_from_activation",
    "erosion_seeds",
    "exact_sizes",
    "foreground_cues",
    "full_seeds",
    "given_sizes",
    "grow",
    "individual_bounds",
    "length_ratio_seeds",
    "make_bounds",
    "make_seeds",
    "mean_relative_error",
    "mean_sizes",
    "noisy_sizes",
    "random_seeds",
    "read_size_table",
    "scribble_seeds",
    "sizes_from_labels",
    "supervise",
    "tags_from_sizes",
]
