from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.command import medsize


def test_exact_sizes_are_those_of_the_masks(tiny_acdc: Path, tiny_yaml: Path):
    outcome = medsize("sizes", "from-labels", tiny_yaml, "--data-root", tiny_acdc, "--structure", "all", "-o", "s.csv")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "s.csv: 180 sizes\n", "")
    table = pd.read_csv("s.csv")
    assert list(table.columns) == ["case", "slice", "structure", "value", "unit"]
    assert set(table["structure"]) == {"rv", "myo", "lv"}
    assert set(table["unit"]) == {"fraction"}
    assert table["value"].between(0, 0.5).all()


@pytest.mark.usefixtures("without_report")
def test_training_on_a_table_of_sizes_is_given_what_the_noise_gave(tiny_acdc: Path, tiny_yaml: Path, trained_run: Path):
    data = ("--data-root", tiny_acdc)
    assert medsize("sizes", "from-labels", tiny_yaml, *data, "--noise", 0.08, "-o", "s.csv").code == 0
    outcome = medsize("train", tiny_yaml, *data, "--sizes", "s.csv", "-o", "run", "--set", "training.epochs=1")
    assert outcome.code == 0, outcome.stderr
    drawn, read = pd.read_csv(trained_run / "size_targets.csv"), pd.read_csv("run/size_targets.csv")
    keys = ["case", "slice", "structure"]
    assert read[keys].equals(drawn[keys])
    np.testing.assert_allclose(read["given_fraction"], drawn["given_fraction"], rtol=0, atol=1e-12)
    assert not np.allclose(read["given_fraction"], read["exact_fraction"])
    assert "mean relative error of the given sizes: background" in outcome.stderr
    assert "asked for" not in outcome.stderr


def test_another_seed_draws_other_noise(tiny_acdc: Path, tiny_yaml: Path):
    for seed in (1, 2):
        command = ("sizes", "from-labels", tiny_yaml, "--data-root", tiny_acdc, "--noise", 0.1, "--seed", seed)
        assert medsize(*command, "-o", f"{seed}.csv").code == 0
    assert Path("1.csv").read_text("utf-8") != Path("2.csv").read_text("utf-8")


def test_a_simulated_clinician_gives_volumes_that_the_check_accepts(tiny_acdc: Path, tiny_yaml: Path):
    command = ("sizes", "from-labels", tiny_yaml, "--data-root", tiny_acdc, "--noise", 0.16, "--level", "volume")
    outcome = medsize(*command, "--unit", "mL", "--separator", ";", "-o", "s.csv")
    assert (outcome.code, outcome.stdout) == (0, "s.csv: 20 sizes\n")
    assert Path("s.csv").read_text(encoding="utf-8-sig").splitlines()[0] == "case;slice;structure;value;unit"
    checked = medsize("sizes", "check", "s.csv", "--data", tiny_acdc)
    assert checked.code == 0, checked.stdout
    assert "20 sizes" in checked.stdout
