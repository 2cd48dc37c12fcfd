import sys
from pathlib import Path

import pytest

from medsize.annotation import Session
from tests.annotation.conftest import client_of, sent
from tests.cli.command import medsize


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """What would be served."""
    opened: list[Session] = []

    def note(session: Session, **_: object) -> None:
        opened.append(session)

    monkeypatch.setattr("medsize.annotation.serve.serve", note)
    return opened


def test_what_is_served_is_what_was_asked_for(tiny_acdc: Path, sessions: list[Session]):
    outcome = medsize("annotate", tiny_acdc, "-o", "a", "--structure", "all", "--level", "volume", "--practice")
    assert outcome.code == 0, outcome.stderr
    assert "20 scans of 20 cases; answers go to a/practice" in outcome.said
    (session,) = sessions
    assert (session.structures, session.level, session.practice) == (("rv", "myo", "lv"), "volume", True)


def test_letting_others_in_is_warned_about(tiny_acdc: Path, sessions: list[Session]):
    assert "warning" not in medsize("annotate", tiny_acdc, "-o", "a").said
    outcome = medsize("annotate", tiny_acdc, "-o", "a", "--host", "192.0.2.1")
    assert "warning: other machines can reach 192.0.2.1" in outcome.said


def test_without_the_extra_the_message_says_how_to_install_it(tiny_acdc: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "medsize.annotation.serve")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    outcome = medsize("annotate", tiny_acdc, "-o", "a")
    assert outcome.code == 1
    assert "pip install 'medsize[annotate]'" in outcome.stderr


def test_answers_become_a_table_and_seeds(tiny_acdc: Path, sessions: list[Session]):
    medsize("annotate", tiny_acdc, "-o", "a")
    client = client_of(sessions[0])
    number = sessions[0].items[0].slice
    seeds = [{"structure": "lv", "slice": number, "points": [[16, 16]]}]
    assert client.post("api/answers", json=sent(seeds=seeds)).status_code == 200
    outcome = medsize("sizes", "from-annotations", "a", "-o", "s.csv", "--seeds", "seeds")
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout == ("s.csv: 1 sizes\nseeds: 20 files, 1 with seeds; the value of blank pixels is 255\n")
    (path,) = Path("a/answers").iterdir()
    path.write_bytes(path.read_bytes() + b'{"torn\n')
    outcome = medsize("sizes", "from-annotations", "a", "-o", "s.csv", "--rater", "Anna")
    assert "1 answers were cut short" in outcome.said
    assert medsize("sizes", "from-annotations", "a", "-o", "s.csv", "--rater", "Ben").code == 1
