"""A map as a stream of server-sent events: how far it has come, again and again, and in the end the map."""

from fastapi import Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.exchange import Exchange
from service.map_answers import write_maps
from service.map_order import MapOrder
from service.map_run import MapRun
from service.maps import MapProgress, Space
from service.media import EVENT_STREAM, JSON
from service.outputs import write_json
from service.problems import answer_to

_HEADERS = (
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # else nginx gathers events
)


class MapStream(Response):
    """The answer of a request that follows a map; what refuses it before it begins is an ordinary problem."""

    def __init__(self, exchange: Exchange, order: MapOrder, *, with_coordinates: bool) -> None:
        self.status_code, self.background = 200, None
        self._exchange, self._order, self._with_coordinates = exchange, order, with_coordinates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (the exchange has it)
        """Send events until the map is there, the deadline has passed, or the client has left.

        Raises:
            Refusal: Before anything is sent.
        """
        with self._exchange.parts.maps.follow(self._order) as run:
            with self._exchange.in_time():
                await run.prepared()
            headers = [*_HEADERS, *self._exchange.model.headers]
            await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
            try:
                with self._exchange.in_time():
                    last = await self._narrate(run, send)
            except ClientDisconnect:
                return
            except Exception as error:
                last = _event("problem", bytes(answer_to(error, scope["state"]["request_id"]).body))
        await send({"type": "http.response.body", "body": last})

    async def _narrate(self, run: MapRun, send: Send) -> bytes:
        """Send news of a run while there are some -> the event with its result."""
        workers, pause_s = self._exchange.parts.workers, self._exchange.parts.settings.stream_heartbeat_s
        model = self._exchange.model
        seen: dict[Space, MapProgress] = {}
        while not run.is_over:
            news = await run.news(seen, pause_s)
            seen |= {progress.space: progress for progress in news}
            if news or not run.is_over:
                events = [await self._report(progress) for progress in news] or [KEEPALIVE_COMMENT]
                await send({"type": "http.response.body", "body": b"".join(events), "more_body": True})
        answer = await run.answer()
        return await workers.run(lambda: _event("result", write_maps(JSON, model, self._order, answer)))

    async def _report(self, progress: MapProgress) -> bytes:
        document, values = dict(vars(progress)), 0
        if not self._with_coordinates:
            del document["coordinates"]
        elif progress.coordinates is not None:
            values = progress.coordinates.size
        return await self._exchange.parts.workers.run(lambda: _event("progress", write_json(document)), values)


def _event(name: str, document: bytes) -> bytes:
    """An event that holds a JSON document."""
    return format_sse_event(event=name, data_str=document.decode())
