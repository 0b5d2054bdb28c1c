"""How strongly points attract each other: Gaussian affinities to their neighbours, made symmetric."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from service.compiled import compiled
from service.tsne.neighbours import Neighbours

_MOST_TURNS = 100
_TOLERANCE = 1e-4
"""Of the logarithm of the perplexity."""
_LONGEST_STEP = 2.0
_LEAST, _MOST = 1e-30, 1e30


@dataclass(frozen=True)
class Affinities:
    """A symmetric sparse matrix of affinities that sum to 1, in compressed rows."""

    starts: NDArray[np.uint32]
    """Where each row begins, (n + 1,). Indices that cannot be negative make quicker loops."""
    columns: NDArray[np.uint32]
    values: NDArray[np.float32]
    entropy_term: float
    """The sum of all p log p."""

    @classmethod
    def of(cls, neighbours: Neighbours, perplexity: float) -> "Affinities":
        """`p_ij = (p_j|i + p_i|j) / 2n`, as in t-SNE (van der Maaten & Hinton 2008)."""
        rows, squares = neighbours
        points, count = rows.shape
        ends = np.arange(0, points * count + 1, count, dtype=np.int32)  # wider ones would widen all indices
        others = rows.flatten()  # a copy, since it is sorted in place
        conditional = csr_array((calibrate(squares, perplexity).ravel(), others, ends), (points, points))
        conditional.sort_indices()
        joint = conditional + conditional.T.tocsr()
        values = joint.data / np.float32(2 * points)
        starts, columns = joint.indptr.astype(np.uint32), joint.indices.astype(np.uint32)
        return cls(starts, columns, values, _sum_p_log_p(values))


def calibrate(squares: NDArray[np.float32], perplexity: float) -> NDArray[np.float32]:
    """Gaussian affinities `p_j|i` (n, neighbours), rows summing to 1, of the widths that give each row this perplexity.

    A row of which more neighbours lie at distance 0 than its perplexity minds these alike.
    """
    return _calibrate(squares, np.log(perplexity))


@compiled
def _sum_p_log_p(values: NDArray[np.float32]) -> float:
    total = 0.0
    for value in values:
        if value > 0:
            total += value * np.log(np.float64(value))
    return total


@compiled
def _calibrate(squares: NDArray[np.float32], entropy: float) -> NDArray[np.float32]:
    """Find each row's precision by Newton's steps on its logarithm, and by bisection where these lead astray."""
    affinities = np.empty_like(squares)
    for i in range(len(squares)):
        low, high, precision = 0.0, np.inf, _first_guess(squares[i])
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
                precision = 2.0 * low if high == np.inf else 0.5 * (low + high)
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
