"""Distances between many vectors by blocked matrix products, and the nearest of them, as exact as float32 can tell.

|x - y|² = |x|² + |y|² - 2xy takes one product of matrices, but loses what is small beside |x|². So vectors are centred,
rows in which near neighbours would drown are computed again in float64, and the nearest are told apart by differences.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features

_BLOCK_NUMBERS, _LEAST_ROWS = 2**19, 128
"""Distances held at once, but of no fewer queries: each block reads all known vectors from memory."""
_STRIDE = 16
"""Of how many distances the least is taken, to find out cheaply how near the nearest are."""
_MOST_CANDIDATES = 8
"""For each neighbour; where more are about as near, many are equally near, and rounding may choose among them."""
_ROUNDING = 8 * float(np.finfo(np.float32).eps)
"""How far a squared distance may be off, relative to the squares that it is the difference of."""
_TOLERANCE = 1e-4
"""How far it may be off, relative to that of the last neighbour asked for."""
_PLAIN_DIMENSIONS = 3


@dataclass(frozen=True)
class Block:
    """Some of the queries and all known vectors."""

    rows: slice
    squared: NDArray[np.float32]
    """Squared Euclidean distances, shape (rows, n_known); infinite from a vector to itself."""
    slack: NDArray[np.float32]
    """By how much those of each row may be off at most, shape (rows, 1)."""
    columns: NDArray[np.int64]
    """The nearest known vectors, the nearest first, shape (rows, n_neighbours)."""
    distances: NDArray[np.float32]
    """Those to them, not squared, shape (rows, n_neighbours)."""


@dataclass(frozen=True)
class _Known:
    """Vectors that are searched, and what is computed of them once."""

    features: Features

    @cached_property
    def centre(self) -> NDArray[np.float32]:
        centre: NDArray[np.float32] = self.features.mean(axis=0, dtype=np.float64).astype(np.float32)
        return centre

    @cached_property
    def centred(self) -> Features:
        return self.features - self.centre

    @cached_property
    def squares(self) -> NDArray[np.float32]:
        return _squares(self.centred)

    @cached_property
    def longest(self) -> float:
        return float(np.sqrt(self.squares.max()))

    def squared_distances(self, queries: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`(rows, n_features) -> (rows, n_known)`, and by how much each row may be off, (rows, 1)."""
        if self.features.shape[1] <= _PLAIN_DIMENSIONS:
            plain = np.zeros((len(queries), len(self.features)), np.float32)
            for ours, theirs in zip(queries.T, self.features.T, strict=True):
                plain += np.square(ours[:, None] - theirs)
            return plain, np.zeros((len(queries), 1), np.float32)
        centred = queries - self.centre
        squares = _squares(centred)[:, None]
        squared: NDArray[np.float32] = np.matmul(centred, self.centred.T)
        squared *= np.float32(-2)
        squared += squares
        squared += self.squares
        np.maximum(squared, 0, out=squared)
        slack = _ROUNDING * np.square(np.sqrt(squares) + self.longest)
        return squared, slack.astype(np.float32)

    def squared_distances_precisely(self, queries: Features) -> NDArray[np.float32]:
        """The same in float64, as far as float32 can hold them."""
        squared = np.empty((len(queries), len(self.features)), np.float32)
        ours = queries.astype(np.float64) - self.centre
        squares = np.einsum("ij,ij->i", ours, ours)[:, None]
        step = max(1, _BLOCK_NUMBERS // ours.shape[1])
        for start in range(0, len(self.features), step):
            theirs = self.features[start : start + step].astype(np.float64) - self.centre
            found = squares + np.einsum("ij,ij->i", theirs, theirs) - 2 * ours @ theirs.T
            squared[:, start : start + step] = np.maximum(found, 0)
        return squared


def distance_blocks(queries: Features, known: Features, neighbours: int, *, within: bool = False) -> Iterator[Block]:
    """All distances from queries to known vectors, block by block.

    Args:
        queries: Shape (n_queries, n_features).
        known: Shape (n_known, n_features).
        neighbours: How many of the nearest are looked for, at most as many as there are.
        within: Whether the queries are the known vectors themselves, none of which is its own neighbour.
    """
    searched = _Known(known)
    step = max(_LEAST_ROWS, _BLOCK_NUMBERS // len(known))
    for start in range(0, len(queries), step):
        rows = slice(start, min(start + step, len(queries)))
        squared, slack = searched.squared_distances(queries[rows])
        own = np.arange(rows.start, rows.stop) if within else None
        _leave_out(squared, own)
        reach = _reach(squared, neighbours)
        if (lost := np.flatnonzero(slack > _TOLERANCE * reach)).size:
            squared[lost] = searched.squared_distances_precisely(queries[rows][lost])
            slack[lost] = 0
            _leave_out(squared, own)
            reach[lost] = _reach(squared[lost], neighbours)
        columns, distances = _nearest(squared, reach + 2 * slack, neighbours, queries[rows], known)
        yield Block(rows, squared, slack, columns, distances)


def nearest(
    queries: Features, known: Features, neighbours: int, *, within: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest known vectors of each query, the nearest first, and how far: (n_queries, neighbours) twice."""
    columns = np.empty((len(queries), neighbours), np.int64)
    distances = np.empty((len(queries), neighbours), np.float32)
    for block in distance_blocks(queries, known, neighbours, within=within):
        columns[block.rows], distances[block.rows] = block.columns, block.distances
    return columns, distances


def _squares(vectors: Features) -> NDArray[np.float32]:
    squares: NDArray[np.float32] = np.einsum("ij,ij->i", vectors, vectors)
    return squares


def _leave_out(squared: NDArray[np.float32], own: NDArray[np.int64] | None) -> None:
    if own is not None:
        squared[np.arange(len(own)), own] = np.inf


def _reach(squared: NDArray[np.float32], neighbours: int) -> NDArray[np.float32]:
    """A distance, by row, that at least so many are within and hardly more -> (rows, 1)."""
    rows, count = squared.shape
    width = count // _STRIDE
    if width < 4 * neighbours:
        return np.partition(squared, neighbours - 1, axis=1)[:, neighbours - 1 : neighbours]
    least = squared[:, : width * _STRIDE].reshape(rows, _STRIDE, width).min(axis=1)
    return np.partition(least, neighbours - 1, axis=1)[:, neighbours - 1 : neighbours]


def _nearest(
    squared: NDArray[np.float32], within: NDArray[np.float32], neighbours: int, queries: Features, known: Features
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Choose among all that lie within a distance that reaches far enough, by their differences, and keep these."""
    near = squared <= within
    crowded = np.flatnonzero(near.sum(axis=1) > _MOST_CANDIDATES * neighbours)
    if crowded.size:
        near[crowded] = False
        chosen = np.argpartition(squared[crowded], neighbours - 1, axis=1)[:, :neighbours]
        near[crowded[:, None], chosen] = True
    found = np.flatnonzero(near)
    rows = found // near.shape[1]
    columns = found - rows * near.shape[1]
    differences = queries[rows]
    differences -= known[columns]
    exact = squared.ravel()[found] = _squares(differences)
    order = np.lexsort((exact, rows))  # of equal ones the first in order comes first
    chosen = order[np.searchsorted(rows, np.arange(len(squared)))[:, None] + np.arange(neighbours)]
    return columns[chosen], np.sqrt(exact[chosen])
