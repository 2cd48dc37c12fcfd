import json
import platform
from pathlib import Path

import torch

from medsize import __version__
from tests.cli.command import medsize


def test_info_tells_versions_device_presets_and_cache_as_json(cache: Path):
    outcome = medsize("info")
    assert outcome.code == 0
    about = json.loads(outcome.stdout)
    assert (about["medsize"], about["python"], about["torch"]) == (
        __version__,
        platform.python_version(),
        torch.__version__,
    )
    assert {"monai", "numpy", "nibabel", "platform", "device", "threads"} <= about.keys()
    assert about["precision"] in ("float32", "bfloat16")
    assert "acdc_cpu" in about["presets"]
    assert about["cache"] == str(cache)
