"""What surrounds every request: its id, the headers of every answer, its end, and what is counted of it."""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from service.errors import HeadersTooLarge, NotReady
from service.parts import Parts
from service.problems import problem

Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_HEADER_BYTES = 2**16
_PIECE_BYTES = 2**18
"""A body is handed on piece by piece, so that it is known when the client has taken it."""


async def in_context(parts: Parts, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an ASGI application on one HTTP request, as its outermost layer."""
    request_id = _request_id(scope)
    inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope  # RFC 9110, section 9.3.2
    answer = _Answer(scope, send, request_id, parts.settings.answer_timeout_s)
    started = time.perf_counter()
    try:
        with ExitStack() as until_answered:
            inner.setdefault("state", {}).update(request_id=request_id, until_answered=until_answered)
            if sum(len(name) + len(value) for name, value in scope["headers"]) > _MAX_HEADER_BYTES:
                refusal = HeadersTooLarge(f"The headers of a request may have {_MAX_HEADER_BYTES} bytes in all.")
                await problem(refusal, request_id)(scope, receive, answer.send)
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
        route = getattr(inner.get("route"), "path", "unmatched")
        parts.telemetry.requests.labels(_method(scope), route, answer.status).inc()
        parts.telemetry.seconds.labels(route).observe(time.perf_counter() - started)


class _Answer:
    """The way out of one answer: adds headers, and gives the client a limited time to take each piece of it."""

    def __init__(self, scope: Scope, send: Send, request_id: str, timeout_s: float) -> None:
        self._scope, self._send, self._request_id, self._timeout_s = scope, send, request_id, timeout_s
        self._is_given_up = False
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
            await self._send(message)
            return
        body = b"" if self._scope["method"] == "HEAD" else message.get("body", b"")
        last = max(0, len(body) - 1) // _PIECE_BYTES
        for index in range(last + 1):
            piece = body[index * _PIECE_BYTES : (index + 1) * _PIECE_BYTES] if last else body
            more = index < last or message.get("more_body", False)
            await self._send_piece({"type": "http.response.body", "body": piece, "more_body": more})

    async def _send_piece(self, message: Message) -> None:
        """Send; a client that takes too long gets no more, and the server closes the unfinished answer."""
        if not self._is_given_up:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._send(message)
            except TimeoutError:
                self._is_given_up = True

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self._request_id
        headers["X-Content-Type-Options"] = "nosniff"
        if self._scope["method"] == "POST":
            headers.add_vary_header("Accept")


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _method(scope: Scope) -> str:
    """The method, as one of few: what clients make up must not grow the metrics."""
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
