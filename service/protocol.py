"""uvicorn's HTTP protocol, with a way out of the line for requests that need no ASGI task.

For a small request, parsing its head, starting a task, passing messages through coroutines and checking each header of
the answer take longer than the model. Parsing, connections, pipelining and everything unusual stay uvicorn's: only a
request whose body is there, or comes within a moment, on a connection on which nothing else is under way, is offered to
`Express` before its task would start. The head of one that was taken, and came in one piece, is remembered; where it
comes again, the parser is passed by as well.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from service.admission import Ticket
from service.answer import RawHeader
from service.context import MAX_HEADER_BYTES, TOO_LARGE, own_headers, request_id_of
from service.errors import Overloaded
from service.express import MOST_BYTES, Express, Ride
from service.heads import Head, Known
from service.npy import Bytes
from service.problems import problem

_MOMENT_S = 0.05
"""How long the rest of a body may take to come: many clients send it apart from the head, large ones come in parts."""
_MOST_FRAMING_BYTES = 2 * MAX_HEADER_BYTES
"""Of a head with its request line and all that stands between its headers, beside the segment that it begins in; and
of what comes of a chunked body that is not the body: trailers, and whatever stands beside a chunk's size."""


@dataclass(slots=True)
class _Held:
    """A request that may be taken, once its body is there."""

    cycle: RequestResponseCycle
    head: Head
    since: float
    """When its head had come, on the monotonic clock."""
    ticket: Ticket | None = None
    """For its body; None until that is known not to be there yet."""
    timer: asyncio.TimerHandle | None = None


class ExpressProtocol(HttpToolsProtocol):
    """One connection."""

    _is_parsing = False
    _is_between = True
    """Whether the parser stands between two messages, and has taken no more than whole ones."""
    _framing_bytes = 0
    """What has come of a message since its last part of a body; less than none where that is in the same segment."""
    _head_since = 0.0
    """When that was, on the event loop's clock."""
    _is_declined = False
    """Whether what is being parsed was offered already."""
    _held: _Held | None = None
    _ride: Ride | None = None
    """The request that was taken, until it is answered."""
    _head: Head
    """Its head."""
    _known: Known | None = None
    """The head that came last, where it was known: most clients send the same one again."""
    _cycle: RequestResponseCycle | None = None
    """What the parser made of it; None where it was passed by."""
    _behind = b""
    """What came behind a request that the parser does not know of."""
    _is_last = False
    """Whether the connection ends with the answer to such a request."""
    _untaken: tuple[int, asyncio.TimerHandle] | None = None
    """The bytes of an answer that its client is yet to take, and what gives it up."""
    _idle_since = 0.0
    """When such a request was last answered, on the event loop's clock."""

    def data_received(self, data: bytes) -> None:
        """Take what is known, and parse the rest."""
        if self._ride is not None and self._cycle is None:
            self._behind += data
            self.flow.pause_reading()
            return
        was_between = self._is_between and self._is_free()
        self._is_declined = False
        if was_between and self._take(data):
            return
        self._is_parsing = True
        super().data_received(data)
        self._is_parsing = False
        if self._held is not None:
            self._await_body(self._held)
        elif was_between and self._ride is not None and self._is_between:
            self._express().heads.remember(data, self._head)
        elif not self._is_between:
            self._bound_framing(len(data))

    def on_message_begin(self) -> None:
        """Note that the parser is within a message."""
        self._is_between, self._framing_bytes = False, -1
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Note that what comes is more than framing."""
        self._framing_bytes = -1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Offer a request that was held."""
        super().on_message_complete()
        self._is_between = not self.parser.should_upgrade()  # after which anything may come
        if self._held is not None and self._held.cycle is self.cycle:
            held = self._let_go()
            self._offer(held.cycle, held.head, held.since)

    def connection_lost(self, exc: Exception | None) -> None:
        """Compute nothing more for a client that has left."""
        if self._held is not None:
            super()._start_asgi_task(self._let_go().cycle, self.app)  # which is told so, and counts it
        super().connection_lost(exc)
        if self._ride is not None:
            ride, self._ride = self._ride, None
            ride.leave()
        self._end_taking()

    def resume_writing(self) -> None:
        """Note that the client has taken what was written."""
        super().resume_writing()
        self._end_taking()

    def shutdown(self) -> None:
        """Answer what is under way, and close."""
        if self._ride is not None and self._cycle is None:
            self._is_last = True
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close, if nothing came since the timer was set: where the parser is passed by, the timer is left alone."""
        idle_s = 0.0 if self._ride is not None else self.loop.time() - self._idle_since
        if idle_s < self.timeout_keep_alive:
            self._set_keep_alive(self.timeout_keep_alive - idle_s)
        else:
            super().timeout_keep_alive_handler()

    def _set_keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _express(self) -> Express:
        return cast(Express, self.app_state["express"])

    def _is_free(self) -> bool:
        """Whether nothing is under way on this connection, and it stays."""
        is_done = self.cycle is None or (self.cycle.response_complete and self.cycle.keep_alive)
        return is_done and not self.flow.write_paused and not self.transport.is_closing()

    def _bound_framing(self, size: int) -> None:
        """Let a head or trailers go on for `size` bytes, or end them: uvicorn keeps all, and looks at it at the end."""
        if self._framing_bytes < 0:
            self._framing_bytes, self._head_since = 0, self.loop.time()
            return
        self._framing_bytes += size
        if self._framing_bytes > _MOST_FRAMING_BYTES and not self.transport.is_closing():
            is_head = "method" not in self.scope
            if is_head and self._ride is None and (self.cycle is None or self.cycle.response_complete):
                self._refuse_head()
            self.transport.close()  # without an answer where it would seem to be that of what is under way

    def _refuse_head(self) -> None:
        """Answer as `in_context` does to headers that are too large, but that nobody knows what they were for."""
        seconds, request_id = self.loop.time() - self._head_since, request_id_of("")
        if "express" in self.app_state:
            self._express().parts.telemetry.count_requests("other", "unmatched", TOO_LARGE.status, [seconds])
        answer = problem(TOO_LARGE, request_id)
        headers = [*answer.raw_headers, *own_headers("", request_id)]
        self._write(answer.status_code, headers, bytes(answer.body), is_last=True)

    def _take(self, data: bytes) -> bool:
        """Take a request whose head is known, past the parser."""
        if "express" not in self.app_state:
            return False
        body = None if self._known is None else self._known.body_behind(data)
        if body is None:
            self._known = self._express().heads.find(data)
            body = None if self._known is None else self._known.body_behind(data)
        if self._known is None or body is None or len(body) > MOST_BYTES[self._known.head.content_type]:
            return False
        self._begin(self._known.head, body, None, time.monotonic())
        self._is_declined = self._ride is None
        return not self._is_declined

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        head = None
        is_usual = cycle.keep_alive and cycle.scope["http_version"] == "1.1"
        may_be = app is self.app and is_usual and not cycle.waiting_for_100_continue
        if may_be and not self._is_declined and not self.flow.write_paused and "express" in self.app_state:
            target = get_path_with_query_string(cycle.scope) if self.access_log else ""
            head = self._express().read_head(cast(Scope, cycle.scope), target)
        if head is None:
            super()._start_asgi_task(cycle, app)
        elif not cycle.more_body:
            self._offer(cycle, head, time.monotonic())
        elif self._is_parsing:
            self._held = _Held(cycle, head, time.monotonic())
        else:  # it came behind another, and not as a whole
            super()._start_asgi_task(cycle, app)

    def _await_body(self, held: _Held) -> None:
        """Let the rest of a body come, where there is room for it."""
        if held.ticket is None:
            if b"content-length" not in dict(held.cycle.scope["headers"]):
                self._give_up()
                return
            held.ticket = self._express().parts.admission.admit()
            held.timer = self.loop.call_later(_MOMENT_S, self._give_up)
        try:
            held.ticket.hold_bytes(len(held.cycle.body) - held.ticket.bytes)
        except Overloaded:
            self._give_up()
        else:
            self.flow.resume_reading()  # uvicorn stops it until the application has taken what is there

    def _give_up(self) -> None:
        """Let a request that is held go the longer way, as far as its body has come."""
        held = self._let_go()
        if not self.transport.is_closing():
            super()._start_asgi_task(held.cycle, self.app)

    def _let_go(self) -> _Held:
        """Hold a request no more; whatever way it goes, its time runs since its head had come."""
        held, self._held = self._held, None
        assert held is not None
        held.cycle.scope["state"]["since"] = held.since
        if held.ticket is not None:
            held.ticket.release()
        if held.timer is not None:
            held.timer.cancel()
        return held

    def _offer(self, cycle: RequestResponseCycle, head: Head, since: float) -> None:
        self._begin(head, bytes(cycle.body), cycle, since)
        if self._ride is None:
            super()._start_asgi_task(cycle, self.app)
        else:
            cycle.body = bytearray()  # a connection that waits for its next request holds nothing large
            self.flow.resume_reading()  # as an application does that takes a body: else nobody sees its client leave

    def _begin(self, head: Head, body: Bytes, cycle: RequestResponseCycle | None, since: float) -> None:
        self._head, self._cycle = head, cycle
        self._ride = self._express().begin(head, body, self._answer, since)

    def _answer(self, status: int, headers: Sequence[RawHeader], body: bytes) -> None:
        """Answer the request that was taken, and let the next one come."""
        cycle, self._ride = self._cycle, None
        if self.access_log:
            head = self._head
            client = self._client_behind(head.forwarded) if head.forwarded else self.client
            address = get_client_addr(cast(Any, {"client": client}))
            self.access_logger.info('%s - "%s %s HTTP/%s" %d', address, "POST", head.target, "1.1", status)
        is_last = self._is_last if cycle is None else not cycle.keep_alive
        self._write(status, headers, body, is_last=is_last)
        if self.flow.write_paused:
            self._await_taking(len(body))
        if is_last:
            self.transport.close()
        if cycle is None:
            self._go_on()
        else:
            cycle.response_started = cycle.response_complete = True
            cycle.message_event.set()
            cycle.on_response()

    def _write(self, status: int, headers: Sequence[RawHeader], body: bytes, *, is_last: bool) -> None:
        """Write an answer as `RequestResponseCycle.send` does, in one piece; all its headers are the service's own."""
        lines = [STATUS_LINE[status]]
        for name, value in [*self.server_state.default_headers, *headers]:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"connection: close\r\n\r\n" if is_last else b"\r\n", body)
        self.transport.write(b"".join(lines))

    def _await_taking(self, size: int) -> None:
        """Count an answer until its client has taken it, which has a limited time, as `in_context` does."""
        parts = self._express().parts
        parts.admission.hold_answer(size)
        self._untaken = size, self.loop.call_later(parts.settings.answer_timeout_s, self.transport.abort)

    def _end_taking(self) -> None:
        if self._untaken is not None:
            (size, timer), self._untaken = self._untaken, None
            self._express().parts.admission.hold_answer(-size)
            timer.cancel()

    def _client_behind(self, forwarded: str) -> tuple[str, int] | None:
        """Whom `ProxyHeadersMiddleware` takes for the client, where a proxy that is trusted names another."""
        if isinstance(self.app, ProxyHeadersMiddleware) and self.client is not None:
            proxies = self.app.trusted_hosts
            if self.client[0] in proxies:
                host, port = proxies.get_trusted_client_address(forwarded)
                return (host, port) if host else self.client
        return self.client

    def _go_on(self) -> None:
        """Do what `on_response_complete` does, after a request that the parser does not know of."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._set_keep_alive(self.timeout_keep_alive)
        if self._behind:
            data, self._behind = self._behind, b""
            self.flow.resume_reading()
            self.data_received(data)
