"""Gaussian weights of neighbours, of the width that makes a point mind about as many as a perplexity says."""

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled

_MOST_TURNS = 100
_TOLERANCE = 1e-4
"""Of the logarithm of the perplexity."""
_LONGEST_STEP = 2.0
_LEAST, _MOST, _UNBOUNDED = 1e-30, 1e30, 1e300
"""Of precisions. No infinity: what is compiled for speed may take for granted that there is none."""


def calibrate(squares: NDArray[np.float32], perplexity: float) -> NDArray[np.float32]:
    """Gaussian affinities `p_j|i` (n, neighbours), rows summing to 1, of the widths that give each row this perplexity.

    A row of which more neighbours lie at distance 0 than its perplexity minds these alike.
    """
    return _calibrate(squares, np.log(perplexity))


@compiled
def _calibrate(squares: NDArray[np.float32], entropy: float) -> NDArray[np.float32]:
    """Find each row's precision by Newton's steps on its logarithm, and by bisection where these lead astray."""
    affinities = np.empty_like(squares)
    for i in range(len(squares)):
        low, high, precision = 0.0, _UNBOUNDED, _first_guess(squares[i])
        for _ in range(_MOST_TURNS):
            total, mean, variance = _weigh(squares[i], precision, affinities[i])
            excess = np.log(total) + precision * mean - entropy
            if abs(excess) < _TOLERANCE:
                break
            if excess > 0:
                low = precision
            else:
                high = precision
            slope = precision * precision * variance
            step = excess / slope if slope > 0 else np.copysign(_LONGEST_STEP, excess)
            precision *= np.exp(min(max(step, -_LONGEST_STEP), _LONGEST_STEP))
            if not low < precision < high:
                precision = 2.0 * low if high == _UNBOUNDED else 0.5 * (low + high)
            if not _LEAST < precision < _MOST:
                break  # the neighbours lie at one distance, or at two: no width would do
        for k in range(squares.shape[1]):
            affinities[i, k] /= np.float32(total)
    return affinities


@compiled
def _first_guess(squares: NDArray[np.float32]) -> float:
    """One over the mean squared distance beyond the nearest, 1 where there is none."""
    nearest, total = squares[0], 0.0
    for square in squares:
        nearest = min(nearest, square)
        total += square
    spread = total / len(squares) - nearest
    return 1.0 / spread if spread > 0 else 1.0


@compiled
def _weigh(squares: NDArray[np.float32], precision: float, weights: NDArray[np.float32]) -> tuple[float, float, float]:
    """Fill in the Gaussian weights of squared distances; their sum, and the weighted mean and variance of the squares.

    All are beyond the nearest, so that no row of weights vanishes.
    """
    nearest = squares[0]
    for square in squares:
        nearest = min(nearest, square)
    total = first = second = 0.0
    for k in range(len(squares)):
        beyond = squares[k] - nearest
        weight = np.exp(np.float32(-precision) * beyond)
        weights[k] = weight
        total += weight
        first += weight * beyond
        second += weight * beyond * beyond
    mean = first / total
    return total, mean, second / total - mean * mean
