"""New points on a map that is known: amid their nearest known points, and moved by gradient steps if wanted."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features, Latents
from service.compiled import compiled
from service.deadline import Deadline
from service.errors import MAX_FAULTS, Fault, OutOfRange
from service.maps import Coordinates
from service.neighbours import nearest
from service.perplexity import calibrate

NEIGHBOURS = 10
FAR_SHARE = 0.99
"""A point is far from everything if its neighbours are farther than those of this share of the known points."""
_MOST = 1e15
"""The largest number of a vector; squares of larger ones leave float32."""
_PERPLEXITY = 5.0
_PULLING = 15
"""Neighbours that pull at a point: three times the perplexity."""
_STEPS, _LEARNING_RATE, _MOMENTUM, _MOST_GRADIENT = 60, 1.0, 0.8, 0.25
_ROWS = 256
"""Points that are moved at once; each minds every known point."""
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)


@dataclass(frozen=True)
class Placements:
    """Where new points lie on a known map, and what lies around them in the space that it is a map of."""

    coordinates: Coordinates
    neighbours: NDArray[np.int64]
    """Rows of the nearest known points, the nearest first, shape (n_points, at most 10)."""
    distances: NDArray[np.float32]
    """Euclidean distances to them, same shape."""
    far: NDArray[np.bool_]
    """Whether they are farther, on average, than almost all known points are from theirs, shape (n_points,)."""

    @property
    def distance(self) -> NDArray[np.float32]:
        """The mean distance to the neighbours, shape (n_points,)."""
        means: NDArray[np.float32] = self.distances.mean(axis=1)
        return means


@dataclass(frozen=True)
class KnownMap:
    """Points with their places on a map of two dimensions."""

    features: Features
    coordinates: Coordinates

    @cached_property
    def reach(self) -> float:
        """The mean distance to 10 neighbours that `FAR_SHARE` of the points stay within, each apart from itself."""
        others = min(NEIGHBOURS, len(self.features) - 1)
        if others == 0:
            return float("inf")
        _, distances = nearest(self.features, self.features, others, within=True)
        return float(np.quantile(distances.mean(axis=1), FAR_SHARE))

    def measure(self) -> None:
        """Measure `reach` now, so that no request waits for it."""
        _ = self.reach

    def place(self, features: Latents, deadline: Deadline, *, optimise: bool = False) -> Placements:
        """Put each point at the coordinate-wise median of its neighbours' places.

        `optimise` then moves it by t-SNE's gradient, all known points staying where they are, with a perplexity of 5,
        as openTSNE does (Poličar, Stražar & Zupan 2019, doi:10.1101/731877). Each is placed as if it were alone.

        Raises:
            OutOfRange: Numbers too large to tell distances, pointing at the points.
            DeadlineExceeded: While points are moved.
        """
        _check(features)
        pulling = min(_PULLING if optimise else NEIGHBOURS, len(self.features))
        pulling_columns, pulling_distances = nearest(features, self.features, pulling)
        columns, distances = pulling_columns[:, :NEIGHBOURS], pulling_distances[:, :NEIGHBOURS]
        places = np.median(self.coordinates[columns], axis=1).astype(np.float32)
        if optimise:
            places = self._moved(places, pulling_columns, pulling_distances, deadline)
        return Placements(places, columns, distances, distances.mean(axis=1) > self.reach)

    def _moved(
        self, begin: Coordinates, columns: NDArray[np.int64], distances: NDArray[np.float32], deadline: Deadline
    ) -> Coordinates:
        weights = affinities(distances, min(_PERPLEXITY, max(1.0, len(self.features) / 3)))
        places = begin.copy()
        for start in range(0, len(begin), _ROWS):
            deadline.check()
            rows = slice(start, start + _ROWS)
            places[rows] = descend(begin[rows], Pull(columns[rows], weights[rows], self.coordinates))
        return places


@dataclass(frozen=True)
class Pull:
    """What draws points towards places on a map, and pushes them from all."""

    columns: NDArray[np.int64]
    """The places that draw each point, shape (n_points, n_pulling)."""
    weights: NDArray[np.float32]
    """How much, same shape; 1 in all for each point."""
    known: Coordinates

    @cached_property
    def _axes(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.known.T)

    def gradient(self, places: Coordinates) -> tuple[NDArray[np.float64], Coordinates]:
        """The KL divergence of each point, but for a constant, and its gradient: `(n, 2) -> (n,), (n, 2)`."""
        divergences, slopes = np.empty(len(places), np.float64), np.empty_like(places)
        _sum_forces(places, self._axes, self.columns, self.weights, divergences, slopes)
        return divergences, slopes


def warm_up() -> None:
    """Compile the loops that move points, or load what was compiled, so that no request waits for it."""
    known = KnownMap(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    known.place(known.features, Deadline.after(math.inf), optimise=True)


def descend(begin: Coordinates, pull: Pull) -> Coordinates:
    """Move points downhill, with momentum and bounded steps; each ends where it was best, the beginning included."""
    places, best = begin.copy(), begin.copy()
    least = np.full(len(begin), np.inf)
    step = np.zeros_like(begin)
    for _ in range(_STEPS + 1):
        divergence, slope = pull.gradient(places)
        better = divergence < least
        least[better], best[better] = divergence[better], places[better]
        norms = np.linalg.norm(slope, axis=1, keepdims=True)
        slope *= np.minimum(1, _MOST_GRADIENT / np.maximum(norms, 1e-12))
        step = _MOMENTUM * step - _LEARNING_RATE * slope
        places = places + step
    return best


def affinities(distances: NDArray[np.float32], perplexity: float) -> NDArray[np.float32]:
    """Gaussian weights of neighbours whose perplexity is as asked for: `(n_points, n_neighbours)`, same shape.

    Where too few neighbours, or equal ones, allow no such weights, the nearest ones are.
    """
    squares = np.square(distances.astype(np.float64))
    squares -= squares[:, :1]
    spread = squares.mean(axis=1, keepdims=True)
    squares /= np.where(spread > 0, spread, 1)
    return calibrate(squares.astype(np.float32), min(perplexity, squares.shape[1]))


@compiled
def _sum_forces(
    places: Coordinates,
    known: NDArray[np.float32],
    columns: NDArray[np.int64],
    weights: NDArray[np.float32],
    divergences: NDArray[np.float64],
    slopes: Coordinates,
) -> None:
    """Fill in what `Pull.gradient` gives; `known` (2, n) are the places that pull and push."""
    xs, ys = known[0], known[1]
    for i in range(len(places)):
        x, y = places[i, 0], places[i, 1]
        total = push_x = push_y = _ZERO
        for j in range(len(xs)):
            dx, dy = x - xs[j], y - ys[j]
            kernel = _ONE / (_ONE + dx * dx + dy * dy)
            square = kernel * kernel
            total += kernel
            push_x += square * dx
            push_y += square * dy
        pull_x = pull_y = _ZERO
        divergences[i] = 0
        for k in range(columns.shape[1]):
            dx, dy = x - xs[columns[i, k]], y - ys[columns[i, k]]
            kernel = _ONE / (_ONE + dx * dx + dy * dy)
            pull_x += weights[i, k] * kernel * dx
            pull_y += weights[i, k] * kernel * dy
            divergences[i] -= weights[i, k] * np.log(kernel / total)
        slopes[i, 0] = _TWO * (pull_x - push_x / total)
        slopes[i, 1] = _TWO * (pull_y - push_y / total)


def _check(features: Features) -> None:
    outside = np.flatnonzero((np.abs(features) > _MOST).any(axis=1))[:MAX_FAULTS]
    if len(outside):
        faults = [Fault("too far from the latents of images", f"#/latents/{row}") for row in outside]
        raise OutOfRange("A latent is too far from those of images to have neighbours among them.", faults)
