"""What surrounds every request: its id, the headers of every answer, and what is counted of it."""

import re
import time
import uuid
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from service.telemetry import Telemetry

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


async def in_context(
    telemetry: Telemetry,
    app: Callable[[Scope, Receive, Send], Awaitable[None]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Run an ASGI application on one HTTP request, as its outermost layer."""
    given = Headers(scope=scope).get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    scope.setdefault("state", {})["request_id"] = request_id
    started, status = time.perf_counter(), 0

    async def send_with_headers(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            headers["X-Content-Type-Options"] = "nosniff"
            if scope["method"] == "POST":
                headers.add_vary_header("Accept")
        await send(message)

    try:
        await app(scope, receive, send_with_headers)
    finally:
        route = getattr(scope.get("route"), "path", "unmatched")
        telemetry.requests.labels(_method(scope), route, status).inc()
        telemetry.seconds.labels(route).observe(time.perf_counter() - started)


def _method(scope: Scope) -> str:
    """The method, as one of few: what clients make up must not grow the metrics."""
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
