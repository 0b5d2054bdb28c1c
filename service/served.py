"""A model that is being served: a bundle that passed its checks and is warm."""

from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from service import memory
from service.arrays import Latents, Pixels, mean_squared_errors, to_unit
from service.batcher import Batcher, Batching
from service.bundle import QUANTILE_PROBABILITIES, Bundle
from service.deadline import Deadline
from service.errors import MAX_FAULTS, Fault, OutOfRange
from service.inputs import BodyReader, InputLimits, Kind
from service.placement import KnownMap
from service.shelf import Shelf
from service.waiting import Numbers
from service.workers import Workers

_JUDGED_TOGETHER = 64
"""Images of the reference sample that are held as floats at once."""


@dataclass(frozen=True)
class Anomaly:
    """How unusual one image is to a model."""

    mse: float
    """Mean squared error of its reconstruction, per value."""
    percentile: float
    """Share of the bundle's held-out images that were reconstructed better, in [0, 1]."""
    unusual: bool
    """Whether the percentile reaches the threshold that was asked for."""


@dataclass(frozen=True)
class ServedModel:
    """One version of one model; each of its operations gathers what several requests ask of it into batches."""

    bundle: Bundle
    workers: Workers
    encoding: Batcher
    decoding: Batcher
    reconstructing: Batcher
    limits: InputLimits
    shelf: Shelf = field(default_factory=Shelf)
    _readers: dict[frozenset[Kind], BodyReader] = field(default_factory=dict)

    @cached_property
    def image_values(self) -> int:
        """Numbers of one image."""
        image = self.bundle.manifest.image
        return image.height * image.width * image.channels

    @cached_property
    def latent_map(self) -> KnownMap:
        """The reference sample on its map of latent space."""
        return KnownMap(self.bundle.reference.latents, self.bundle.reference.latent_map)

    @cached_property
    def reference_labels(self) -> tuple[str, ...] | None:
        """The class of each image of the reference sample."""
        labels, classes = self.bundle.reference.labels, self.bundle.manifest.dataset.classes
        return None if labels is None else tuple(classes[label] for label in labels)

    @cached_property
    def named(self) -> dict[str, str | int]:
        """How a JSON answer names the model."""
        return {"model": self.name, "version": self.version}

    @cached_property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers with which an answer names the model."""
        return (b"x-model", self.name.encode()), (b"x-model-version", str(self.version).encode())

    def reader(self, takes: frozenset[Kind]) -> BodyReader:
        """The reader of bodies that hold such inputs for this model."""
        if takes not in self._readers:
            manifest = self.bundle.manifest
            self._readers[takes] = BodyReader.of(takes, manifest.image, manifest.latent_dim, self.limits)
        return self._readers[takes]

    @property
    def batchers(self) -> tuple[Batcher, ...]:
        """One for each operation."""
        return self.encoding, self.decoding, self.reconstructing

    @cached_property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.manifest.name

    @cached_property
    def version(self) -> int:
        """The bundle's version."""
        return self.bundle.manifest.version

    @classmethod
    def load(cls, bundle: Bundle, workers: Workers, batching: Batching, limits: InputLimits) -> "ServedModel":
        """Verify a bundle and warm its model up; takes a second or so, hence not on the event loop.

        Raises:
            InvalidBundle: A check failed.
        """
        bundle.verify()
        autoencoder, images = bundle.autoencoder, to_unit(bundle.golden.images)
        pool, at_once = workers.model, workers.model.count + 1  # a thread that falls free finds a batch at hand
        loaded = cls(
            bundle,
            workers,
            encoding=Batcher.warm(autoencoder.encode, images, pool, batching, at_once),
            decoding=Batcher.warm(autoencoder.decode, autoencoder.encode(images), pool, batching, at_once),
            reconstructing=Batcher.warm(autoencoder.reconstruct, images, pool, batching, at_once),
            limits=limits,
        )
        loaded.latent_map.measure()
        memory.let_go_of_code()
        return loaded

    async def encode(self, pixels: Pixels, deadline: Deadline) -> Latents:
        """`(batch, height, width, channels) -> (batch, latent_dim)`."""
        return await self._compute(self.encoding, pixels, deadline)

    async def decode(self, latents: Latents, deadline: Deadline) -> Pixels:
        """`(batch, latent_dim) -> (batch, height, width, channels)`.

        Raises:
            OutOfRange: Latents so far from any that the encoder gives that their images are not numbers.
        """
        pixels = await self._compute(self.decoding, latents, deadline)
        await self.workers.run(lambda: check_finite(pixels), pixels.size)
        return pixels

    async def _compute(self, batcher: Batcher, rows: Numbers, deadline: Deadline) -> Numbers:
        parts = await batcher.run(rows, deadline)
        return parts[0] if len(parts) == 1 else await self.workers.run(lambda: np.concatenate(parts))

    async def judge_reference(self, deadline: Deadline) -> list[Anomaly]:
        """How unusual each image of the reference sample is, computed a batch at a time."""
        images, found = self.bundle.reference.images, list[Anomaly]()
        for start in range(0, len(images), _JUDGED_TOGETHER):
            pixels = to_unit(images[start : start + _JUDGED_TOGETHER])
            reconstructions = await self._compute(self.reconstructing, pixels, deadline)
            found += await self.workers.run(partial(self.judge, pixels, reconstructions, 1.0), pixels.size)
        return found

    def judge(self, pixels: Pixels, reconstructions: Pixels, threshold: float) -> list[Anomaly]:
        """How unusual each image is: its error, and the error's percentile among the bundle's held-out images."""
        errors = mean_squared_errors(pixels, reconstructions)
        percentiles = np.interp(errors, self.bundle.reference.error_quantiles, QUANTILE_PROBABILITIES)
        return [
            Anomaly(mse, percentile, percentile >= threshold)
            for mse, percentile in zip(errors.tolist(), percentiles.tolist(), strict=True)
        ]


def check_finite(pixels: Pixels) -> None:
    """Refuse images that are not numbers.

    Raises:
        OutOfRange: Pointing at the latents that they came from.
    """
    finite = np.isfinite(pixels.reshape(len(pixels), -1)).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)[:MAX_FAULTS]
        faults = [Fault("too far from the latents of images", f"#/latents/{row}") for row in rows]
        raise OutOfRange("A latent is so far from those of images that its image is not finite.", faults)
