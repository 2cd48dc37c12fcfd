"""What the table decides, and what it may not."""

from pathlib import Path

import pytest

from medsize.config.objective import ObjectiveConfig
from medsize.config.run import RunConfig
from medsize.config.supervision import IndividualBounds, SupervisionConfig, TableBounds, TableSizes
from medsize.config.terms import QuadraticBarrierTerm, SizeBoundsTerm, SizeTargetTerm
from medsize.errors import InputError
from medsize.supervision.complete_config import complete_config

SLICES = "case0,1,lv,10,,,percent\n"
VOLUMES = "case0,,lv,12,,,ml\n"
RANGES = "case1,,lv,,10,14,ml\n"


def run_config(
    folder: Path, rows: str, *, objective: ObjectiveConfig | None = None, **supervision: object
) -> RunConfig:
    path = folder / "sizes.csv"
    path.write_text(f"case,slice,structure,value,low,high,unit\n{rows}")
    return RunConfig(
        supervision=SupervisionConfig(sizes=TableSizes(kind="table", path=path), **supervision),
        objective=objective or ObjectiveConfig(size_target=SizeTargetTerm(weight=50, temperature=0.25)),
    )


@pytest.mark.parametrize(("rows", "level"), [(SLICES, "slice"), (VOLUMES, "volume"), (SLICES + VOLUMES, "both")])
def test_the_rows_say_the_level(tmp_path: Path, rows: str, level: str) -> None:
    config = run_config(tmp_path, rows)
    assert config.supervision.level is None
    settled = complete_config(config)
    assert settled.supervision.level == level
    assert settled.objective == config.objective
    assert complete_config(settled) == settled


def test_a_level_that_is_given_stays(tmp_path: Path) -> None:
    assert complete_config(run_config(tmp_path, SLICES, level="volume")).supervision.level == "volume"


def test_without_a_table_nothing_is_open() -> None:
    config = RunConfig(objective=ObjectiveConfig(size_target=SizeTargetTerm()))
    assert config.supervision.level == "slice"
    assert complete_config(config) is config


def test_a_table_that_no_term_needs_is_not_read(tmp_path: Path) -> None:
    objective = ObjectiveConfig.model_validate({"cross_entropy": {}})
    config = run_config(tmp_path, SLICES, objective=objective)
    (tmp_path / "sizes.csv").unlink()
    assert complete_config(config).supervision.level == "slice"


def test_ranges_alone_become_bounds_as_strong_as_the_targets(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    settled = complete_config(run_config(tmp_path, VOLUMES + RANGES))
    assert settled.supervision.bounds == TableBounds(kind="table")
    assert settled.objective.size_bounds == SizeBoundsTerm(weight=50, temperature=0.25)
    assert settled.objective.size_target == SizeTargetTerm(weight=50, temperature=0.25)
    assert complete_config(settled) == settled
    said = capsys.readouterr().err
    assert "sizes of whole cases" in said
    assert "1 sizes are ranges" in said


def test_a_range_beside_a_value_leaves_the_objective_as_it_is(tmp_path: Path) -> None:
    config = run_config(tmp_path, VOLUMES + "case0,,lv,,10,14,ml\ncase1,,lv,12,10,14,ml\n")
    assert complete_config(config).objective == config.objective


def test_bounds_from_the_table_alone_are_left_alone(tmp_path: Path) -> None:
    bounds = TableBounds(kind="table", tolerance=0)
    config = run_config(
        tmp_path, VOLUMES + RANGES, objective=ObjectiveConfig(size_bounds=SizeBoundsTerm()), bounds=bounds
    )
    assert complete_config(config).objective == config.objective
    assert complete_config(config).supervision.bounds == bounds


@pytest.mark.parametrize(
    ("objective", "supervision"),
    [
        ({"size_target": SizeTargetTerm(), "quadratic_barrier": QuadraticBarrierTerm()}, {}),
        ({"size_target": SizeTargetTerm(direction="reverse")}, {}),
        ({"size_bounds": SizeBoundsTerm()}, {}),
        ({"size_target": SizeTargetTerm()}, {"bounds": IndividualBounds(kind="individual")}),
    ],
)
def test_ranges_that_the_configuration_would_use_otherwise_are_refused(
    tmp_path: Path, objective: dict, supervision: dict
) -> None:
    config = run_config(tmp_path, RANGES, objective=ObjectiveConfig(**objective), **supervision)
    with pytest.raises(
        InputError, match=r"ranges without a value \(1, the first in row 2\)(?s:.)*bounds=\{kind: table\}"
    ):
        complete_config(config)


def test_terms_about_slices_refuse_a_table_of_volumes(tmp_path: Path) -> None:
    objective = ObjectiveConfig.model_validate({"size_target": {}, "negative": {}})
    with pytest.raises(InputError, match=r"does not fit(?s:.)*objective\.negative must be told what each slice shows"):
        complete_config(run_config(tmp_path, VOLUMES, objective=objective))


@pytest.mark.parametrize("supervision", [{"level": "both"}, {"bounds": {"kind": "table"}}])
def test_what_a_table_alone_can_give_is_refused_without_one(supervision: dict) -> None:
    with pytest.raises(ValueError, match=r"needs? sizes of kind 'table'"):
        SupervisionConfig.model_validate(supervision)
