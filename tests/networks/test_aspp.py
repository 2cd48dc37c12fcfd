import pytest
import torch
from torch import nn

from medsize.networks.aspp import ASPP, PooledBatchNorm2d


def test_the_branches_are_the_published_ones() -> None:
    aspp = ASPP(320, rates=(6, 12, 18))
    convs = [branch[0] for branch in aspp.branches]
    assert [c.kernel_size[0] for c in convs] == [1, 3, 3, 3]
    assert [c.dilation[0] for c in convs] == [1, 6, 12, 18]
    assert all(c.in_channels == 320 and c.out_channels == 256 and c.groups == 1 for c in convs)
    assert aspp.project[0].in_channels == 5 * 256
    assert aspp.dropout.p == 0.1
    assert sum(p.numel() for p in aspp.parameters()) == 320 * 256 * (1 + 9 * 3 + 1) + 1280 * 256 + 6 * 2 * 256


def test_the_pooling_branch_gives_every_position_the_mean_of_the_map() -> None:
    aspp = ASPP(4, rates=(2,), channels=3).eval()
    feature = torch.rand(2, 4, 5, 6)
    seen = []
    aspp.project.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    aspp(feature)
    expected = aspp.pooling(nn.functional.adaptive_avg_pool2d(feature, 1))
    assert seen[0].shape == (2, 9, 5, 6)
    torch.testing.assert_close(seen[0][:, 6:], expected.expand(2, 3, 5, 6))


def test_one_pooled_image_is_normalised_by_the_running_statistics_and_leaves_them() -> None:
    norm, reference = PooledBatchNorm2d(3), nn.BatchNorm2d(3).eval()
    for module in (norm, reference):
        module.running_mean = torch.tensor([1.0, 2.0, 3.0])
        module.running_var = torch.tensor([4.0, 5.0, 6.0])
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    image = torch.rand(1, 3, 1, 1)
    torch.testing.assert_close(norm(image), reference(image))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (1, 3, 1, 2)])
def test_more_values_are_normalised_by_their_own_statistics(shape: tuple[int, ...]) -> None:
    norm, reference = PooledBatchNorm2d(3), nn.BatchNorm2d(3)
    feature = torch.rand(shape)
    torch.testing.assert_close(norm(feature), reference(feature))
    torch.testing.assert_close(norm.running_mean, reference.running_mean)
