"""Images as they were found, before anything is split or held: what every reader returns."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels, Labels
from training.images import Source


@dataclass(frozen=True)
class Collection:
    """Images of one shape, in a fixed order, and what is known of them."""

    shape: tuple[int, int, int]
    """Height, width, channels."""
    source: Source
    """An array of all images, or what reads them one by one."""
    digests: Iterable[bytes]
    """SHA-256 of each image's pixels; may be read once."""
    labels: Labels | None = None
    classes: tuple[str, ...] = ()
    """Class names by label; empty without labels."""
    skipped: tuple[str, ...] = ()
    """Files that could not be decoded, with the reason of each."""
    test: "Collection | None" = None
    """The images that the data set's authors set aside for testing, where they did."""

    @classmethod
    def from_arrays(
        cls,
        pixels: BytePixels,
        labels: NDArray[Any] | None,
        classes: tuple[str, ...] = (),
        test: "Collection | None" = None,
    ) -> "Collection":
        """Images that lie in memory, shape (n, height, width, channels), with the label of each or none."""
        height, width, channels = pixels.shape[1:]
        return cls(
            shape=(height, width, channels),
            source=pixels,
            digests=(hashlib.sha256(image.tobytes()).digest() for image in pixels),
            labels=None if labels is None else labels.astype(np.int64),
            classes=classes,
            test=test,
        )
