"""A model that is being served: a bundle that passed its checks and is warm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arrays import Latents, Pixels, to_unit
from service.bundle import QUANTILE_PROBABILITIES, Bundle
from service.deadline import Deadline
from service.errors import MAX_FAULTS, Fault, OutOfRange
from service.workers import BULK_IMAGES, Workers

_WARM_UP_BATCHES = (1, 1, 1, 8, 8, 1)
"""TorchScript specialises a method in its first calls, and again when the batch size changes."""


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
    """One version of one model, computing on the model thread."""

    bundle: Bundle
    workers: Workers

    @property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.manifest.name

    @property
    def version(self) -> int:
        """The bundle's version."""
        return self.bundle.manifest.version

    @classmethod
    def load(cls, bundle: Bundle, workers: Workers) -> "ServedModel":
        """Verify a bundle and warm its model up; takes a second or so, hence not on the event loop.

        Raises:
            InvalidBundle: A check failed.
        """
        bundle.verify()
        for size in _WARM_UP_BATCHES:
            pixels = to_unit(np.resize(bundle.golden.images, (size, *bundle.golden.images.shape[1:])))
            bundle.autoencoder.decode(bundle.autoencoder.encode(pixels))
            bundle.autoencoder.reconstruct(pixels)
        return cls(bundle, workers)

    async def encode(self, pixels: Pixels, deadline: Deadline) -> Latents:
        """`(batch, height, width, channels) -> (batch, latent_dim)`."""
        return await self.workers.compute(self.bundle.autoencoder.encode, pixels, deadline)

    async def decode(self, latents: Latents, deadline: Deadline) -> Pixels:
        """`(batch, latent_dim) -> (batch, height, width, channels)`.

        Raises:
            OutOfRange: Latents so far from any that the encoder gives that their images are not numbers.
        """
        pixels = await self.workers.compute(self.bundle.autoencoder.decode, latents, deadline)
        await self.workers.run(lambda: _check_finite(pixels), is_large=len(pixels) >= BULK_IMAGES)
        return pixels

    async def reconstruct(self, pixels: Pixels, deadline: Deadline) -> Pixels:
        """Encode, then decode: `(batch, height, width, channels)`, same shape."""
        return await self.workers.compute(self.bundle.autoencoder.reconstruct, pixels, deadline)

    async def judge(self, pixels: Pixels, reconstructions: Pixels, threshold: float) -> list[Anomaly]:
        """How unusual each image is: its error, and the error's percentile among the bundle's held-out images."""
        return await self.workers.run(
            lambda: self._judge(pixels, reconstructions, threshold), is_large=len(pixels) >= BULK_IMAGES
        )

    def _judge(self, pixels: Pixels, reconstructions: Pixels, threshold: float) -> list[Anomaly]:
        errors = mean_squared_errors(pixels, reconstructions)
        percentiles = np.interp(errors, self.bundle.reference.error_quantiles, QUANTILE_PROBABILITIES)
        return [
            Anomaly(float(mse), float(percentile), bool(percentile >= threshold))
            for mse, percentile in zip(errors, percentiles, strict=True)
        ]


def _check_finite(pixels: Pixels) -> None:
    finite = np.isfinite(pixels.reshape(len(pixels), -1)).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)[:MAX_FAULTS]
        faults = [Fault("too far from the latents of images", f"#/latents/{row}") for row in rows]
        raise OutOfRange("A latent is so far from those of images that its image is not finite.", faults)


def mean_squared_errors(pixels: Pixels, reconstructions: Pixels) -> NDArray[np.float64]:
    """`(batch, height, width, channels)` twice -> (batch,), the mean squared difference per value."""
    differences = (pixels - reconstructions).reshape(len(pixels), -1)
    errors: NDArray[np.float64] = np.square(differences, dtype=np.float64).mean(axis=1)
    return errors
