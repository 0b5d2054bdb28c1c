"""The arrays that travel through Hourglass, each named once.

The first axis is always the batch. Images keep their channels as the last axis (1: grey, 3: RGB).
"""

from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from service.compiled import exact

Pixels: TypeAlias = NDArray[np.float32]
"""Images as numbers in [0, 1], shape (batch, height, width, channels)."""

BytePixels: TypeAlias = NDArray[np.uint8]
"""Images as bytes in 0 to 255, shape (batch, height, width, channels)."""

Latents: TypeAlias = NDArray[np.float32]
"""Latent vectors, shape (batch, latent_dim)."""

Features: TypeAlias = NDArray[np.float32]
"""Any vectors that are compared by distance: flat pixels, PCA scores or latents, shape (n_samples, n_features)."""

Labels: TypeAlias = NDArray[np.int64]
"""Class numbers from 0, shape (n_samples,)."""

_ROWS = 256
"""Vectors that are brought to scale at a time, so that what float64 takes stays in the processor's cache."""


def to_unit(pixels: BytePixels) -> Pixels:
    """Bytes 0 to 255 as numbers in [0, 1], same shape."""
    numbers = np.empty(pixels.shape, np.float32)
    _bring_to_unit(pixels.reshape(-1), numbers.reshape(-1))
    return numbers


def in_numbers(images: Pixels | BytePixels) -> Pixels:
    """Images as numbers in [0, 1], same shape; numbers are given as they are."""
    return to_unit(cast(BytePixels, images)) if images.dtype == np.uint8 else cast(Pixels, images)


def mean_squared_errors(pixels: Pixels, reconstructions: Pixels) -> NDArray[np.float64]:
    """`(batch, height, width, channels)` twice -> (batch,), the mean squared difference per value."""
    errors = np.empty(len(pixels), np.float64)
    _compare(np.ascontiguousarray(pixels).reshape(-1), np.ascontiguousarray(reconstructions).reshape(-1), errors)
    return errors


def warm_up() -> None:
    """Compile the loops, or load what was compiled, for bytes that may be written to and such that may not."""
    for pixels in (np.zeros(1, np.uint8), np.frombuffer(b"\0", np.uint8)):
        numbers = to_unit(pixels)
        mean_squared_errors(numbers, numbers)


@exact
def _bring_to_unit(pixels: BytePixels, numbers: Pixels) -> None:
    """Divide each byte by 255, as numpy does, in one pass over the memory instead of two."""
    for index in range(len(pixels)):
        numbers[index] = np.float32(pixels[index]) / np.float32(255)


@exact
def _compare(pixels: Pixels, others: Pixels, errors: NDArray[np.float64]) -> None:
    size = len(pixels) // len(errors)
    for row in range(len(errors)):
        total = 0.0
        for index in range(row * size, (row + 1) * size):
            difference = np.float64(pixels[index] - others[index])
            total += difference * difference
        errors[row] = total / size


def to_bytes(pixels: Pixels) -> BytePixels:
    """Numbers as the nearest bytes, same shape; what lies outside [0, 1] is clipped."""
    levels: Pixels = pixels.clip(0, 1)
    levels *= 255
    return np.rint(levels, out=levels).astype(np.uint8)


def flat(pixels: Pixels) -> Features:
    """`(batch, height, width, channels) -> (batch, height * width * channels)`, without copying."""
    return pixels.reshape(len(pixels), -1)


def standardised(features: Features) -> Features:
    """The same vectors about the origin and within 1, so that float32 holds their squares; neighbours stay the same."""
    centre = features.mean(axis=0, dtype=np.float64)
    reach = np.maximum(features.max(axis=0) - centre, centre - features.min(axis=0)).max(initial=0)
    scale = 0.5 ** np.frexp(reach)[1]  # a power of two rounds nothing
    found = np.empty(features.shape, np.float32)
    for start in range(0, len(features), _ROWS):
        rows = slice(start, start + _ROWS)
        found[rows] = (features[rows] - centre) * scale
    return found
