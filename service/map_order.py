"""What one request wants laid out: told apart by its content, and made a job only where there is no such map yet."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np

from service.arrays import BytePixels, Features, Latents, Pixels, flat, to_bytes, to_unit
from service.deadline import Deadline
from service.inputs import Inputs, Kind
from service.maps import MapAnswer, MapJob, PictureFormat, PointStyle, Space, SpaceChoice, Theme
from service.served import ServedModel

_NOTHING = Inputs(Kind.REFERENCE)


@dataclass(frozen=True)
class MapWish:
    """How points shall be laid out."""

    space: SpaceChoice
    dimensions: Literal[2, 3]
    perplexity: float | None
    iterations: int
    seed: int


@dataclass(frozen=True)
class Look:
    """How a picture of maps shall look."""

    picture: PictureFormat
    theme: Theme
    points: PointStyle


class MapOrder:
    """The points of a request, which it lets go of once nothing needs them any more, and what is wanted of them."""

    def __init__(self, model: ServedModel, inputs: Inputs, wish: MapWish, look: Look | None, timeout_s: float) -> None:
        """Take an order; it computes for at most `timeout_s` before the points are laid out."""
        self._model, self._inputs, self._wish, self._look, self._timeout_s = model, inputs, wish, look, timeout_s
        self._is_reference = inputs.kind == Kind.REFERENCE
        self.labels = model.reference_labels if self._is_reference else inputs.labels
        """The class of each point."""
        self.ids = inputs.ids
        """What the points are called, where they have names: of the sample, their places among all test images."""
        if self._is_reference:
            self.ids = tuple(map(str, model.bundle.reference.test_indices.tolist()))
        self._thumbnails: BytePixels | None = None
        """The images that a picture shows in place of points, where it wants some: those that came, or the sample's."""
        self._to_decode: Latents | None = None
        """What they are decoded from, where latents came instead."""

    def examine(self) -> None:
        """Find out the keys, and put aside what a picture needs; not on the event loop, since it may take a while."""
        _ = self.key, self.picture_key
        if self._look is not None and self._look.points == "thumbnails":
            inputs, reference = self._inputs, self._model.bundle.reference
            if inputs.kind == Kind.LATENTS:
                self._to_decode = inputs.latents
            else:
                self._thumbnails = reference.images if self._is_reference else to_bytes(inputs.pixels)

    @property
    def kept_bytes(self) -> int:
        """How much of what came the order keeps until its picture is drawn."""
        kept = self._to_decode if self._thumbnails is None else self._thumbnails
        return 0 if kept is None or self._is_reference else kept.nbytes

    @cached_property
    def key(self) -> bytes:
        """What tells apart orders whose maps differ."""
        inputs, files = self._inputs, self._model.bundle.manifest.files.values()
        return _digest(*files, repr(self._wish), inputs.kind, repr(inputs.labels), inputs.pixels, inputs.latents)

    @cached_property
    def picture_key(self) -> bytes | None:
        """What tells apart orders whose pictures differ; None without a picture."""
        return None if self._look is None else _digest(self.key, repr(self._look))

    def let_go(self) -> None:
        """Ask for no maps: there are such already, or others have begun some."""
        self._inputs = _NOTHING

    async def maps_job(self) -> MapJob:
        """The job of the maps, once: images are encoded, latents decoded, where the maps need it.

        Raises:
            OutOfRange, DeadlineExceeded: As the model's operations do.
        """
        inputs, wish, deadline = self._inputs, self._wish, Deadline.after(self._timeout_s)
        self.let_go()
        spaces: dict[Space, Features] = {}
        are_at_hand = inputs.kind != Kind.LATENTS
        pixels = await self._pixels(inputs, deadline) if are_at_hand or wish.space != "latent" else None
        if pixels is not None and wish.space != "latent":
            spaces["image"] = flat(pixels)
        if wish.space != "image":
            spaces["latent"] = await self._latents(inputs, deadline)
        return MapJob(
            spaces, self.labels, wish.dimensions, wish.perplexity, wish.iterations, wish.seed,
            pixels=None if pixels is None else spaces.get("image", flat(pixels)),
        )  # fmt: skip

    async def picture_job(self, given: MapAnswer) -> MapJob:
        """The job of a picture of these maps."""
        assert self._look is not None
        look, thumbnails = self._look, self._thumbnails
        if self._to_decode is not None:
            pixels = await self._model.decode(self._to_decode, Deadline.after(self._timeout_s))
            thumbnails = await self._model.workers.run(lambda: to_bytes(pixels))
        return MapJob(
            {}, self.labels, self._wish.dimensions,
            picture=look.picture, theme=look.theme, thumbnails=thumbnails, given=given,
        )  # fmt: skip

    async def _pixels(self, inputs: Inputs, deadline: Deadline) -> Pixels:
        """The images of the points: as they came, the sample's, or what latents decode to."""
        if self._is_reference:
            images = self._model.bundle.reference.images
            return await self._model.workers.run(lambda: to_unit(images), images.size)
        return inputs.pixels if len(inputs.pixels) else await self._model.decode(inputs.latents, deadline)

    async def _latents(self, inputs: Inputs, deadline: Deadline) -> Latents:
        if self._is_reference:
            return self._model.bundle.reference.latents
        return inputs.latents if len(inputs.latents) else await self._model.encode(inputs.pixels, deadline)


def _digest(*parts: str | bytes | Features | Pixels) -> bytes:
    """A hash of several things, in which none can pass for a part of another."""
    whole = blake2b(digest_size=32)
    for part in parts:
        if isinstance(part, np.ndarray):
            content = np.ascontiguousarray(part).reshape(-1).data
        else:
            content = memoryview(part.encode() if isinstance(part, str) else part)
        whole.update(content.nbytes.to_bytes(8, "big"))
        whole.update(content)
    return whole.digest()
