"""Running the page's server until it is interrupted."""

import ipaddress
import logging
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import uvicorn

from medsize.annotation.server import create_app
from medsize.annotation.session import Session
from medsize.errors import InputError

LOCAL: Final = "127.0.0.1"


def serve(session: Session, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        session: What is annotated.
        host: Address to listen on; also what the browsers' addresses must say.
        port: Port; 0 takes a free one.
        announce: Told the address of the page once it can be opened.

    Raises:
        InputError: The address cannot be listened on.
    """
    listening = _listen(host, port)
    try:
        address = f"{_bracketed(host)}:{listening.getsockname()[1]}"
        hosts = {address} | ({f"localhost:{listening.getsockname()[1]}"} if host == LOCAL else set())
        token = secrets.token_urlsafe(24)
        app = create_app(session, token=token, hosts=hosts)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none")
        announce(f"http://{address}/{token}/")
        with suppress(KeyboardInterrupt):  # the way to end it
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    if _is_wildcard(host):
        raise InputError(
            f"--host {host} is every address of this machine",
            expected="the one address or name under which the others open the page",
            remedy="for instance --host 192.168.1.20",
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, port {port}",
            found=str(error.strerror or error),
            remedy="choose another --port; 0 takes a free one",
        ) from error


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
