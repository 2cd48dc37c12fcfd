import json
from pathlib import Path

import pandas as pd

from medsize.evaluation.doubt import rank_doubts
from tests.cli.command import medsize


def test_the_most_doubted_sizes_are_listed(trained_run: Path):
    outcome = medsize("sizes", "doubt", trained_run, "--top", 4)
    assert (outcome.code, outcome.stderr) == (0, "")
    ranked = rank_doubts(pd.read_csv(trained_run / "report" / "training_sizes.csv"))
    lines = outcome.stdout.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ranked["case"].head(4).to_list()


def test_doubts_are_there_as_json(trained_run: Path):
    outcome = medsize("sizes", "doubt", trained_run, "--json")
    found = json.loads(outcome.stdout)
    assert len(found) == 15
    assert [entry["doubt"] for entry in found] == sorted((entry["doubt"] for entry in found), reverse=True)
    assert {"case", "slice", "structure", "given_fraction", "predicted_fraction", "times"} <= set(found[0])


def test_a_run_that_was_not_evaluated_is_refused(trained_run: Path, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_bytes((trained_run / "config.yaml").read_bytes())
    outcome = medsize("sizes", "doubt", tmp_path / "run")
    assert outcome.code == 1
    assert "medsize evaluate RUN" in outcome.said
