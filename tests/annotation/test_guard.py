import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from medsize.annotation.guard import MOST_BYTES
from medsize.annotation.server import create_app
from tests.annotation.conftest import HOST, TOKEN, OpenTiny, client_of, sent


def ask(app: Any, parts: Iterator[bytes], headers: dict[str, str], *, token: str = TOKEN) -> tuple[int, int]:
    """Post an answer in parts; return the status and how many bytes the server took."""
    taken, replies = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        part = next(parts, b"")
        taken += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def send(message: dict[str, Any]) -> None:
        replies.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/{token}/api/answers",
        "raw_path": f"/{token}/api/answers".encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in ({"host": HOST} | headers).items()],
    }
    asyncio.run(app(scope, receive, send))
    return replies[0]["status"], taken


def endless() -> Iterator[bytes]:
    while True:
        yield b" " * 2**16


@pytest.mark.parametrize("length", ["200000000", str(MOST_BYTES + 1), "1" * 5000, "-1", "many"])
def test_a_body_that_says_it_is_too_large_is_refused_unread(open_tiny: OpenTiny, length: str):
    app = create_app(open_tiny(), token=TOKEN, hosts={HOST})
    assert ask(app, endless(), {"content-length": length}) == (413, 0)


def test_a_body_without_a_length_is_read_no_further_than_the_bound(open_tiny: OpenTiny):
    app = create_app(open_tiny(), token=TOKEN, hosts={HOST})
    status, taken = ask(app, endless(), {"transfer-encoding": "chunked"})
    assert status == 413
    assert taken <= MOST_BYTES + 2**16


def test_a_body_is_not_read_at_all_without_the_token(open_tiny: OpenTiny):
    app = create_app(open_tiny(), token=TOKEN, hosts={HOST})
    assert ask(app, endless(), {}, token="wrong") == (403, 0)


def test_a_body_of_the_largest_size_is_read_whole_in_parts(open_tiny: OpenTiny):
    session = open_tiny()
    body = json.dumps(sent()).encode().ljust(MOST_BYTES)
    parts = (body[start : start + 1000] for start in range(0, MOST_BYTES, 1000))
    app = create_app(session, token=TOKEN, hosts={HOST})
    headers = {"content-type": "application/json", "content-length": str(MOST_BYTES)}
    assert ask(app, parts, headers) == (200, MOST_BYTES)
    assert len(session.store.answers("Anna")) == 1


def test_the_refusal_says_why(open_tiny: OpenTiny):
    response = client_of(open_tiny()).post("api/answers", content=b" " * (MOST_BYTES + 1))
    assert (response.status_code, response.text) == (413, "more than 1 MiB is no answer")
