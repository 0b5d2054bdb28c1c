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
_ROWS, _MOST_COLUMNS, _STRIDE = 256, 1024, 16
_BLOCK_NUMBERS = 2**20
"""Of the vectors that are the columns of a block: fewer of wide ones, so that none takes long."""
_MEASURED_NUMBERS = 2**22
"""Of the vectors whose distances are measured without a look whether anybody still wants them."""
_SPARE = 8
"""Candidates beyond those asked for: rounding in the products may swap neighbours at nearly equal distances."""
_ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""How far half a squared distance may be off, relative to the squares that it is the difference of."""
_BUFFER = 4
"""Times as many candidates are gathered as are wanted before the far ones are dropped."""
_ROW_BITS = 0xFFFFFFFF
_ZERO, _HALF, _FARTHEST = np.float32(0), np.float32(0.5), np.finfo(np.float32).max


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
        lengths = np.sqrt(2 * halves)
        self._slack = np.float32(_ROUNDING) * np.square(lengths + lengths.max())
        self._columns = min(_MOST_COLUMNS, max(_STRIDE, _BLOCK_NUMBERS // points.shape[1] // _STRIDE * _STRIDE))
        self.rows = np.empty((len(points), count), np.int32)
        self.squares = np.empty((len(points), count), np.float32)
        self.is_wanted = True

    def search(self, top: int) -> None:
        """Find the neighbours of the block that begins there."""
        block = slice(top, top + _ROWS)
        lefts = self._left[block]
        keys = np.empty((len(lefts), _BUFFER * self._wanted + _STRIDE), np.int64)
        held, limits = np.zeros(len(lefts), np.int64), np.full(len(lefts), _FARTHEST, np.float32)
        for first in range(0, len(self._right), self._columns):
            if not self.is_wanted:
                return
            _gather(lefts @ self._right[first : first + self._columns].T, top, first, keys, held, limits)
        nearest = np.empty((len(lefts), self._wanted), np.int64)
        step = max(1, _MEASURED_NUMBERS // (self._wanted * self._points.shape[1]))
        for first in range(0, len(lefts), step):
            if not self.is_wanted:
                return
            rows = slice(first, first + step)
            _measure_nearest(keys[rows], held[rows], top + first, self._points, nearest[rows], limits[rows])
        nearest = np.sort(nearest, axis=1)[:, : self.rows.shape[1]]
        if self._wanted < len(self._points) - 1:
            farthest = _HALF * (nearest[:, -1] >> 32).astype(np.int32).view(np.float32)
            in_doubt = (farthest > limits - self._slack[block]) & (farthest > 0)
            self._search_again(top, np.flatnonzero(in_doubt), nearest)
        self.rows[block], self.squares[block] = nearest & _ROW_BITS, (nearest >> 32).astype(np.int32).view(np.float32)

    def _search_again(self, top: int, rows: NDArray[np.intp], nearest: NDArray[np.int64]) -> None:
        """Measure all distances of the rows of a block whose candidates may lack a neighbour that rounding hid."""
        keys = np.empty(len(self._points) - 1, np.int64)
        for row in rows:
            if not self.is_wanted:
                return
            _measure_all(self._points, top + row, keys, nearest[row])
            nearest[row].sort()


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
    gathered: NDArray[np.int64],
    filled: NDArray[np.int64],
    top: int,
    points: Points,
    nearest: NDArray[np.int64],
    limits: NDArray[np.float32],
) -> None:
    """The nearest by distances computed from differences, which lose nothing near zero, in any order.

    Those that are left out lie beyond `limits`, by halves of squared distances as products gave them.
    """
    for row in range(len(nearest)):
        limits[row] = _distance(_select(gathered[row], filled[row], nearest.shape[1]))
        for k in range(nearest.shape[1]):
            other = gathered[row, k] & _ROW_BITS
            nearest[row, k] = _key(_measure(points[top + row], points[other]), other)


@compiled
def _measure_all(points: Points, row: int, keys: NDArray[np.int64], nearest: NDArray[np.int64]) -> None:
    """The nearest of all other points, in any order, by distances computed from differences; `keys` is room for all."""
    for other in range(len(points)):
        if other != row:
            keys[other - (other > row)] = _key(_measure(points[row], points[other]), other)
    _select(keys, len(keys), len(nearest))
    nearest[:] = keys[: len(nearest)]


@compiled
def _measure(one: NDArray[np.float32], other: NDArray[np.float32]) -> np.float32:
    """Their squared distance."""
    total = _ZERO
    for feature in range(len(one)):
        difference = one[feature] - other[feature]
        total += difference * difference
    return total


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
