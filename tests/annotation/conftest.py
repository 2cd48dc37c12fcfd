"""Sessions on the tiny data set, and a client that knows the token."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from medsize.annotation import Answer, Session, open_session
from medsize.annotation.server import create_app
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases

TOKEN = "the-token"
HOST = "127.0.0.1:8000"
OpenTiny = Callable[..., Session]


@pytest.fixture
def open_tiny(tiny_acdc: Path, tmp_path: Path) -> OpenTiny:
    """Open a session on the tiny data set; keyword arguments as ``open_session``."""

    def opened(**options: Any) -> Session:
        cases = find_acdc_cases(tiny_acdc)
        settings = {"structures": ("lv", "myo"), "level": "slice", "seed": 0} | options
        return open_session(tmp_path / "annotations", cases, ACDC_LABELS, **settings)

    return opened


def client_of(session: Session) -> TestClient:
    app = create_app(session, token=TOKEN, hosts={HOST})
    return TestClient(app, base_url=f"http://{HOST}/{TOKEN}/")


def sent(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An answer as the page sends it."""
    answer = {
        "id": f"{number:032x}",
        "rater": "Anna",
        "item": 0,
        "structure": "lv",
        "value": 1.5,
        "low": None,
        "high": None,
        "unit": "cells 5x4",
        "seconds": 3.25,
        "seeds": [],
        "note": "",
    }
    return answer | changes


def answer(number: int = 1, **changes: Any) -> Answer:
    """An answer as it is kept."""
    values = {
        "id": f"{number:032x}",
        "rater": "Anna",
        "case": "patient001_frame01",
        "slice": 0,
        "structure": "lv",
        "value": 1.5,
        "low": None,
        "high": None,
        "unit": "cells 5x4",
        "seconds": 3.25,
        "seeds": (),
        "note": "",
        "time": datetime(2030, 1, 1, 12, 0, number % 60, tzinfo=UTC),
    }
    return Answer.model_validate(values | changes)
