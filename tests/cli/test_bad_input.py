"""A table of bad input: each kind gives one message that says what, where and what to do, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.cli.bad import Bad
from tests.cli.bad_data import DATA, IMAGES, MANIFESTS, WEIGHTS
from tests.cli.bad_results import RESULTS
from tests.cli.bad_settings import CONFIGURATIONS, SIZES
from tests.cli.command import medsize, medsize_process
from tests.cli.place import Place

TABLES = {
    "image": IMAGES,
    "data": DATA,
    "manifest": MANIFESTS,
    "weights": WEIGHTS,
    "configuration": CONFIGURATIONS,
    "sizes": SIZES,
    "results": RESULTS,
}
TABLE = [pytest.param(bad, id=f"{about}: {bad.name}") for about, table in TABLES.items() for bad in table]
IN_A_PROCESS = ["no data root", "duplicate key", "noise that is no number", "evaluated no run"]


@pytest.fixture
def place(tmp_path: Path, tiny_acdc: Path, trained_run: Path, tiny_yaml: Path) -> Place:
    return Place(tmp_path, tiny_acdc, trained_run, tiny_yaml)


@pytest.mark.parametrize("bad", TABLE)
def test_bad_input_gets_one_clear_message_and_leaves_nothing_behind(bad: Bad, place: Place, cache: Path):
    command = bad.make(place)
    before = place.files()
    outcome = medsize(*command)
    assert outcome.code == bad.code, outcome.stderr
    assert [piece for piece in bad.says if piece not in outcome.said] == [], outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert "unexpected" not in outcome.stderr
    assert outcome.errors == 1, outcome.stderr
    assert not outcome.stdout
    after = place.files()
    assert {name: content for name, content in after.items() if name not in bad.leaves} == before
    assert set(bad.leaves) <= set(after)
    assert not list(cache.rglob(".partial*"))


@pytest.mark.parametrize("bad", [bad for table in TABLES.values() for bad in table if bad.name in IN_A_PROCESS])
def test_a_process_ends_with_the_same_code_and_message(bad: Bad, place: Place):
    outcome = medsize_process(*bad.make(place))
    assert outcome.code == bad.code, outcome.stderr
    assert [piece for piece in bad.says if piece not in outcome.said] == [], outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert outcome.errors == 1
    assert not outcome.stdout
