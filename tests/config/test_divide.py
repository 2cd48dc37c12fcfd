"""A configuration is divided into stages, and what cannot be is said with its line."""

from pathlib import Path

import pytest
import yaml

from medsize.config.layers import layer_from_assignment
from medsize.config.loading import dump, load_config, load_resolved
from medsize.config.run import RunConfig
from medsize.config.terms import SparseCRFTerm
from medsize.errors import InputErrors

ANNEALED = """
training:
  epochs: 65
  stages:
    annealing:
      epochs: 1
      repeat: 15
      restart_optimiser: true
      objective: {sparse_crf: {weight: 1, sigma: {from: 0.06, to: 0.2}}, size_target: null}
    normal:
      objective: {sparse_crf: {weight: 100, sigma: 0.15}}
      polynomial_power: 0
"""


def config_of(tmp_path: Path, text: str, *assignments: str) -> RunConfig:
    file = tmp_path / "mine.yaml"
    file.write_text(f"extends: acdc\n{text}")
    return load_config(str(file), [layer_from_assignment(assignment) for assignment in assignments])


def test_a_training_without_stages_is_a_single_one(tmp_path: Path):
    config = config_of(tmp_path, "training: {epochs: 7}")
    (stage,) = config.stages()
    assert (stage.name, stage.first, stage.end, stage.schedule) == (None, 0, 7, range(7))
    assert stage.objective == config.objective
    assert stage.optimiser == config.training.optimiser
    assert not stage.restart_optimiser
    assert stage.consolidate is None


def test_repetitions_are_stages_whose_numbers_run_from_one_end_to_the_other(tmp_path: Path):
    config = config_of(tmp_path, ANNEALED)
    *annealing, normal = config.stages()
    assert [stage.name for stage in annealing] == [f"annealing {number}/15" for number in range(1, 16)]
    assert [(stage.first, stage.epochs) for stage in annealing] == [(number, 1) for number in range(15)]
    sigmas = [stage.objective.sparse_crf.sigma for stage in annealing if stage.objective.sparse_crf]
    assert sigmas == pytest.approx([0.06 + 0.01 * number for number in range(15)])
    assert {stage.objective.size_target for stage in annealing} == {None}
    assert (normal.name, normal.first, normal.epochs) == ("normal", 15, 50)
    assert normal.objective.sparse_crf == SparseCRFTerm(weight=100, sigma=0.15)
    assert normal.objective.size_target == config.objective.size_target
    assert (annealing[0].polynomial_power, normal.polynomial_power) == (0.9, 0)


def test_the_learning_rate_falls_from_one_restart_to_the_next(tmp_path: Path):
    schedules = [stage.schedule for stage in config_of(tmp_path, ANNEALED).stages()]
    assert schedules == [*(range(number, number + 1) for number in range(14)), range(14, 65), range(14, 65)]


def test_the_last_stage_takes_the_epochs_that_are_left(tmp_path: Path):
    assert config_of(tmp_path, ANNEALED, "training.epochs=16").stages()[-1].epochs == 1
    repeated = config_of(tmp_path, "training: {epochs: 7, stages: {a: {epochs: 1}, b: {repeat: 3}}}").stages()
    assert [stage.epochs for stage in repeated] == [1, 2, 2, 2]


def test_stages_of_a_file_below_are_changed_taken_out_and_added_to(tmp_path: Path):
    (tmp_path / "base.yaml").write_text(f"extends: acdc\n{ANNEALED}")
    text = "training: {stages: {normal: {epochs: 40}, annealing: null, late: {}}}"
    (tmp_path / "mine.yaml").write_text(f"extends: base.yaml\n{text}")
    config = load_config(str(tmp_path / "mine.yaml"), [layer_from_assignment("training.stages.late.repeat=5")])
    assert [stage.name for stage in config.stages()] == ["normal", *(f"late {number}/5" for number in range(1, 6))]


def test_all_stages_can_be_taken_out(tmp_path: Path):
    assert [stage.name for stage in config_of(tmp_path, ANNEALED, "training.stages=null").stages()] == [None]


def test_stages_survive_the_run_folder(tmp_path: Path):
    config = config_of(tmp_path, ANNEALED)
    (tmp_path / "config.yaml").write_text(dump(config))
    again = load_resolved(tmp_path / "config.yaml")
    assert again == config
    assert again.stages() == config.stages()
    assert list(yaml.safe_load(dump(config))["training"]["stages"]) == ["annealing", "normal"]


def test_the_targets_are_those_of_every_stage(tmp_path: Path):
    stages = "{a: {epochs: 1, objective: {size_target: null}}, b: {objective: {cross_entropy: {}}}}"
    assert config_of(tmp_path, f"training: {{stages: {stages}}}").targets() == {"seeds", "size_target", "label"}


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (
            "{a: {epochs: 1, objective: {sparse_crf: {sigma: -1}}}, b: {}}",
            "mine.yaml, line 2: training.stages.a.objective.sparse_crf.sigma: Input should be greater than 0",
        ),
        ("{a: {epochs: 1, objective: {sparse_crf: {sgima: 1}}}, b: {}}", "did you mean 'sigma'?"),
        (
            "{a: {epochs: 1, objective: {sparse_crff: {}}}, b: {}}",
            "unknown key 'training.stages.a.objective.sparse_crff'\n  remedy:   did you mean 'sparse_crf'?",
        ),
        (
            "{a: {epochs: 1, objective: {partial_cross_entropy: null, size_target: null}}, b: {}}",
            "training.stages.a.objective: no term",
        ),
        ("{a: {epochs: 1, optimiser: {learning_rte: 1}}, b: {}}", "did you mean 'learning_rate'?"),
        ("{a: {epochs: 1, optimiser: {learning_rate: -1}}, b: {}}", "a.optimiser.learning_rate: Input should be"),
        ("{a: {epochs: 1, optimiser: {name: adamw}}, b: {}}", "it is 'sgd' from the first epoch to the last"),
        ("{a: {epocs: 1}, b: {}}", "unknown key 'training.stages.a.epocs'\n  remedy:   did you mean 'epochs'?"),
        ("{a: {epochs: 0}, b: {}}", "training.stages.a.epochs"),
        ("{a: {}, b: {epochs: 3}}", "only the last stage may leave out"),
        ("{a: {epochs: 200}, b: {}}", "up to 'b' they take 201 epochs, but training.epochs is 200"),
        ("{a: {epochs: 20}, b: {epochs: 3}}", "up to 'b' they take 23 epochs, but training.epochs is 200"),
        ("{a: {repeat: 7}}", "up to 'a' they take 196 epochs"),
        ("{a: {consolidate: {}}}", "there is no stage before it to consolidate"),
        ("{a: {epochs: 1, objective: {size_target: {weight: {from: 1, to: 2}}}}, b: {}}", "of which there are 1"),
        (
            "{a: {epochs: 1, repeat: 2, objective: {size_target: {weight: {from: low, to: 2}}}}, b: {}}",
            "{from: low, to: 2} runs from one number to another",
        ),
        ("[1]", "training.stages: Input should be a valid dictionary"),
    ],
)
def test_a_stage_that_cannot_be_says_why(tmp_path: Path, stages: str, message: str):
    with pytest.raises(InputErrors) as caught:
        config_of(tmp_path, f"training: {{stages: {stages}}}")
    assert message in str(caught.value)


def test_early_stopping_would_leave_out_stages(tmp_path: Path):
    with pytest.raises(InputErrors, match="early_stopping does not go with stages"):
        config_of(tmp_path, "training: {early_stopping: {}, stages: {a: {epochs: 1}, b: {}}}")


def test_terms_of_a_stage_must_fit_the_level_too(tmp_path: Path):
    with pytest.raises(InputErrors, match=r"objective\.expand must be told what each slice shows"):
        config_of(tmp_path, "supervision: {level: volume}\ntraining: {stages: {a: {objective: {expand: {}}}}}")
