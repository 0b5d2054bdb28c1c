"""Repulsion by way of a grid, for many points in the plane: its cost grows with the map's area, not with pairs.

As in FIt-SNE (Linderman et al. 2019, doi:10.1038/s41592-018-0308-4) charges are spread onto a regular grid, convolved
with the kernel by FFT, and the result is interpolated at the points. Two things, both from smooth particle-mesh Ewald
(Essmann et al. 1995, doi:10.1063/1.470117), make it cheaper: cubic B-splines, being smooth, interpolate as well on a
coarser grid; and the force is the gradient of the interpolated potential, so one convolution does what took four.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from service.compiled import compiled, parallel, prange, threads

Four: TypeAlias = tuple[np.float32, np.float32, np.float32, np.float32]
_WIDEST = 0.4
"""Largest distance of grid lines; the kernel's own width is 1. At 0.5 a map of 10,000 points diverged 1.2 % more."""
_FEWEST, _MOST = 48, 1024
"""Lines of the grid in one direction: fewer would blur small maps, more would take too much memory."""
_STEP = 1.25
"""Spacings are powers of this, so that the kernel's transform is seldom computed anew."""
_BLOCK = 256
_TOGETHER = 16
"""A multiple of how many float32 a vector of any processor holds."""
_FEWEST_SHARED = 96
"""Lines from which several threads transform them: to hand them over takes some 50 us."""
_REACH = np.uint32(4)
"""Lines that a cubic spline touches in each direction; unsigned, since negative indices cost time."""
_ZERO, _HALF, _ONE, _TWO, _THREE, _FOUR, _SIX = (np.float32(value) for value in (0, 0.5, 1, 2, 3, 4, 6))


class GridRepulsion:
    """Repulsion between points in the plane, by way of a grid."""

    def __init__(self, points: int) -> None:
        self._potentials = np.empty(points, np.float32)
        self._others = ThreadPoolExecutor(max(1, threads() - 1))  # which begins threads only once it has work

    def __call__(self, places: NDArray[np.float32], forces: NDArray[np.float32]) -> float:
        """Fill `forces` (2, n) with about the sums over j of q_ij^2 (y_i - y_j), and return about the sum of all q_ij.

        Both are off by less than a hundredth: `ExactRepulsion` says what they are.
        """
        lowest = places.min(axis=1)
        spacing, lines = _measure(float((places.max(axis=1) - lowest).max()))
        charges = _spread(places, lowest, np.float32(1 / spacing), lines)
        transform, least = _transform_of_kernel(spacing, 2 * lines)
        _gather(places, lowest, np.float32(1 / spacing), self._convolve(charges, transform), forces, self._potentials)
        points = len(self._potentials)
        return float(self._potentials.sum(dtype=np.float64)) + points * (points * least - 1)  # without their own

    def _convolve(self, charges: NDArray[np.float32], transform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convolve with the kernel, padded to twice the size so that opposite edges do not meet."""
        lines, length = len(charges), 2 * len(charges)
        waves = np.empty((lines + 1, lines), np.complex64)  # columns as rows, which are quicker to transform
        potential = np.empty((lines, lines), np.float32)

        def begin(rows: slice) -> None:
            waves[:, rows] = fft.rfft(charges[rows], length, 1).T

        def convolve(columns: slice) -> None:
            found = fft.fft(waves[columns], length, 1)
            found *= transform[columns]
            waves[columns] = fft.ifft(found, axis=1, overwrite_x=True)[:, :lines]

        def end(rows: slice) -> None:
            potential[rows] = fft.irfft(np.ascontiguousarray(waves[:, rows].T), length, 1)[:, :lines]

        for work, count in ((begin, lines), (convolve, lines + 1), (end, lines)):
            self._divide(work, count)
        return potential

    def _divide(self, work: Callable[[slice], None], count: int) -> None:
        """Do work on so many rows or columns, a part on each thread.

        pocketfft takes several together in vector instructions and the rest alone, which rounds otherwise: parts of
        whole vectors give the same numbers on any number of threads. Its own threads do not.
        """
        parts = threads() if count >= _FEWEST_SHARED else 1
        size = -(-count // (parts * _TOGETHER)) * _TOGETHER
        first, *others = (slice(start, min(start + size, count)) for start in range(0, count, size))
        ahead = [self._others.submit(work, part) for part in others]
        work(first)
        for future in ahead:
            future.result()


def _measure(span: float) -> tuple[float, int]:
    """The distance of lines, and how many of them cover a map of that span and the splines' reach beyond."""
    finest = max(span, 1e-9) / (_FEWEST - 8)
    spacing = min(_WIDEST, _STEP ** np.ceil(np.log(finest) / np.log(_STEP)))
    spacing = max(spacing, span / (_MOST - 8))
    needed = int(span / spacing) + 8
    return spacing, _even_fast_length(needed)


def _even_fast_length(least: int) -> int:
    """Sizes that transform quickly, few of them."""
    step = 16 if least <= 256 else 32
    length = -(-least // step) * step
    while fft.next_fast_len(length, real=True) != length:
        length += step
    return length


@lru_cache(maxsize=8)
def _transform_of_kernel(spacing: float, length: int) -> tuple[NDArray[np.float32], float]:
    """The kernel's Fourier transform over those of the two splines that surround it, (length // 2 + 1, length).

    It is the kernel's less its value at the grid's far end, which is the second result: on a small map all kernels are
    about 1, and float32 could not tell how potentials differ.
    """
    squares = (spacing * np.minimum(np.arange(length), length - np.arange(length))) ** 2
    square, far = squares[:, None] + squares, squares.max()
    kernel = (far - square) / ((1 + square) * (1 + far))
    spline = (2 + np.cos(2 * np.pi * np.arange(length) / length)) / 3
    transform = fft.rfft2(kernel).real / (spline[:, None] * spline[: length // 2 + 1]) ** 2
    return np.ascontiguousarray(transform.T, np.float32), float(1 / (1 + far))


@compiled
def _spread(
    places: NDArray[np.float32], lowest: NDArray[np.float32], scale: np.float32, lines: int
) -> NDArray[np.float32]:
    """Give each point's charge of 1 to the four by four crossings of lines around it."""
    charges = np.zeros((lines, lines), np.float32)
    for i in range(places.shape[1]):
        row, below = _locate(places[0, i], lowest[0], scale)
        column, left = _locate(places[1, i], lowest[1], scale)
        along, across = _weights(below), _weights(left)
        for k in range(_REACH):
            for m in range(_REACH):
                charges[row + k, column + m] += along[k] * across[m]
    return charges


@parallel
def _gather(
    places: NDArray[np.float32],
    lowest: NDArray[np.float32],
    scale: np.float32,
    potential: NDArray[np.float32],
    forces: NDArray[np.float32],
    potentials: NDArray[np.float32],
) -> None:
    """The potential at each point, and the force as half its negative gradient.

    Block by block: what vector instructions take together, and round alike, must not depend on the threads.
    """
    points = places.shape[1]
    for block in prange(-(-points // _BLOCK)):
        for i in range(block * _BLOCK, min((block + 1) * _BLOCK, points)):
            row, below = _locate(places[0, i], lowest[0], scale)
            column, left = _locate(places[1, i], lowest[1], scale)
            along, across = _weights(below), _weights(left)
            rise, run = _slopes(below), _slopes(left)
            total = fx = fy = _ZERO
            for k in range(_REACH):
                level = slope = _ZERO
                for m in range(_REACH):
                    value = potential[row + k, column + m]
                    level += across[m] * value
                    slope += run[m] * value
                total += along[k] * level
                fx += rise[k] * level
                fy += along[k] * slope
            potentials[i] = total
            forces[0, i], forces[1, i] = -_HALF * scale * fx, -_HALF * scale * fy


@compiled
def _locate(place: np.float32, lowest: np.float32, scale: np.float32) -> tuple[np.uint32, np.float32]:
    """The first of the four lines around a place, and how far the place is beyond the second."""
    lines = (place - lowest) * scale + _ONE
    first = np.uint32(lines)
    return first, lines - np.float32(first)


@compiled
def _weights(t: np.float32) -> Four:
    """Cubic B-splines at t in [0, 1) between the second and third of four lines."""
    r = _ONE - t
    return (
        r * r * r / _SIX,
        (_THREE * t * t * (t - _TWO) + _FOUR) / _SIX,
        (_THREE * r * r * (r - _TWO) + _FOUR) / _SIX,
        t * t * t / _SIX,
    )


@compiled
def _slopes(t: np.float32) -> Four:
    """Their derivatives."""
    r = _ONE - t
    return -_HALF * r * r, _HALF * t * (_THREE * t - _FOUR), -_HALF * r * (_THREE * r - _FOUR), _HALF * t * t
