"""Options on the command line become layers over a configuration."""

from pathlib import Path

from medsize.cli.overrides import training_overrides
from medsize.config.loading import load_config
from medsize.config.run import RunConfig


def configured(preset: str = "acdc", **options: object) -> RunConfig:
    return load_config(preset, training_overrides(**options))


def test_without_options_nothing_is_laid_over():
    assert training_overrides() == []
    assert configured() == load_config("acdc")


def test_every_option_sets_its_key(working_folder: Path):
    config = configured(
        data_root=Path("acdc"),
        structure=["lv", "myo"],
        noise=0.08,
        weights=Path("w.pth"),
        fold=3,
        seed=11,
    )
    assert config.data.source.root == working_folder / "acdc"
    assert config.data.structures == ("lv", "myo")
    assert config.supervision.sizes.model_dump() == {"kind": "noisy", "noise": 0.08, "noise_on": "all"}
    assert config.network.weights == working_folder / "w.pth"
    assert config.data.split.fold == 3
    assert config.training.seed == 11


def test_no_noise_is_a_noise(working_folder: Path):
    assert configured(noise=0.0).supervision.sizes.kind == "noisy"


def test_a_size_table_replaces_the_sizes_of_the_configuration(working_folder: Path):
    sizes = configured("acdc_mean_size", sizes=Path("sizes.csv")).supervision.sizes
    assert (sizes.kind, sizes.path) == ("table", working_folder / "sizes.csv")


def test_assignments_lie_on_top_in_their_order():
    config = configured(seed=1, assignments=["training.seed=2", "training.seed=3", "training.epochs=7"])
    assert (config.training.seed, config.training.epochs) == (3, 7)


def test_an_assignment_completes_an_option():
    sizes = configured(noise=0.08, assignments=["supervision.sizes.noise_on=foreground"]).supervision.sizes
    assert (sizes.noise, sizes.noise_on) == (0.08, "foreground")


def test_naming_another_network_keeps_the_weights_named_beside_it(working_folder: Path):
    network = configured(weights=Path("w.pth"), assignments=["network.name=mobilenetv2_unet"]).network
    assert (network.name, network.weights) == ("mobilenetv2_unet", working_folder / "w.pth")
