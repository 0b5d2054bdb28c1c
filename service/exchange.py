"""One request on its way down and up: admitted, read, computed on and answered within its deadline."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Literal

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from service.admission import Ticket
from service.answer import Answer
from service.body import read_body, slow_body
from service.calls import Call, Choice
from service.deadline import Deadline
from service.headers import header, header_list
from service.inputs import Inputs, Kind
from service.negotiation import negotiate
from service.operation import Asked, Operation
from service.parts import Parts
from service.served import ServedModel
from service.timekeeper import Block, Timekeeper
from service.workers import BULK_VALUES


class Exchange:
    """A request and its answer."""

    __slots__ = ("choice", "deadline", "model", "parts", "receive", "scope")

    def __init__(
        self, parts: Parts, scope: Scope, receive: Receive, choice: Choice, model: ServedModel, timeout_s: float
    ) -> None:
        """Let the deadline run from now; the model is kept for the whole request."""
        self.parts, self.scope, self.receive = parts, scope, receive
        self.choice, self.model = choice, model
        self.deadline = Deadline.after(timeout_s)

    def negotiate(self, offered: Sequence[str]) -> str:
        """The media type to answer in; refuses before anything is read.

        Raises:
            NotAcceptable: `Accept` allows none of them.
        """
        return negotiate(header_list(self.scope, b"accept"), offered)

    @asynccontextmanager
    async def inputs(self, takes: frozenset[Kind], *, as_sent: bool = False) -> AsyncIterator[Inputs]:
        """Admit the request, read its body, and hold its places in the queue until the block ends.

        Images are numbers; `as_sent` leaves those bytes that were sent as bytes.

        Raises:
            Refusal: What is wrong with the body, or `Overloaded`, or `DeadlineExceeded`.
            ClientDisconnect: The client left.
        """
        reader, content_type = self.model.reader(takes), header(self.scope, b"content-type")
        media_type = reader.check_media_type(content_type)
        with self.parts.admission.admit() as ticket, self.in_time() as block:
            body = [await self._read_body(ticket, block)]  # in a list, so that it can be let go of
            inputs = reader.read_quickly(media_type, body[0])
            if inputs is None:
                inputs = await self.parts.workers.decode(
                    lambda: reader.read(content_type, body.pop(), self.deadline), len(body[0])
                )
            ticket.hold_images(inputs.size)
            self.parts.telemetry.count_images(self.model.name, self.scope["route"].path[1:], inputs.size)
            if not as_sent:
                inputs = await self.parts.workers.run(inputs.in_numbers, inputs.images.size)
            yield inputs

    async def answer(self, media_type: str, write: Callable[[], bytes], values: int = BULK_VALUES) -> Answer:
        """Encode an answer of so many numbers; its headers name the model."""
        content = await self.parts.workers.run(write, values)
        return Answer(content, media_type, self.model.headers)

    async def perform(self, operation: Operation) -> Answer:
        """Do a whole verb: read the body, compute in a batch with others, answer.

        Raises:
            Refusal: Whatever is wrong with the request, or was in its way.
            ClientDisconnect: The client left.
        """
        call = Call(operation, self.choice, self.scope["route"])
        self.parts.calls.remember(self.scope, call)
        media_type = self.negotiate(operation.offers)
        async with self.inputs(operation.takes, as_sent=True) as inputs:
            asked = Asked(self.model, inputs, media_type, self.deadline)
            computed = await operation.batcher(self.model).run(asked.rows, self.deadline)
            values = sum(part.size for part in computed)
            return await self.parts.workers.run(lambda: operation.answer_parts(asked, computed), values)

    def in_time(self) -> "InTime":
        """Cancel what is awaited in a block once the deadline has passed, or the client has left.

        Raises:
            DeadlineExceeded: The deadline has passed.
            ClientDisconnect: The client has left.
        """
        return InTime(self.parts.timekeeper, self.deadline, self.receive)

    async def _read_body(self, ticket: Ticket, block: "InTime") -> bytes:
        """The body; only once it is there the client is watched, since that is done by receiving, too."""
        settings = self.parts.settings
        block.expect_body(settings.body_timeout_s)
        body = await read_body(self.scope, self.receive, ticket, settings.max_body_bytes)
        block.expect_answer(self.receive)
        return body


class InTime(Block):
    """A block that says what ended it, and lets go of what is still going on in threads for nobody."""

    __slots__ = ("_body_timeout_s", "_deadline")

    def __init__(self, keeper: Timekeeper, deadline: Deadline, receive: Receive) -> None:
        super().__init__(keeper, deadline.at, receive)
        self._deadline = deadline
        self._body_timeout_s: float | None = None

    def expect_body(self, timeout_s: float) -> None:
        """From now on it is the client's time."""
        self._body_timeout_s = timeout_s
        self.watch(time.monotonic() + timeout_s, None)

    def expect_answer(self, receive: Receive) -> None:
        """From now on it is the service's time."""
        self._body_timeout_s = None
        self.watch(self._deadline.at, receive)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        if error is not None:
            self._deadline.abandon()
        try:
            return super().__exit__(kind, error, traceback)
        except TimeoutError as timeout:
            if self._body_timeout_s is not None:
                raise slow_body(self._body_timeout_s) from timeout
            raise ClientDisconnect if self.has_left else self._deadline.exceeded() from timeout
