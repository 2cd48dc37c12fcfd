import doctest
import subprocess
import sys

import medsize.losses


def test_the_example_in_the_package_docstring_runs() -> None:
    outcome = doctest.testmod(medsize.losses)
    assert outcome.attempted >= 8
    assert outcome.failed == 0


def test_importing_the_losses_imports_torch_and_nothing_heavy_beside_it() -> None:
    code = "import sys, medsize.losses; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" in loaded
    assert not {"monai", "pandas", "scipy", "pydantic", "nibabel", "SimpleITK", "accelerate"} & set(loaded)
    rooms = {name for name in loaded if name.startswith("medsize.")}
    assert all(name.startswith("medsize.losses") for name in rooms)
