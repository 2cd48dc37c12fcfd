import subprocess
import sys

import pytest
import torch

from medsize.networks import UNet


def network(**settings: object) -> UNet:
    torch.manual_seed(0)
    return UNet(**{"in_channels": 1, "classes": 2, "channels": (4, 8, 16), "strides": (2, 2)} | settings)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 57), (64, 64), (65, 31)])
def test_logits_have_the_size_of_any_image(size: tuple[int, int]) -> None:
    logits = network(in_channels=3, classes=4)(torch.rand(1, 3, *size))
    assert logits.shape == (1, 4, *size)
    assert logits.isfinite().all()


def test_the_defaults_are_five_levels_with_two_residual_units_and_instance_normalisation() -> None:
    net = UNet(in_channels=1, classes=2)
    assert net.net.channels == (32, 64, 128, 256, 320)
    assert net.net.strides == (2, 2, 2, 2)
    assert net.net.num_res_units == 2
    assert any(isinstance(module, torch.nn.InstanceNorm2d) for module in net.modules())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    with torch.no_grad():
        assert net(torch.rand(1, 1, 5, 5)).shape == (1, 2, 5, 5)


def test_every_parameter_gets_a_gradient() -> None:
    net = network()
    net(torch.rand(1, 1, 24, 24)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_the_network_sees_the_standardised_image() -> None:
    net = network(mean=0.3, std=0.2)
    seen = []
    net.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(1, 1, 16, 16)
    net(image)
    torch.testing.assert_close(seen[0], (image - 0.3) / 0.2)


@pytest.mark.parametrize(("channels", "strides"), [((4, 8, 16), (2,)), ((4,), ()), ((4, 8), (2, 2))])
def test_strides_that_do_not_fit_the_channels_are_refused(channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="strides: expected one fewer than channels"):
        network(channels=channels, strides=strides)


def test_importing_the_networks_does_not_import_monai_or_the_rest_of_medsize() -> None:
    code = (
        "import sys, medsize.networks; "
        "print([m for m in sys.modules if m.startswith(('monai', 'torchvision')) "
        "or m.startswith('medsize.') and not m.startswith('medsize.networks')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
