from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from medsize.errors import InputError
from medsize.run.sizes_while_learning import read_sizes_while_learning
from medsize.run_folder import RunFolder


def test_the_mean_is_over_the_epochs_a_slice_was_seen_in(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert read_sizes_while_learning(run) is None
    run.checkpoint("last").mkdir(parents=True)
    fractions = np.array([[1.5, 0.5], [0, 0]], np.float32)
    save_file({"fractions": fractions, "times": np.array([2, 0], np.int32)}, run.sizes_while_learning)
    np.testing.assert_array_equal(read_sizes_while_learning(run), [[0.75, 0.25], [np.nan, np.nan]])
    run.sizes_while_learning.write_bytes(b"broken")
    with pytest.raises(InputError, match="sizes_while_learning"):
        read_sizes_while_learning(run)
