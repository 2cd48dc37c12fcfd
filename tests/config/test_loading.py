from pathlib import Path

import pytest

from medsize.config.layers import layer_from_assignment, layer_from_option, presets
from medsize.config.loading import dump, load_config, load_resolved
from medsize.errors import InputErrors


def errors_of(tmp_path: Path, text: str, *assignments: str) -> str:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputErrors) as caught:
        load_config(str(file), [layer_from_assignment(assignment) for assignment in assignments])
    return str(caught.value)


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_and_its_dump_loads_to_the_same(preset: str, tmp_path: Path):
    config = load_config(preset)
    (tmp_path / "config.yaml").write_text(dump(config))
    assert load_resolved(tmp_path / "config.yaml") == config


@pytest.mark.parametrize("preset", presets())
def test_every_preset_says_its_command(preset: str):
    header = (Path(__file__).parents[2] / "configs" / f"{preset}.yaml").read_text("utf-8").split("\n\n")[0]
    assert f"# medsize train {preset}" in header


def test_options_win_over_the_file():
    noisy = layer_from_option("--noise", ("supervision", "sizes"), {"kind": "noisy", "noise": 0.08})
    config = load_config("acdc", [noisy, layer_from_assignment("training.epochs=3")])
    assert (config.supervision.sizes.kind, config.supervision.sizes.noise) == ("noisy", 0.08)
    assert config.training.epochs == 3


def test_all_that_is_wrong_is_said_at_once_with_line_or_option(tmp_path: Path):
    text = "extends: acdc\ntraining: {epochs: 0}\nsupervision:\n  sizes: {kind: noisy, noise: -0.1}\n"
    message = errors_of(tmp_path, text, "training.seed=-1")
    assert message.startswith("3 problems:")
    assert "mine.yaml, line 2: training.epochs: Input should be greater than or equal to 1\n  found:    0" in message
    assert "mine.yaml, line 4: supervision.sizes.noise" in message
    assert "--set training.seed=-1: training.seed" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainin: {}", "unknown key 'trainin'\n  remedy:   did you mean 'training'?"),
        ("training: {epocs: 2}", "unknown key 'training.epocs'\n  remedy:   did you mean 'epochs'?"),
        ("objective: {size_target: {wieght: 2}}", "did you mean 'weight'?"),
        ("network: {name: unet, chanels: [8, 8]}", "did you mean 'channels'?"),
        ("training: {early_stopping: {patiense: 2}}", "did you mean 'patience'?"),
        ("supervision: {seeds: {kind: erosion, zzz: 1}}", "known keys: iterations, kind"),
        ("supervision: {seeds: {kind: erotion}}", "unknown variant 'erotion'"),
        ("supervision: {seeds: {kind: erotion}}", "did you mean 'erosion'?"),
        ("network: {name: transformer}", "one of mobilenetv2_deeplabv3plus, "),
        ("training: {optimiser: {name: sgd, learning_rate: .nan}}", "finite number"),
        ("training: {device: gpu}", "training.device"),
        ("data: {split: {name: manifest}}", "does not belong to source 'acdc'"),
        ("supervision: {bounds: {kind: common, lower: 0.5, upper: 0.1}}", "lower bound 0.5 is above upper bound 0.1"),
        ("objective: {partial_cross_entropy: null, size_target: null}", "no term"),
        ("objective: {size_target: {weight: 0}}", "greater than 0"),
        ("data: {structures: []}", "at least 1 item"),
        ("network: {name: unet, channels: [8, 0]}", "network.channels.1"),
        ("training: 3", "training"),
    ],
)
def test_a_wrong_value_says_what_was_meant(tmp_path: Path, text: str, message: str):
    assert message in errors_of(tmp_path, f"extends: acdc\n{text}\n")


def test_a_run_needs_an_objective(tmp_path: Path):
    assert "objective: Field required" in errors_of(tmp_path, "training: {epochs: 2}\n")
