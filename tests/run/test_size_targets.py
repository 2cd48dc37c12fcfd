import pandas as pd
import pytest

from medsize.errors import InputError
from medsize.run.size_targets import read_size_targets, write_size_targets
from medsize.run_folder import RunFolder


def test_what_is_written_is_read_back(tmp_path):
    sizes = pd.DataFrame(
        {
            "case": ["a", "b"],
            "slice": pd.array([3, pd.NA], "Int64"),
            "structure": ["lv", "lv"],
            "exact_fraction": [0.25, float("nan")],
            "given_fraction": [1 / 3, 0.5],
            "unit": ["ml", "percent"],
        }
    )
    write_size_targets(RunFolder(tmp_path), sizes)
    pd.testing.assert_frame_equal(read_size_targets(RunFolder(tmp_path)), sizes, check_dtype=False)


@pytest.mark.parametrize("content", [None, "", "case,slice\na,1\n"])
def test_missing_or_damaged_size_targets_are_refused(tmp_path, content):
    run = RunFolder(tmp_path)
    if content is not None:
        run.size_targets.write_text(content)
    with pytest.raises(InputError, match=r"size_targets\.csv cannot be read"):
        read_size_targets(run)
