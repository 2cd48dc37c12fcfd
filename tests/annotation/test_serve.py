import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from medsize.annotation.serve import serve
from medsize.errors import InputError
from tests.annotation.conftest import OpenTiny
from tests.annotation.served import served
from tests.annotation.storm import storm


def test_the_printed_address_opens_the_page_and_ctrl_c_ends(tiny_acdc: Path, tmp_path: Path):
    log = tmp_path / "log"
    with served(tiny_acdc, "-o", tmp_path / "a", log=log) as (address, process):
        with urllib.request.urlopen(address) as response:
            assert b"medsize annotate" in response.read()
        start = address.rsplit("/", 2)[0]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{start}/")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "evil.example"}))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert "60 slices of 20 cases" in log.read_text("utf-8")
    assert "Traceback" not in log.read_text("utf-8")
    assert address.rsplit("/", 2)[1] not in log.read_text("utf-8")  # the token is not left lying about


def test_every_start_has_another_token(open_tiny: OpenTiny, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    addresses: list[str] = []
    for _ in range(2):
        serve(open_tiny(), host="127.0.0.1", port=0, announce=addresses.append)
    tokens = {address.split("/")[3] for address in addresses}
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_listening_everywhere_is_refused(open_tiny: OpenTiny, host: str):
    with pytest.raises(InputError, match="every address of this machine"):
        serve(open_tiny(), host=host, port=0, announce=print)


def test_a_port_that_is_taken_is_said(open_tiny: OpenTiny):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1, port {port}"):
            serve(open_tiny(), host="127.0.0.1", port=port, announce=print)


def test_a_host_that_is_not_this_machine_is_said(open_tiny: OpenTiny):
    with pytest.raises(InputError, match=r"cannot listen on 192\.0\.2\.1"):
        serve(open_tiny(), host="192.0.2.1", port=0, announce=print)


def test_killing_the_server_while_four_clients_answer_loses_and_doubles_nothing(tiny_acdc: Path, tmp_path: Path):
    seen = storm(tiny_acdc, tmp_path / "annotations", answers=240, kills=2)
    assert seen.kills == 3  # the last of them after the last answer
    assert len(seen.acknowledged) == 240
    assert sorted(seen.acknowledged) == sorted(seen.kept)
