"""One request on its way down and up: admitted, read, computed on and answered within its deadline."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from service.admission import Ticket
from service.body import read_body
from service.deadline import Deadline
from service.image_input import ImageReader
from service.inputs import BodyReader, Inputs, Kind
from service.latent_input import LatentReader
from service.limits import most_images
from service.negotiation import negotiate
from service.parts import Parts
from service.served import ServedModel
from service.workers import BULK_BYTES, BULK_IMAGES


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
        return negotiate(", ".join(self.request.headers.getlist("accept")), offered)

    @asynccontextmanager
    async def inputs(self, model: ServedModel, *takes: Kind) -> AsyncIterator[Inputs]:
        """Admit the request, read its body, and hold its places in the queue until the block ends.

        Raises:
            Refusal: What is wrong with the body, or `Overloaded`, or `DeadlineExceeded`.
            ClientDisconnect: The client left.
        """
        reader = self._reader(model, frozenset(takes))
        reader.check_media_type(self.request.headers.get("content-type", ""))
        with self.parts.admission.admit() as ticket:
            body = [await self._read_body(ticket)]  # in a list, so that it can be let go of
            async with self.in_time():
                inputs = await self._read_inputs(reader, body)
                ticket.hold_images(inputs.count)
                operation = self.request.scope["route"].path.strip("/")
                self.parts.telemetry.images.labels(model.name, operation).inc(inputs.count)
                yield inputs

    async def answer(
        self, model: ServedModel, media_type: str, write: Callable[[], bytes], images: int = BULK_IMAGES
    ) -> Response:
        """Encode an answer of so many images outside the event loop; its headers name the model."""
        content = await self.parts.workers.run(write, is_large=images >= BULK_IMAGES)
        until_answered: ExitStack = self.request.state.until_answered
        until_answered.enter_context(self.parts.admission.answering(len(content)))
        headers = {"X-Model": model.name, "X-Model-Version": str(model.version)}
        return Response(content, media_type=media_type, headers=headers)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Cancel what is awaited in the block once the deadline has passed, or the client has left.

        Raises:
            DeadlineExceeded: The deadline has passed.
            ClientDisconnect: The client has left.
        """
        timeout = asyncio.timeout(self.deadline.remaining_s)
        watch = asyncio.create_task(self._watch(timeout))
        try:
            async with timeout:
                yield
        except TimeoutError as error:
            self.deadline.abandon()  # for what is still going on in threads, and of which nobody awaits the end
            raise ClientDisconnect if watch.done() else self.deadline.exceeded() from error
        except BaseException:
            self.deadline.abandon()
            raise
        finally:
            watch.cancel()

    async def _watch(self, timeout: asyncio.Timeout) -> None:
        """Let the time be over when the client leaves."""
        while (await self.request.receive())["type"] != "http.disconnect":
            pass
        timeout.reschedule(asyncio.get_running_loop().time())

    async def _read_body(self, ticket: Ticket) -> bytes:
        settings = self.parts.settings
        return await read_body(self.request, ticket, settings.max_body_bytes, settings.body_timeout_s)

    async def _read_inputs(self, reader: BodyReader, body: list[bytes]) -> Inputs:
        content_type, is_large = self.request.headers.get("content-type", ""), len(body[0]) >= BULK_BYTES
        return await self.parts.workers.run(lambda: reader.read(content_type, body.pop()), is_large=is_large)

    def _reader(self, model: ServedModel, takes: frozenset[Kind]) -> BodyReader:
        settings, manifest = self.parts.settings, model.bundle.manifest
        most = most_images(settings, manifest.image)
        images = ImageReader(manifest.image, most, settings.max_image_pixels, self.deadline)
        return BodyReader(takes, images, LatentReader(manifest.latent_dim, most), settings.max_json_values)
