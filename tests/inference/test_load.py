import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import save_file

from medsize.config.loading import load_resolved
from medsize.config.mean_field import MeanFieldConfig
from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.inference.load import Predictor, load_network, trained_config
from medsize.inference.options import PredictionOptions
from medsize.networks.weight_files import read_metadata, read_safetensors
from medsize.run_folder import RunFolder
from tests.evaluation.fabricated import IntensityNetwork

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("intensity_network")


@pytest.fixture
def run(run_of_lv, tmp_path) -> RunFolder:
    """A copy that a test may damage."""
    return RunFolder(shutil.copytree(run_of_lv.path, tmp_path / "run"))


def test_the_network_has_the_weights_of_its_checkpoint_and_evaluates(run_of_all):
    last, best = (load_network(run_of_all, name, CPU) for name in ("last", "best"))
    assert not last.training
    assert not best.training
    expected = IntensityNetwork(4).look_for("rv", "myo", "lv").state_dict()
    for name, weight in last.state_dict().items():
        torch.testing.assert_close(weight, expected[name])
        torch.testing.assert_close(best.state_dict()[name], 2 * weight)


def test_a_predictor_knows_structures_device_and_precision(run_of_all):
    predictor = Predictor.load(run_of_all, "best", "cpu")
    assert predictor.values == {"rv": 1, "myo": 2, "lv": 3}
    assert predictor.device == CPU
    assert predictor.precision == torch.float32


def test_a_predictor_refines_by_the_crf_of_its_configuration_only_where_asked(run):
    run.config.write_text(run.config.read_text("utf-8").replace("sigma_space: 4.0", "sigma_space: 7.0"))
    plain = Predictor.load(run, "last", "cpu")
    refined = plain.with_options(PredictionOptions(crf=True))
    assert plain.refine is None
    assert refined.refine == MeanFieldConfig(sigma_space=7).build()
    assert refined.network is plain.network


def test_a_run_that_says_nothing_of_a_crf_has_the_default(run):
    values = yaml.safe_load(run.config.read_text("utf-8"))
    del values["inference"]
    run.config.write_text(yaml.safe_dump(values))
    assert (
        Predictor.load(run, "last", "cpu").with_options(PredictionOptions(crf=True)).refine == MeanFieldConfig().build()
    )


def test_a_missing_best_points_to_last(run):
    with pytest.raises(InputError, match=r"no checkpoint 'best'\n.*\n  remedy:   use the checkpoint 'last'"):
        load_network(run, "best", CPU)


def test_a_missing_last_says_to_train(run):
    shutil.rmtree(run.checkpoint("last"))
    with pytest.raises(InputError, match=r"no checkpoint 'last'(.|\n)*train the run"):
        load_network(run, "last", CPU)


def test_a_checkpoint_whose_replacement_was_killed_is_put_back(run):
    folder = run.checkpoint("last")
    old = folder.with_name(f".partial-{1:016x}") / ".replaced" / "last"
    old.parent.mkdir(parents=True)
    folder.rename(old)
    assert load_network(run, "last", CPU) is not None
    assert folder.is_dir()


@pytest.mark.parametrize("damage", [b"", b"no safetensors at all"])
def test_damaged_weights_are_refused(run, damage):
    run.weights("last").write_bytes(damage)
    with pytest.raises(InputError, match=r"model.safetensors cannot be used(.|\n)*copy the run folder again"):
        load_network(run, "last", CPU)


def test_weights_of_another_network_are_refused(run):
    save_file(IntensityNetwork(4).state_dict(), run.weights("last"), read_metadata(run.weights("last")))
    with pytest.raises(InputError, match=r"cannot be used(.|\n)*size mismatch"):
        load_network(run, "last", CPU)


@pytest.mark.parametrize(
    ("written", "edited", "said"),
    [
        ("- lv", "- rv", r"data.structures: \['lv'\] in the weights, \['rv'\] in config.yaml; values in label files"),
        ("size: 32", "size: 48", r"data.preprocessing.size: 32 in the weights, 48 in config.yaml"),
        ("mean: 0.5", "mean: 0.45", r"network.mean: 0.5 in the weights, 0.45 in config.yaml"),
        ("flip: 0.5", "flip: 0.0", r"training.augmentation.flip: 0.5 in the weights, 0.0 in config.yaml"),
    ],
)
def test_a_configuration_that_was_edited_is_not_believed(run, written, edited, said):
    text = run.config.read_text("utf-8")
    assert written in text
    run.config.write_text(text.replace(written, edited))
    for use in (lambda: load_network(run, "last", CPU), lambda: trained_config(run), lambda: Predictor.load(run)):
        with pytest.raises(InputError, match=rf"does not describe the network(.|\n)*{said}(.|\n)*set these back"):
            use()


def test_the_configuration_of_a_trained_run_is_told_without_loading_it(run):
    assert trained_config(run) == load_resolved(run.config)
    run.weights("last").write_bytes(b"garbage")
    with pytest.raises(InputError, match=r"model.safetensors cannot be used"):
        trained_config(run)
    run.weights("last").unlink()
    assert trained_config(run) == load_resolved(run.config)


@pytest.mark.parametrize(("value", "cause"), [(torch.nan, "diverged"), (torch.inf, "float16")])
def test_weights_that_are_not_finite_are_refused(run, value, cause):
    path = run.weights("last")
    weights, metadata = read_safetensors(path)
    weights["conv.bias"][0] = value
    save_file(weights, path, metadata)
    with pytest.raises(InputError, match=rf"not finite: conv.bias \(1 of 2 values\)(.|\n)*{cause}"):
        load_network(run, "last", CPU)


def test_weights_that_are_not_those_of_their_checkpoint_are_refused(run):
    path = run.weights("last")
    run.position("last").write_text(json.dumps({"files": {path.name: file_digest(path)}}))
    load_network(run, "last", CPU)
    weights, metadata = read_safetensors(path)
    save_file({name: weight + 1e-3 for name, weight in weights.items()}, path, metadata)
    with pytest.raises(InputError, match=r"cannot be used(.|\n)*damaged, changed, or is of another run"):
        load_network(run, "last", CPU)


@pytest.mark.parametrize("content", ["[]", "{}", '{"files": 3}', '{"files": {}}'])
def test_weights_whose_digest_is_not_told_are_used(run, content):
    run.position("last").write_text(content)
    assert load_network(run, "last", CPU) is not None


def test_weights_that_do_not_say_what_they_were_trained_on_are_refused(run):
    path = run.weights("last")
    save_file(read_safetensors(path)[0], path)
    for use in (lambda: load_network(run, "last", CPU), lambda: trained_config(run)):
        with pytest.raises(InputError, match=r"does not say what it was trained on(.|\n)*train the run anew"):
            use()
