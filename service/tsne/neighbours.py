"""Exact nearest neighbours by blocked matrix products, without ever holding all distances."""

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled, threads
from service.tsne.patience import LOOK_S, look_while

Points: TypeAlias = NDArray[np.float32]
Neighbours: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Of each point the rows of its neighbours from near to far, and squared distances, both (n, count)."""
_ROWS, _COLUMNS, _STRIDE = 256, 1024, 16
_SPARE = 8
"""Candidates beyond those asked for: rounding in the products may swap neighbours at nearly equal distances."""
_BUFFER = 4
"""Times as many candidates are gathered as are wanted before the far ones are dropped."""
_ROW_BITS = 0xFFFFFFFF
_ZERO, _HALF = np.float32(0), np.float32(0.5)


def find_neighbours(points: Points, count: int, check: Callable[[], None] = lambda: None) -> Neighbours:
    """The `count` nearest other points of each of the centred `points` (n, features); equal distances go by row.

    `check` is called every 20 ms, and may raise.
    """
    search = look_while(partial(_Search, points, count), check)
    with ThreadPoolExecutor(threads()) as pool:
        ahead = {pool.submit(search.search, top) for top in range(0, len(points), _ROWS)}
        try:
            while ahead:
                done, ahead = wait(ahead, LOOK_S, FIRST_EXCEPTION)
                for future in done:
                    future.result()
                check()
        finally:
            search.is_wanted = False
            pool.shutdown(cancel_futures=True)
    return search.rows, search.squares


class _Search:
    """The neighbours of all points, found block by block on any number of threads."""

    def __init__(self, points: Points, count: int) -> None:
        self._points, self._wanted = points, min(count + _SPARE, len(points) - 1)
        halves = _HALF * np.einsum("ij,ij->i", points, points)
        ones = np.ones_like(halves)
        # The products of these are halves of squared distances: |x|^2 / 2 + |y|^2 / 2 - x.y.
        self._left, self._right = np.column_stack([-points, halves, ones]), np.column_stack([points, ones, halves])
        self.rows = np.empty((len(points), count), np.int32)
        self.squares = np.empty((len(points), count), np.float32)
        self.is_wanted = True

    def search(self, top: int) -> None:
        """Find the neighbours of the block that begins there."""
        block = slice(top, top + _ROWS)
        lefts = self._left[block]
        keys = np.empty((len(lefts), _BUFFER * self._wanted + _STRIDE), np.int64)
        held, limits = np.zeros(len(lefts), np.int64), np.full(len(lefts), np.inf, np.float32)
        for first in range(0, len(self._right), _COLUMNS):
            if not self.is_wanted:
                return
            _gather(lefts @ self._right[first : first + _COLUMNS].T, top, first, keys, held, limits)
        nearest = np.empty((len(lefts), self._wanted), np.int64)
        _measure_nearest(keys, held, top, self._points, nearest)
        nearest = np.sort(nearest, axis=1)[:, : self.rows.shape[1]]
        self.rows[block], self.squares[block] = nearest & _ROW_BITS, (nearest >> 32).astype(np.int32).view(np.float32)


@compiled
def _gather(
    halves: Points,
    top: int,
    first: int,
    gathered: NDArray[np.int64],
    filled: NDArray[np.int64],
    limits: NDArray[np.float32],
) -> None:
    """Gather for each row what is nearer than its limit, and lower the limit whenever there is much."""
    wanted = (gathered.shape[1] - _STRIDE) // _BUFFER
    for row in range(len(halves)):
        half, keys = halves[row], gathered[row]
        held, limit = filled[row], limits[row]
        for begin in range(0, len(half), _STRIDE):
            if begin + _STRIDE <= len(half):
                least = limit
                for k in range(_STRIDE):
                    least = min(least, half[begin + k])
                if least >= limit:
                    continue
            for column in range(begin, min(begin + _STRIDE, len(half))):
                if half[column] < limit and first + column != top + row:
                    keys[held] = _key(half[column], first + column)
                    held += 1
            if held >= _BUFFER * wanted:
                limit = _distance(_select(keys, held, wanted))
                held = wanted
        filled[row], limits[row] = held, limit


@compiled
def _measure_nearest(
    gathered: NDArray[np.int64], filled: NDArray[np.int64], top: int, points: Points, nearest: NDArray[np.int64]
) -> None:
    """The nearest by distances computed from differences, which lose nothing near zero, in any order."""
    for row in range(len(nearest)):
        _select(gathered[row], filled[row], nearest.shape[1])
        for k in range(nearest.shape[1]):
            other = gathered[row, k] & _ROW_BITS
            total = _ZERO
            for feature in range(points.shape[1]):
                difference = points[top + row, feature] - points[other, feature]
                total += difference * difference
            nearest[row, k] = _key(total, other)


@compiled
def _select(keys: NDArray[np.int64], held: int, wanted: int) -> np.int64:
    """Bring the `wanted` smallest of the first `held` keys to the front, and return the largest of them.

    Quickselect (Hoare 1961, doi:10.1145/366622.366647).
    """
    low, high, target = 0, held - 1, wanted - 1
    while low < high:
        pivot = keys[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if target <= j:
            high = j
        elif target >= i:
            low = i
        else:
            break
    return np.int64(keys[target])


@compiled
def _key(distance: np.float32, row: int) -> np.int64:
    """One number that sorts by distance, then by row: floats that are not negative sort as their bits do."""
    bits = np.float32(max(distance, _ZERO)).view(np.int32)
    return np.int64((np.int64(bits) << 32) | np.int64(row))


@compiled
def _distance(key: np.int64) -> np.float32:
    bits = np.int32(key >> 32)
    return bits.view(np.float32)
