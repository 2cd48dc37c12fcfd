"""Who may talk to the page's server, and how much at once: whoever knows the token, from the page itself."""

import secrets
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
MOST_BYTES: Final = 2**20
"""Of a request's body: an answer of 500 seeds has some kilobytes."""

_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets through what comes with the token in its path, to the right host and from the page itself.

    The Host header is checked because a web site may point its own name at 127.0.0.1 (DNS rebinding); the Origin,
    because any site may send a request to any address. The inner application sees paths without the token, and bodies
    of at most ``MOST_BYTES``, which are read no further than that.

    Args:
        app: What is guarded.
        token: The first part of every path.
        hosts: What the Host header may say, with the port.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: Collection[str]) -> None:
        self.app = app
        self.token = token.encode()
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket: the page opens none
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send_with_headers)
            return
        body = await _body(scope, receive)
        if body is None:
            problem = f"more than {MOST_BYTES // 2**20} MiB is no answer"
            refused = PlainTextResponse(problem, status_code=413, headers={"Connection": "close"})
            await refused(scope, receive, send_with_headers)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        inner = "/" + scope["path"].split("/", 2)[2]
        await self.app({**scope, "path": inner, "raw_path": inner.encode()}, receive_again, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self.hosts:
            return "this is not the address of the page"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return "only the page itself may ask"
        first, slash, rest = scope["path"].removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(first.encode(), self.token):
            return "open the address that 'medsize annotate' printed"
        if ".." in rest.split("/") or "\\" in rest:
            return "there is nothing outside the page"
        return None


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Read a request's body; nothing if it is too large, which its length often says before it is read."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body", False):  # also when the client went away
            return bytes(body)
