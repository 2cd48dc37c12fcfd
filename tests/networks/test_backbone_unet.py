import pytest
import torch

from medsize.networks import BackboneUNet


def network(**settings: object) -> BackboneUNet:
    torch.manual_seed(0)
    return BackboneUNet(**{"in_channels": 1, "classes": 2} | settings)


def train_a_step(net: BackboneUNet) -> None:
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    net(torch.rand(2, 1, 40, 40)).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 57), (64, 64), (65, 31)])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_logits_have_the_size_of_any_image(size: tuple[int, int], in_channels: int) -> None:
    net = network(in_channels=in_channels, classes=4).eval()
    with torch.no_grad():
        logits = net(torch.rand(2, in_channels, *size))
    assert logits.shape == (2, 4, *size)
    assert logits.isfinite().all()


def test_every_level_meets_the_encoders_map_of_its_stride() -> None:
    net = network(decoder_channels=(40, 30, 20, 10, 5)).eval()
    shapes = []
    for block in net.decoder:
        block.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape[1:])))
    with torch.no_grad():
        net(torch.rand(1, 1, 64, 96))
    assert shapes == [
        (320 + 96, 4, 6),
        (40 + 32, 8, 12),
        (30 + 24, 16, 24),
        (20 + 16, 32, 48),
        (10, 64, 96),
    ]


def test_fewer_levels_end_at_a_coarser_stride() -> None:
    net = network(decoder_channels=(32, 16)).eval()
    coarse = []
    net.classifier.register_forward_hook(lambda *hook: coarse.append(tuple(hook[2].shape)))
    with torch.no_grad():
        assert net(torch.rand(1, 1, 64, 64)).shape == (1, 2, 64, 64)
    assert coarse == [(1, 2, 8, 8)]


@pytest.mark.parametrize("size", [(1, 1), (48, 40)])
def test_a_batch_of_one_trains_and_every_parameter_gets_a_gradient(size: tuple[int, int]) -> None:
    net = network()
    net(torch.rand(1, 1, *size)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if parameter.ndim == 4 and size != (1, 1):
            assert parameter.grad.any(), name


@pytest.mark.parametrize("again", [False, True])
def test_a_frozen_encoder_changes_neither_weights_nor_statistics(again: bool) -> None:
    net = network(frozen_encoder=True)
    if again:
        net.eval()
        net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    train_a_step(net)
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert net.training
    assert not any(name.startswith("encoder.") for name in changed)
    assert {name for name in before if name.startswith("decoder.")} <= changed
    assert all(p.grad is None for p in net.encoder.parameters())


def test_an_encoder_that_is_not_frozen_learns() -> None:
    net = network()
    before = net.encoder.features[0][0].weight.detach().clone()
    statistics = net.encoder.features[0][1].running_mean.clone()
    train_a_step(net)
    assert not torch.equal(net.encoder.features[0][0].weight, before)
    assert not torch.equal(net.encoder.features[0][1].running_mean, statistics)


def test_channels_last_gives_the_logits_of_the_contiguous_network() -> None:
    net = network().eval()
    image = torch.rand(2, 1, 50, 70)
    with torch.no_grad():
        plain = net(image)
        last = net.to(memory_format=torch.channels_last)(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, atol=1e-4, rtol=1e-4)


def test_bfloat16_autocast_trains_to_float32_logits() -> None:
    net = network().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(torch.rand(2, 1, 48, 48))
    assert logits.dtype is torch.float32
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_replication_gives_the_encoder_three_channels() -> None:
    assert network(one_channel="replicate").encoder.in_channels == 3
    assert network(one_channel="sum").encoder.in_channels == 1


@pytest.mark.parametrize("levels", [(), (64,) * 6])
def test_an_impossible_number_of_levels_is_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="decoder_channels: expected one to five levels"):
        network(decoder_channels=levels)
