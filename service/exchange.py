"""One request on its way down and up: admitted, read, computed on and answered within its deadline."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from service.body import read_body
from service.deadline import Deadline
from service.image_input import ImageReader
from service.inputs import BodyReader, Inputs, Kind
from service.latent_input import LatentReader
from service.negotiation import negotiate
from service.parts import Parts
from service.served import ServedModel

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    request: Request
    parts: Parts
    deadline: Deadline

    def negotiate(self, offered: Sequence[str]) -> str:
        """The media type to answer in; refuses before anything is read.

        Raises:
            NotAcceptable: `Accept` allows none of them.
        """
        return negotiate(self.request.headers.get("accept"), offered)

    @asynccontextmanager
    async def inputs(self, model: ServedModel, *takes: Kind) -> AsyncIterator[Inputs]:
        """Admit the request, read its body, and hold its places in the queue until the block ends.

        Raises:
            Refusal: What is wrong with the body, or `Overloaded`, or `DeadlineExceeded`.
        """
        settings = self.parts.settings
        reader = self._reader(model, frozenset(takes))
        content_type = self.request.headers.get("content-type", "")
        reader.check_media_type(content_type)
        with self.parts.admission.admit() as ticket:
            body = await read_body(self.request, ticket, settings.max_body_bytes, settings.body_timeout_s)
            async with self.in_time():
                inputs = await self.parts.workers.run(reader.read, content_type, body)
                ticket.hold_images(inputs.count)
                self._count(model, inputs)
                yield inputs

    async def answer(
        self, model: ServedModel, media_type: str,
        encode: Callable[Arguments, bytes], *args: Arguments.args, **kwargs: Arguments.kwargs,
    ) -> Response:  # fmt: skip
        """Encode an answer outside the event loop; its headers name the model."""
        content = await self.parts.workers.run(encode, *args, **kwargs)
        headers = {"X-Model": model.name, "X-Model-Version": str(model.version)}
        return Response(content, media_type=media_type, headers=headers)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Cancel what is awaited in the block once the deadline has passed.

        Raises:
            DeadlineExceeded: It has.
        """
        timeout = asyncio.timeout(self.deadline.remaining_s)
        try:
            async with timeout:
                yield
        except TimeoutError as error:
            raise self.deadline.exceeded() from error

    async def unless_gone(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Await work, and cancel it when the client leaves.

        Raises:
            ClientDisconnect: The client left.
        """
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(self._disconnected())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientDisconnect
            return task.result()
        finally:
            for unfinished in (task, gone):
                unfinished.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)

    async def _disconnected(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass

    def _reader(self, model: ServedModel, takes: frozenset[Kind]) -> BodyReader:
        settings, manifest = self.parts.settings, model.bundle.manifest
        images = ImageReader(manifest.image, settings.max_images, settings.max_image_pixels, self.deadline)
        return BodyReader(takes, images, LatentReader(manifest.latent_dim, settings.max_images))

    def _count(self, model: ServedModel, inputs: Inputs) -> None:
        operation = self.request.scope["route"].path.strip("/")
        self.parts.telemetry.images.labels(model.name, operation).inc(inputs.count)
