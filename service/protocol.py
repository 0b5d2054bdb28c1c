"""uvicorn's HTTP protocol, with a way out of the line for requests that need no ASGI task.

For a small request, starting a task, passing messages through coroutines and checking each header of the answer take
longer than the model. Parsing, connections, pipelining and everything unusual stay uvicorn's: only a request that came
in one piece, on a connection on which nothing else is under way, is offered to `Express` before its task would start.
"""

from collections.abc import Sequence
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from service.answer import RawHeader
from service.calls import Call
from service.express import Express, Ride


class ExpressProtocol(HttpToolsProtocol):
    """One connection."""

    _is_parsing = False
    _held: tuple[RequestResponseCycle, Call] | None = None
    """A request that may be taken, once its body is there."""
    _ride: Ride | None = None
    """The request that was taken, until it is answered."""

    def data_received(self, data: bytes) -> None:
        """Parse; what is then still without its whole body goes the longer way."""
        self._is_parsing = True
        super().data_received(data)
        self._is_parsing = False
        if self._held is not None:
            cycle, _ = self._held
            self._held = None
            if not self.transport.is_closing():
                super()._start_asgi_task(cycle, self.app)

    def on_message_complete(self) -> None:
        """Offer a request that was held."""
        super().on_message_complete()
        if self._held is not None and self._held[0] is self.cycle:
            held, self._held = self._held, None
            self._offer(*held)

    def connection_lost(self, exc: Exception | None) -> None:
        """Compute nothing more for a client that has left."""
        super().connection_lost(exc)
        if self._ride is not None:
            ride, self._ride = self._ride, None
            ride.leave()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        express: Express | None = self.app_state.get("express")
        call = express.find(cast(Scope, cycle.scope)) if express is not None and app is self.app else None
        if call is None or not cycle.keep_alive or cycle.waiting_for_100_continue or self.flow.write_paused:
            super()._start_asgi_task(cycle, app)
        elif not cycle.more_body:
            self._offer(cycle, call)
        elif self._is_parsing:
            self._held = cycle, call
        else:  # it came behind another, and not as a whole
            super()._start_asgi_task(cycle, app)

    def _offer(self, cycle: RequestResponseCycle, call: Call) -> None:
        express: Express = self.app_state["express"]

        def answered(status: int, headers: Sequence[RawHeader], body: bytes) -> None:
            self._ride = None
            self._answer(cycle, status, headers, body)

        self._ride = express.begin(call, cast(Scope, cycle.scope), bytes(cycle.body), answered)
        if self._ride is None:
            super()._start_asgi_task(cycle, self.app)

    def _answer(self, cycle: RequestResponseCycle, status: int, headers: Sequence[RawHeader], body: bytes) -> None:
        """Write an answer as `RequestResponseCycle.send` does, in one piece; all its headers are the service's own."""
        if cycle.access_log:
            cycle.access_logger.info(
                '%s - "%s %s HTTP/%s" %d', get_client_addr(cycle.scope), cycle.scope["method"],
                get_path_with_query_string(cycle.scope), cycle.scope["http_version"], status,
            )  # fmt: skip
        lines = [STATUS_LINE[status]]
        for name, value in [*cycle.default_headers, *headers]:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
        self.transport.write(b"".join(lines))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
