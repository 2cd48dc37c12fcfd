from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from medsize.config.layers import layer_from_assignment
from medsize.config.loading import load_config
from medsize.inference.label_values import structure_values
from medsize.inference.meaning import Meaning
from medsize.run_folder import RunFolder
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import fabricate_run

PAPER = "data.preprocessing={name: paper, size: 32}"
PHYSICAL = "data.preprocessing={name: physical, size: 32, spacing_mm: 1.2}"


@pytest.fixture(scope="session")
def random_run(tiny_acdc: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunFolder]:
    """Make runs of networks with random weights, as a training leaves them."""

    def make(*assignments: str) -> RunFolder:
        config = tiny_run_config(tiny_acdc, tiny_cache, "supervision.sizes={kind: noisy, noise: 0.08}", *assignments)
        run = fabricate_run(tmp_path_factory.mktemp("runs") / "run", config, best=False)
        torch.manual_seed(3)
        network = config.network.build(in_channels=1, classes=len(structure_values(config.data)) + 1)
        for name, weight in network.named_parameters():
            if name.endswith("weight"):
                weight.data = 3 * weight.data  # so that classes differ
        state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        save_file(state, run.weights("last"), Meaning.of(config).metadata())
        return run

    return make


@pytest.fixture(scope="session")
def physical_run(random_run: Callable[..., RunFolder]) -> RunFolder:
    """A run at a fixed spacing; tests only read it."""
    return random_run(PHYSICAL)


def photo_config():
    """A run on photos, of which only the network matters."""
    layers = ["data.source={kind: folder}", "data.split={name: holdout}", "data.structures=[object]"]
    layers += ["data.preprocessing={name: photo, size: 32}", "network={name: unet, channels: [4, 8]}"]
    return load_config("acdc", [layer_from_assignment(text) for text in layers])
