import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

import medsize.annotation.practice
import medsize.annotation.server
from medsize.annotation import open_session
from medsize.annotation.guard import POLICY
from medsize.annotation.server import create_app
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.volumes import read_volume
from tests.annotation.conftest import HOST, TOKEN, OpenTiny, client_of, sent
from tests.fuzzing import fuzz

PAGE = Path(medsize.annotation.server.__file__).parent / "page"


def test_the_page_and_its_parts_come_with_the_token(open_tiny: OpenTiny):
    client = client_of(open_tiny())
    assert "<title>medsize annotate</title>" in client.get("").text
    for path in PAGE.iterdir():
        assert client.get(path.name if path.name != "index.html" else "").content == path.read_bytes()


def test_the_page_names_no_other_address():
    addresses = {
        address
        for path in PAGE.iterdir()
        for address in re.findall(r"\b(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", path.read_text("utf-8"))
    }
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address that is visited


@pytest.mark.parametrize("path", ["", "page.js", "api/session", "api/items/0/slices/0?rater=Anna"])
@pytest.mark.parametrize("start", ["/", "/wrong/", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/", f"//{TOKEN}/"])
def test_without_the_token_everything_is_refused(open_tiny: OpenTiny, start: str, path: str):
    assert client_of(open_tiny()).get(f"http://{HOST}{start}{path}").status_code == 403


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "localhost:8000", ""])
def test_another_host_is_refused_against_dns_rebinding(open_tiny: OpenTiny, host: str):
    client = client_of(open_tiny())
    assert client.get("api/session", headers={"Host": host}).status_code == 403


def test_another_origin_is_refused(open_tiny: OpenTiny):
    client = client_of(open_tiny())
    for origin in ("http://evil.example", "null", "http://127.0.0.1:8001", f"https://{HOST}"):
        assert client.post("api/answers", json=sent(), headers={"Origin": origin}).status_code == 403
        assert client.get("api/session", headers={"Origin": origin}).status_code == 403
    assert client.post("api/answers", json=sent(), headers={"Origin": f"http://{HOST}"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../session.json",
        "..%2fsession.json",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%5c..%5cx",
        "page.js/../../x",
        "api/items/../x",
    ],
)
def test_a_path_that_leads_out_is_refused(open_tiny: OpenTiny, path: str):
    response = client_of(open_tiny()).get(f"http://{HOST}/{TOKEN}/{path}")
    assert response.status_code in (403, 404)


@pytest.mark.parametrize("path", ["server.py", "docs", "openapi.json", "redoc", "session.json", "api/practice?rater=A"])
def test_nothing_else_is_served(open_tiny: OpenTiny, path: str):
    assert client_of(open_tiny()).get(path).status_code == 404


def test_every_reply_forbids_other_sources_and_storing(open_tiny: OpenTiny):
    client = client_of(open_tiny())
    for response in (client.get(""), client.get("api/session"), client.get("nothing"), client.get(f"http://{HOST}/")):
        assert response.headers["content-security-policy"] == POLICY
        assert POLICY.startswith("default-src 'self';")
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in response.headers


def test_a_slice_is_sent_as_it_lies_on_the_screen(open_tiny: OpenTiny):
    session = open_tiny()
    item = client_of(session).get("api/items/0", params={"rater": "Anna"}).json()
    assert (item["columns"], item["rows"], item["slices"]) == (32, 32, 3)
    assert item["pixel_mm"] == [1.5, 1.5]
    sent = np.frombuffer(client_of(session).get(f"api/items/0/slices/{item['slice']}").content, "<u2").reshape(32, 32)
    plane = read_volume(session.cases[item["case"]].image).array[:, :, item["slice"]]
    shown = plane[::-1, ::-1].T.astype(float)  # the tiny data set runs to the right and to the front
    assert np.corrcoef(sent.ravel(), shown.ravel())[0, 1] > 0.99999


@pytest.mark.parametrize("path", ["api/items/60", "api/items/-1", "api/items/0/slices/3", "api/items/0/slices/-1"])
def test_what_does_not_exist_is_not_found(open_tiny: OpenTiny, path: str):
    assert client_of(open_tiny()).get(path, params={"rater": "Anna"}).status_code == 404


def test_an_answer_is_kept_and_the_next_image_named(open_tiny: OpenTiny):
    session = open_tiny()
    client = client_of(session)
    assert client.get("api/progress", params={"rater": "Anna"}).json() == {"done": 0, "next": 0}
    stroke = {"structure": "lv", "slice": session.items[0].slice, "points": [[3, 4], [5, 6]]}
    first = client.post("api/answers", json=sent(1, seeds=[stroke])).json()
    assert first == {"done": 0, "next": 1, "feedback": None}  # the second structure is open
    second = client.post("api/answers", json=sent(2, structure="myo", value=None)).json()
    assert (second["done"], second["next"]) == (1, 1)
    (kept, _) = session.store.answers("Anna")
    assert (kept.case, kept.slice, kept.value, kept.seconds) == (*dataclass_values(session.items[0]), 1.5, 3.25)
    assert kept.seeds[0].points == ((28, 27), (26, 25))  # voxels: both axes run against the screen
    item = client.get("api/items/0", params={"rater": "Anna"}).json()
    assert item["answers"]["lv"]["seeds"] == [stroke]
    assert client.get("api/items/0", params={"rater": "Ben"}).json()["answers"] == {}
    assert client.get("api/progress", params={"rater": "Ben"}).json()["done"] == 0


def dataclass_values(item: object) -> tuple[object, object]:
    return item.case, item.slice


def test_the_next_image_wraps_around_to_what_was_left_out(open_tiny: OpenTiny):
    session = open_tiny(structures=("lv",), level="volume")
    client = client_of(session)
    for number in range(1, 20):
        reply = client.post("api/answers", json=sent(number, item=number, value=2, unit="ml")).json()
    assert reply["next"] == 0
    assert client.post("api/answers", json=sent(99, item=0, value=2, unit="ml")).json() == {
        "done": 20,
        "next": None,
        "feedback": None,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rater": "../Anna"}, "name cannot be used"),
        ({"structure": "liver"}, "unknown structure"),
        ({"unit": "ml"}, "unit is not one of slices"),
        ({"value": 20.5}, "larger than the image"),
        ({"value": -1}, "larger than the image"),
        ({"value": None, "low": 3, "high": 2}, "runs backwards"),
        ({"value": None, "low": 3}, "both its ends"),
        ({"seconds": -1}, "seconds"),
        ({"id": "../../x"}, "id"),
        ({"note": "x" * 501}, "note"),
        ({"seeds": [{"structure": "liver", "slice": 0, "points": [[1, 1]]}]}, "unknown structure"),
        ({"seeds": [{"structure": "lv", "slice": 9, "points": [[1, 1]]}]}, "another slice"),
        ({"seeds": [{"structure": "lv", "slice": 0, "points": [[40, 1]]}]}, "outside the image"),
        ({"seeds": [{"structure": "lv", "slice": 0, "points": []}]}, "points"),
        ({"seconds": 1e300}, "seconds"),
        ({"note": "a\x1b[2J"}, r"note Value error, has the control character \x1b"),
        ({"rater": "Anna\0"}, r"control character \x00"),
        ({"structure": "x" * 201}, "structure"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_with_the_reason(open_tiny: OpenTiny, change: dict, said: str):
    session = open_tiny()
    item = next(number for number, item in enumerate(session.items) if item.slice == 0)
    response = client_of(session).post("api/answers", json=sent(item=item) | change)
    assert response.status_code == 422
    assert said in response.json()["error"]
    assert not session.store.folder.exists()


@pytest.mark.parametrize("change", [{"value": "1e999"}, {"unit": "furlongs"}, {"extra": 1}, {"id": None}])
def test_what_is_no_answer_at_all_is_refused(open_tiny: OpenTiny, change: dict):
    assert client_of(open_tiny()).post("api/answers", json=sent() | change).status_code == 422


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 5000])
@pytest.mark.parametrize("place", ["value", "low", "seconds", "item", "slice", "across"])
def test_a_number_that_is_none_or_has_no_end_is_refused(open_tiny: OpenTiny, number: str, place: str):
    session = open_tiny()
    stroke = {"structure": "lv", "slice": "SLICE", "points": [["ACROSS", 1]]}
    text = json.dumps(sent(seeds=[stroke], value="VALUE", low="LOW", high=2, seconds="SECONDS", item="ITEM"))
    for name, usual in (("slice", "0"), ("across", "1"), ("value", "1"), ("low", "1"), ("seconds", "1"), ("item", "0")):
        text = text.replace(f'"{name.upper()}"', number if name == place else usual)
    response = client_of(session).post("api/answers", content=text, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 404, 422)
    assert not session.store.folder.exists()


@pytest.mark.parametrize(
    "body",
    [
        "[" * 500_000,
        '{"note":' * 100_000,
        "",
        "null",
        "[]",
        "{",
        '{"\\ud800": 1}',
        '{"rater": "\\udfff"}',
        "\xff\xfe",
    ],
)
def test_json_that_is_no_answer_is_refused(open_tiny: OpenTiny, body: str):
    content = body.encode("latin-1")
    response = client_of(open_tiny()).post("api/answers", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert len(response.content) < 500


def test_answers_about_cases_of_an_earlier_practice_are_left_out(open_tiny: OpenTiny, tiny_acdc: Path):
    earlier = open_tiny(practice=True)
    elsewhere = earlier.items[0].case
    client_of(earlier).post("api/answers", json=sent())
    cases = [case for case in find_acdc_cases(tiny_acdc) if case.id != elsewhere]
    session = open_session(
        earlier.folder.parent, cases, ACDC_LABELS, ("lv", "myo"), level="slice", seed=0, practice=True
    )
    assert client_of(session).get("api/practice", params={"rater": "Anna"}).json()["images"] == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
STROKES = st.lists(
    st.fixed_dictionaries(
        {
            "structure": st.sampled_from(["lv", "background", "x"]) | JSON,
            "slice": st.integers(-1, 3) | JSON,
            "points": st.lists(st.tuples(st.floats(), st.floats(0, 31))) | JSON,
        }
    ),
    max_size=3,
)


@pytest.fixture
def practising(open_tiny: OpenTiny) -> Iterator[TestClient]:
    with client_of(open_tiny(practice=True)) as client:
        yield client


@fuzz()
@given(
    body=JSON | st.dictionaries(st.sampled_from([*sent(), "more"]), JSON),
    number=st.integers(0, 2**40),
    changes=st.dictionaries(st.sampled_from([*sent()]), JSON),
    seeds=STROKES | JSON,
)
def test_no_json_ends_in_an_error_of_the_server(
    practising: TestClient, body: object, number: int, changes: dict, seeds: object
):
    for given_body in (body, sent(number, seeds=seeds) | changes):
        content, headers = json.dumps(given_body), {"Content-Type": "application/json"}
        response = practising.post("api/answers", content=content, headers=headers)
        assert response.status_code in (200, 400, 404, 422)
    path = ("api/practice", "api/progress", "api/items/0")[number % 3]  # what was kept can be shown
    assert practising.get(path, params={"rater": "Anna"}).status_code == 200


def test_a_volume_may_not_exceed_the_scan(open_tiny: OpenTiny):
    client = client_of(open_tiny(level="volume"))
    whole = 32 * 32 * 3 * 1.5 * 1.5 * 8 / 1000
    assert client.post("api/answers", json=sent(1, unit="ml", value=whole)).status_code == 200
    assert client.post("api/answers", json=sent(2, unit="ml", value=whole * 1.01)).status_code == 422
    assert client.post("api/answers", json=sent(3, unit="percent", value=1)).status_code == 422


def test_no_label_is_ever_opened(open_tiny: OpenTiny, monkeypatch: pytest.MonkeyPatch):
    read: list[Path] = []
    monkeypatch.setattr(medsize.annotation.practice, "read_label", lambda *_: pytest.fail("a label was read"))
    monkeypatch.setattr(medsize.annotation.server, "read_volume", lambda path: read.append(path) or read_volume(path))
    client = client_of(open_tiny())
    client.get("api/items/0", params={"rater": "Anna"})
    client.post("api/answers", json=sent())
    assert read
    assert not [path for path in read if "_gt" in path.name]


def test_practice_tells_how_far_off_one_was(open_tiny: OpenTiny):
    client = client_of(open_tiny(practice=True))
    feedback = client.post("api/answers", json=sent(value=1)).json()["feedback"]
    assert feedback["said"] == 1
    assert feedback["error"] == pytest.approx(1 / feedback["truth"] - 1)
    client.post("api/answers", json=sent(2, value=feedback["truth"]))  # knowing the truth does not count
    summary = client.get("api/practice", params={"rater": "Anna"}).json()
    assert summary["all"]["mre"] == pytest.approx(abs(feedback["error"]))
    assert summary["seconds"] == 3.25


def test_the_server_starts_and_ends_and_opens_no_websocket(open_tiny: OpenTiny):
    session = open_tiny()
    with client_of(session) as client:
        assert client.get("api/session").status_code == 200
    sent_back: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        sent_back.append(message)

    app = create_app(session, token=TOKEN, hosts={HOST})
    asyncio.run(app({"type": "websocket", "path": f"/{TOKEN}/", "headers": [(b"host", HOST.encode())]}, receive, send))
    assert sent_back == []
