import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

# Triton reads this when it is imported, so the kernel is run in a process of its own, by Triton's interpreter.
CODE = """
import torch
from medsize.losses import Features
from medsize.losses.gaussian_filter.exact import exact_filter
from medsize.losses.gaussian_filter.fused import fused_filter
from tests.losses.gaussian_filter.photo import photo, soft_masks

for spatial, channels, classes in [((13, 17), 3, 2), ((9, 31), 1, 21), ((5, 6, 7), 2, 4), ((150,), 1, 3)]:
    features = Features.of_image(photo(2, channels, *spatial), sigma_space=5.0, sigma_intensity=0.2)
    values = 1000 * (soft_masks(2, classes, *spatial) - 0.3)
    exact, found = exact_filter(features, values), fused_filter(features, values)
    assert found.shape == exact.shape
    error = float((found - exact).norm() / exact.norm())
    print(error)
    assert error < 1e-3, error
nothing = fused_filter(features, torch.zeros_like(values))
assert not nothing.any()
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton, for its interpreter: pip install triton")
def test_the_kernel_equals_the_exact_filter_to_a_thousandth() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 4
