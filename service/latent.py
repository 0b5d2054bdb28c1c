"""The mathematics of paths between images: straight and spherical lines, and how ghostly what lies on them is."""

from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features, Pixels

Method = Literal["linear", "slerp"]
"""How two points are joined: by a straight line, or by an arc of a sphere."""

Number = TypeVar("Number", bound=np.generic)

_LEAST_SINE = 1e-4
"""Of the angle between two points. Below it they have no arc of their own, or rounding alone would choose it."""


def straight_path(start: Features, end: Features, steps: int) -> NDArray[np.float32]:
    """Straight lines between pairs of points: two (n_pairs, ...) -> (n_pairs, steps, ...), ends included."""
    weights = np.linspace(0, 1, steps, dtype=np.float32).reshape(1, steps, *[1] * (start.ndim - 1))
    path: NDArray[np.float32] = (1 - weights) * start[:, None] + weights * end[:, None]
    return path


def spherical_path(start: Features, end: Features, steps: int) -> NDArray[np.float32]:
    """Arcs between pairs of points: two (n_pairs, ...) -> (n_pairs, steps, ...), ends included.

    Equal steps of the angle at the origin (slerp: Shoemake 1985, doi:10.1145/325165.325242; for latents White 2016,
    arXiv:1609.04468). Points in one line with the origin, which is itself a point, are joined by a straight line.
    """
    path = straight_path(start, end, steps)
    angles = _angles(start, end)
    curved = np.sin(angles) > _LEAST_SINE
    shape = (-1, 1, *[1] * (start.ndim - 1))
    angle, weights = angles[curved].reshape(shape), np.linspace(0, 1, steps).reshape(1, steps, *shape[2:])
    arcs = np.sin((1 - weights) * angle) * start[curved, None] + np.sin(weights * angle) * end[curved, None]
    path[curved] = arcs / np.sin(angle)  # in float64 up to here, so that the ends come back to the last bit
    return path


def path_through(points: Features, steps: int, method: Method) -> NDArray[np.float32]:
    """A path through points in their order, (k, ...) -> ((k - 1) * (steps - 1) + 1, ...).

    From each point to the next there are `steps` frames, both ends counted; a point between two legs appears once.
    """
    legs = _PATHS[method](points[:-1], points[1:], steps)
    return np.concatenate([points[:1], legs[:, 1:].reshape(-1, *points.shape[1:])])


def there_and_back(frames: NDArray[Number]) -> NDArray[Number]:
    """Frames, then the same in reverse, the turning point once: (n, ...) -> (2n - 1, ...)."""
    return np.concatenate([frames, frames[-2::-1]])


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


def _angles(start: Features, end: Features) -> NDArray[np.float64]:
    """The angles between pairs of points, seen from the origin: two (n_pairs, ...) -> (n_pairs,); 0 at the origin."""
    first, second = _directions(start), _directions(end)
    # Kahan's formula: unlike the arc cosine it keeps its digits near 0 and near pi.
    halves = np.arctan2(np.linalg.norm(first - second, axis=1), np.linalg.norm(first + second, axis=1))
    known = first.any(axis=1) & second.any(axis=1)
    angles: NDArray[np.float64] = np.where(known, 2 * halves, 0)
    return angles


def _directions(points: Features) -> NDArray[np.float64]:
    vectors = points.reshape(len(points), -1).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: NDArray[np.float64] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return directions


_PATHS: dict[Method, Callable[[Features, Features, int], NDArray[np.float32]]] = {
    "linear": straight_path,
    "slerp": spherical_path,
}
