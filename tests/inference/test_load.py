import shutil

import pytest
import torch
import yaml
from safetensors.torch import save_file

from medsize.config.mean_field import MeanFieldConfig
from medsize.errors import InputError
from medsize.inference.load import Predictor, load_network
from medsize.inference.options import PredictionOptions
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
    save_file(IntensityNetwork(4).state_dict(), run.weights("last"))
    with pytest.raises(InputError, match=r"cannot be used(.|\n)*size mismatch"):
        load_network(run, "last", CPU)
