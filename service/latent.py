"""The mathematics of paths between images: straight and spherical lines, and how ghostly what lies on them is."""

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features, Pixels


def straight_path(start: Features, end: Features, steps: int) -> NDArray[np.float32]:
    """Straight lines between pairs of points: two (n_pairs, ...) -> (n_pairs, steps, ...), ends included."""
    weights = np.linspace(0, 1, steps, dtype=np.float32).reshape(1, steps, *[1] * (start.ndim - 1))
    path: NDArray[np.float32] = (1 - weights) * start[:, None] + weights * end[:, None]
    return path


def ghosting(pixels: Pixels) -> NDArray[np.float64]:
    """How much of an image's ink is neither there nor not there -> (batch,), about 0 (crisp) to 4 (a uniform haze).

    The sum of 4x(1 - x), which is 1 where a pixel is half grey and 0 where it is black or white, over the sum of x, the
    ink. A pixel blend of two drawings shows both as grey ghosts and scores high.
    """
    values = pixels.reshape(len(pixels), -1).astype(np.float64)
    ink = values.sum(axis=1)
    haze = (4 * values * (1 - values)).sum(axis=1)
    scores: NDArray[np.float64] = np.divide(haze, ink, out=np.zeros_like(ink), where=ink > 0)
    return scores
