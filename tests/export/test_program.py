import numpy as np
import pytest
import torch

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.volumes import Volume
from medsize.export.trace import build_program
from medsize.inference.case_prediction import predict_case, scale_to_unit

_TIE = 1e-3
"""Probabilities that are nearer to each other are equal in float32: two implementations of one geometry place pixels
to 1e-6 of their side, and the network's steps are as steep as 20 a grey level."""

SHAPES = [(40, 56, 3), (31, 20, 2), (64, 64, 1), (33, 90, 2)]


class Curves(torch.nn.Module):
    """A network whose probabilities depend on every pixel and its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = torch.nn.Conv2d(1, 3, 5, padding=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 20 * self.conv(image)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "preprocessing",
    [
        PaperPreprocessing(size=32),
        PhysicalPreprocessing(name="physical", size=32, spacing_mm=1.2),
        PhysicalPreprocessing(name="physical", size=48, spacing_mm=1.5),
    ],
    ids=["paper", "cropped", "padded"],
)
@torch.no_grad()
def test_the_program_gives_the_classes_of_a_prediction_by_medsize(shape, preprocessing) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    volume = Volume(array, np.diag([1.1, 1.5, 8, 1]), (1.1, 1.5, 8.0), None)
    network = Curves()
    expected = predict_case(
        network, volume, preprocessing, device=torch.device("cpu"), precision=torch.float32, batch_size=2
    )
    planes = torch.from_numpy(scale_to_unit(array)).movedim(-1, 0)[:, None]
    spacing = [torch.tensor([1.1, 1.5])] if preprocessing.name == "physical" else []
    probabilities = build_program(network, preprocessing)(planes, *spacing)
    first, second = probabilities.topk(2, dim=1).values.unbind(1)
    decided = (first - second > _TIE).movedim(0, -1).numpy()
    found = probabilities.max(1).indices.movedim(0, -1).numpy()
    np.testing.assert_array_equal(found[decided], expected[decided])
    assert decided.mean() > 0.99
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_what_the_square_does_not_reach_is_background() -> None:
    preprocessing = PhysicalPreprocessing(name="physical", size=8, spacing_mm=1.0)
    program = build_program(Curves(), preprocessing)
    probabilities = program(torch.rand(1, 1, 20, 20), torch.ones(2))
    assert (probabilities[0, :, 0, 0] == torch.tensor([1.0, 0.0, 0.0])).all()
    assert (probabilities[0, 0, 8:12, 8:12] < 1).all()
