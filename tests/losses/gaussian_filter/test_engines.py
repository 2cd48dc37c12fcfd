import subprocess
import sys

import pytest
import torch

from medsize.losses import Features, gaussian_filter
from medsize.losses.gaussian_filter import engines
from medsize.losses.gaussian_filter.exact import exact_filter
from medsize.losses.gaussian_filter.low_rank import low_rank_filter
from tests.losses.gaussian_filter.photo import photo, soft_masks


def features_of(*spatial: int) -> Features:
    return Features.of_image(photo(1, 1, *spatial), sigma_space=8.0, sigma_intensity=0.1)


def test_small_images_are_exact_and_others_of_low_rank_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    features, values = features_of(12, 12), soft_masks(1, 2, 12, 12)
    exact, low_rank = exact_filter(features, values), low_rank_filter(features, values)
    assert not torch.equal(exact, low_rank)
    assert torch.equal(gaussian_filter(features, values), exact)
    assert torch.equal(gaussian_filter(features, values, engine="low_rank"), low_rank)
    assert torch.equal(
        gaussian_filter(features, values, engine="low_rank", tolerance=0.5), low_rank_filter(features, values, 0.5)
    )
    monkeypatch.setattr(engines, "_FEW_PIXELS", 10)
    assert torch.equal(gaussian_filter(features, values), low_rank)
    assert torch.equal(gaussian_filter(features, values, engine="exact"), exact)


@pytest.mark.parametrize("engine", ["exact", "low_rank"])
def test_the_gradient_of_the_values_is_right(engine: engines.Engine) -> None:
    features = features_of(3, 4)
    features = Features(features.intensity.double(), features.steps)
    values = soft_masks(1, 2, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: gaussian_filter(features, v, engine=engine), values)


def test_half_precisions_are_computed_in_float32() -> None:
    values = soft_masks(1, 2, 6, 6)
    found = gaussian_filter(features_of(6, 6), values.bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, gaussian_filter(features_of(6, 6), values), rtol=0.01, atol=0.01)


def test_it_compiles_into_one_graph() -> None:
    features, values = features_of(6, 6), soft_masks(1, 2, 6, 6)
    compiled = torch.compile(lambda v: gaussian_filter(features, v).square(), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(values), gaussian_filter(features, values).square())


def test_a_wrong_engine_tolerance_or_shape_is_refused() -> None:
    features, values = features_of(6, 6), soft_masks(1, 2, 6, 6)
    with pytest.raises(ValueError, match="engine must be one of 'auto', 'exact', 'low_rank', found 'lattice'"):
        gaussian_filter(features, values, engine="lattice")
    with pytest.raises(ValueError, match="tolerance must be a finite number above 0, found 0"):
        gaussian_filter(features, values, tolerance=0)
    with pytest.raises(
        ValueError, match=r"values does not fit .* \(B, K, \*spatial\) = \(1, 2, 6, 6\), found \(1, 2, 6\)"
    ):
        gaussian_filter(features, values[..., 0])


def test_a_filter_on_a_cpu_does_not_touch_the_kernel_for_gpus() -> None:
    code = (
        "import sys, torch; from medsize.losses import DenseCRFLoss;"
        "DenseCRFLoss(5.0, 0.1)(torch.zeros(1, 2, 60, 60), torch.rand(1, 1, 60, 60));"
        "print('medsize.losses.gaussian_filter.fused' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
