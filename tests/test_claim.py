import json
import subprocess
import sys
from pathlib import Path

import pytest

from medsize.claim import claimed
from medsize.errors import InputError

_HOLD = """
import sys
from pathlib import Path
from medsize.claim import claimed
with claimed(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_claim_of_another_process_is_named(tmp_path: Path):
    with hold(tmp_path / "run") as other:
        named = f"another process is at work.*\n.*\n.*training by process {other.pid} on"
        with pytest.raises(InputError, match=named), claimed(tmp_path / "run", "training"):
            pass
        other.communicate("\n")
    with claimed(tmp_path / "run", "training"):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path):
    with hold(tmp_path / "run") as other:
        other.kill()
        other.wait()
    with claimed(tmp_path / "run", "predicting"):
        assert json.loads((tmp_path / "run" / ".claim").read_text())["doing"] == "predicting"


def test_a_new_folder_that_stays_empty_is_gone_again(tmp_path: Path):
    with claimed(tmp_path / "a" / "b", "training"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a").exists()


def test_a_folder_with_results_stays_without_the_claim(tmp_path: Path):
    with claimed(tmp_path / "a", "training"):
        (tmp_path / "a" / "x").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x"]
