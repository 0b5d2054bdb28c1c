"""The shortest way, for small requests: read, batched and answered without a coroutine.

It takes what is usual, and says no to anything else before it has changed a thing: the request then goes the longer
way, as if this module were not there. So it knows how requests are answered, and nothing of how they are refused.
"""

import asyncio
import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from fastapi import Response
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from service.admission import Ticket
from service.answer import RawHeader
from service.context import MAX_HEADER_BYTES, own_headers, request_id_of
from service.deadline import Deadline
from service.errors import NotAcceptable
from service.heads import Head, Heads
from service.inputs import QUICK_ARRAY_BYTES, QUICK_BYTES
from service.media import JSON, NPY, PNG
from service.negotiation import negotiate
from service.npy import Bytes
from service.operation import Asked
from service.parts import Parts
from service.problems import answer_to
from service.served import ServedModel
from service.waiting import Answers
from service.workers import QUICK_VALUES

_log = logging.getLogger("hourglass.express")
_BODIES = {media_type.encode(): media_type for media_type in (JSON, PNG, NPY)}
"""The bodies that can be read quickly, by their `Content-Type`, which has no parameters."""
MOST_BYTES = {JSON: QUICK_BYTES, PNG: QUICK_BYTES, NPY: QUICK_ARRAY_BYTES}
"""How long they may be."""
_MOST_DIGITS = 9
Series: TypeAlias = tuple[str, int, str, str]
"""What is counted together: the route, the status, the model, and the operation."""
Answered: TypeAlias = Callable[[int, Sequence[RawHeader], bytes], None]
"""Takes the status, the headers and the body of an answer."""


class Express:
    """Takes requests whose body is there, and calls back with their answers."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.heads = Heads()
        self.under_way = 0
        """Requests that were taken, and are not computed yet."""
        self._computed: list[Ride] = []

    def read_head(self, scope: Scope, target: str) -> Head | None:
        """What a request asks for, where it may be one to take; `target` is how the access log names it."""
        call = self.parts.calls.find(scope)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if call is None or len(headers) != len(scope["headers"]) or b"content-encoding" in headers:
            return None
        content_type = _BODIES.get(headers.get(b"content-type", b""))
        size = sum(map(len, itertools.chain.from_iterable(scope["headers"])))
        if content_type is None or size > MAX_HEADER_BYTES:
            return None
        length = headers.get(b"content-length", b"0")  # a number: the parser has seen to it
        if len(length) > _MOST_DIGITS or int(length) > min(
            MOST_BYTES[content_type], self.parts.settings.max_body_bytes
        ):
            return None
        accept, request_id = (headers.get(name, b"").decode("latin-1") for name in (b"accept", b"x-request-id"))
        try:
            media_type = negotiate(accept, call.operation.offers)
        except NotAcceptable:
            return None
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        return Head(call, content_type, media_type, request_id, target, forwarded)

    def begin(self, head: Head, body: Bytes, answered: Answered, since: float) -> "Ride | None":
        """Take a request, which calls `answered` later and once; or return None, and it must go the longer way.

        Its time runs `since` its head had come, on the monotonic clock.
        """
        parts, choice = self.parts, head.call.choice
        model = parts.registry.find(choice.name, choice.version)
        if model is None or len(body) > parts.settings.max_body_bytes:
            return None
        ticket = parts.admission.admit()
        try:
            asked = self._read(head, model, body, ticket, since)
        except Exception:  # a refusal, or a defect: the longer way says which
            asked = None
        if asked is None:
            ticket.release()
            return None
        return Ride(self, head, asked, ticket, answered, since)

    def answer(self, ride: "Ride") -> None:
        """Let a request be answered: with all others of its batch, so that a client of many connections wakes once."""
        self._computed.append(ride)
        if not self.under_way:
            self._answer_all()
        elif len(self._computed) == 1:
            asyncio.get_running_loop().call_soon(self._answer_all)

    def _answer_all(self) -> None:
        computed, self._computed = self._computed, []
        try:
            self._count(computed)
        except Exception:
            _log.exception("%d requests could not be counted", len(computed))
        for ride in computed:
            try:
                ride.answer()
            except Exception:  # the others' clients wait
                _log.exception("a request could not be answered")

    def _count(self, rides: "list[Ride]") -> None:
        """Count what ended, before anybody is answered: all that is alike at once, since each number takes a lock."""
        telemetry, alike = self.parts.telemetry, defaultdict[Series, list[Ride]](list)
        for ride in rides:
            alike[ride.series].append(ride)
        for (route, status, model, operation), those in alike.items():
            telemetry.count_requests("POST", route, status, [ride.seconds for ride in those])
            telemetry.count_images(model, operation, sum(ride.images for ride in those))

    def _read(self, head: Head, model: ServedModel, body: Bytes, ticket: Ticket, since: float) -> Asked | None:
        reader = model.reader(head.call.operation.takes)
        if head.content_type not in reader.media_types:
            return None
        timeout_s = self.parts.settings.request_timeout_s
        ticket.__enter__()
        ticket.hold_bytes(len(body))
        most = QUICK_VALUES // head.call.operation.answer_values(model)
        inputs = reader.read_quickly(head.content_type, body, most) if most else None
        if inputs is None:
            return None
        ticket.hold_images(inputs.size)
        return Asked(model, inputs, head.media_type, Deadline(timeout_s, since + timeout_s))


class Ride:
    """One request that was taken, and waits for its batch."""

    __slots__ = (
        "_answered", "_asked", "_call", "_entry", "_express", "_request_id", "_response", "_since", "_ticket", "images",
        "seconds",
    )  # fmt: skip

    def __init__(
        self, express: Express, head: Head, asked: Asked, ticket: Ticket, answered: Answered, since: float
    ) -> None:
        self._express, self._call, self._asked, self._ticket = express, head.call, asked, ticket
        self._request_id, self._answered = request_id_of(head.request_id), answered
        self._response: Response | None = None
        self._since = since
        express.under_way += 1
        operation, parts, rows = head.call.operation, express.parts, asked.rows
        self.images, self.seconds = len(rows), 0.0
        parts.timekeeper.add(self)
        self._entry = operation.batcher(asked.model).submit(rows, asked.deadline, self._computed)

    @property
    def series(self) -> Series:
        """Where it counts, once it has ended."""
        assert self._response is not None
        return self._call.path, self._response.status_code, self._asked.model.name, self._call.operation.name

    def look(self, now: float) -> None:
        """Answer that it took too long, once it has."""
        if self._asked.deadline.is_over(now):
            self._entry.drop()
            self._computed(self._asked.deadline.exceeded())

    def leave(self) -> None:
        """The client has left: compute nothing more for it, and do not answer."""
        self._answered = _to_nobody
        if self._response is None:
            self._entry.drop()
            self._end(answer_to(ClientDisconnect(), self._request_id))
            self._express.answer(self)

    def answer(self) -> None:
        """Hand over what was computed."""
        if (response := self._response) is not None:
            headers = [*response.raw_headers, *own_headers("POST", self._request_id)]
            self._answered(response.status_code, headers, bytes(response.body))

    def _computed(self, result: Answers | Exception) -> None:
        response: Response
        try:
            if isinstance(result, Exception):
                raise result
            response = self._call.operation.answer_parts(self._asked, result)
            self._ticket.note()
        except Exception as error:
            response = answer_to(error, self._request_id)
        self._end(response)
        self._express.answer(self)

    def _end(self, response: Response) -> None:
        self.seconds = time.monotonic() - self._since
        self._response = response
        self._express.under_way -= 1
        self._express.parts.timekeeper.remove(self)
        self._ticket.release()


def _to_nobody(status: int, headers: Sequence[RawHeader], body: bytes) -> None:
    """What becomes of an answer whose client has left."""
