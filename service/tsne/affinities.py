"""How strongly points attract each other: Gaussian affinities to their neighbours, made symmetric."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from service.compiled import compiled
from service.perplexity import calibrate
from service.tsne.neighbours import Neighbours


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


@compiled
def _sum_p_log_p(values: NDArray[np.float32]) -> float:
    total = 0.0
    for value in values:
        if value > 0:
            total += value * np.log(np.float64(value))
    return total
