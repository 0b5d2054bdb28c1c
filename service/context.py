"""What surrounds every request: its id, the headers of every answer, its end, and what is counted of it."""

import asyncio
import itertools
import os
import re
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.answer import RawHeader
from service.errors import HeadersTooLarge, NotReady
from service.headers import header, index_headers
from service.parts import Parts
from service.problems import problem

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROCESS_ID, _COUNT = os.urandom(10).hex(), itertools.count()
_NO_SNIFF, _VARY = (b"x-content-type-options", b"nosniff"), (b"vary", b"Accept")
MAX_HEADER_BYTES = 2**16
TOO_LARGE = HeadersTooLarge(f"The headers of a request may have {MAX_HEADER_BYTES} bytes in all.")
_SMALL_BYTES = 2**16
"""An answer that the transport takes at once, and is not counted."""
_PIECE_BYTES = 2**18
"""A body is handed on piece by piece, so that it is known when the client has taken it."""


async def in_context(parts: Parts, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an ASGI application on one HTTP request, as its outermost layer."""
    since = scope["state"].get("since") or time.monotonic()  # where `ExpressProtocol` held it
    index_headers(scope)
    request_id = scope["state"]["request_id"] = request_id_of(header(scope, b"x-request-id"))
    inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope  # RFC 9110, section 9.3.2
    answer = _Answer(parts, scope, send, request_id)
    try:
        if sum(map(len, itertools.chain.from_iterable(scope["headers"]))) > MAX_HEADER_BYTES:
            await problem(TOO_LARGE, request_id)(scope, receive, answer.send)
        else:
            await app(inner, receive, answer.send)
    except asyncio.CancelledError:  # the service is stopping, and the time that it grants requests is over
        if answer.status == 0:
            stopping = NotReady("The service is stopping; try again.", headers={"Retry-After": "1"})
            await problem(stopping, request_id)(scope, receive, answer.send)
        raise
    except Exception:  # answered with 500 and logged under its id already; the server need not log it again
        if answer.status == 0:
            raise
    finally:
        route = inner["route"].path if "route" in inner else "unmatched"
        parts.telemetry.count_requests(_method(scope), route, answer.status, [time.monotonic() - since])


class _Answer:
    """The way out of one answer: adds headers, and gives the client a limited time to take each piece of it."""

    __slots__ = ("_is_given_up", "_parts", "_request_id", "_scope", "_send", "status")

    def __init__(self, parts: Parts, scope: Scope, send: Send, request_id: str) -> None:
        self._parts, self._scope, self._send, self._request_id = parts, scope, send, request_id
        self._is_given_up = False
        self.status = 0

    async def send(self, message: Message) -> None:
        await self._send_whole(message)
        if self._is_given_up and message.get("more_body", False):
            raise ClientDisconnect  # whoever makes more for this client need not

    async def _send_whole(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *own_headers(self._scope["method"], self._request_id)]
            await self._send(message)
            return
        if self._scope["method"] == "HEAD":
            message = {**message, "body": b""}
        if len(body := message.get("body", b"")) <= _SMALL_BYTES:
            await self._send_piece(message)
            return
        self._parts.admission.hold_answer(len(body))
        try:
            await self._send_pieces(body, message.get("more_body", False))
        finally:
            self._parts.admission.hold_answer(-len(body))

    async def _send_pieces(self, body: bytes, more: bool) -> None:
        """Send piece by piece, and nothing behind the last one: a server waits for its client before it sends."""
        for start in range(0, len(body), _PIECE_BYTES):
            piece = body[start : start + _PIECE_BYTES]
            await self._send_piece({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send_piece({"type": "http.response.body", "body": b"", "more_body": more})

    async def _send_piece(self, message: Message) -> None:
        """Send; a client that takes too long gets no more, and the server closes the unfinished answer."""
        if not self._is_given_up:
            try:
                with self._parts.timekeeper.block(time.monotonic() + self._parts.settings.answer_timeout_s):
                    await self._send(message)
            except TimeoutError:
                self._is_given_up = True


def own_headers(method: str, request_id: str) -> tuple[RawHeader, ...]:
    """The headers of every answer."""
    own = (b"x-request-id", request_id.encode())
    return (own, _NO_SNIFF, _VARY) if method == "POST" else (own, _NO_SNIFF)


def request_id_of(given: str) -> str:
    """The id that a request brings, or a new one: random of the process, then counted."""
    return given if given and _REQUEST_ID.fullmatch(given) else f"{_PROCESS_ID}{next(_COUNT):012x}"


def _method(scope: Scope) -> str:
    """The method, as one of few: what clients make up must not grow the metrics."""
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
