"""How well classes keep apart in a space of vectors, and how well a space keeps the neighbours of another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features, Labels, standardised
from service.neighbours import Block, distance_blocks, nearest

NEIGHBOURS = 10


@dataclass(frozen=True)
class LabelledFeatures:
    """Vectors, shape (n_samples, n_features), with the class of each, shape (n_samples,)."""

    features: Features
    labels: Labels

    def at(self, rows: NDArray[np.int64]) -> "LabelledFeatures":
        """The samples at `rows`."""
        return LabelledFeatures(self.features[rows], self.labels[rows])


@dataclass(frozen=True)
class Examined:
    """What one look at all distances of a space tells."""

    neighbours: NDArray[np.int64]
    """Of each sample the nearest others, the nearest first, shape (n_samples, at most 10)."""
    knn_accuracy: float | None
    silhouette: float | None
    """Both None without labels."""
    trustworthiness: tuple[float, ...]
    """Of each of the spaces whose neighbours were given."""


def examine(
    features: Features,
    labels: Labels | None = None,
    others: Sequence[NDArray[np.int64]] = (),
    check: Callable[[], None] = lambda: None,
) -> Examined:
    """Measure a space as it is, and how far the neighbours in other spaces are neighbours here.

    All that compares distances is done while they are there, block by block, so that they are computed once.

    Args:
        features: At least two vectors, shape (n_samples, n_features).
        labels: The class of each.
        others: By other space, each sample's `Examined.neighbours` there.
        check: Called for every block, and may raise.
    """
    count = len(features)
    order = np.arange(count) if labels is None else np.argsort(labels, kind="stable")
    places = np.argsort(order)
    space = standardised(features)[order]  # in the order of classes, whose sums are then of slices
    asked = np.array([places[other[order, : _asked(count)]] for other in others], np.int64)
    groups = None if labels is None else _Groups.of(labels[order])
    neighbours = np.empty((count, min(NEIGHBOURS, count - 1)), np.int64)
    penalties, coefficients = np.zeros(len(others)), 0.0
    for block in distance_blocks(space, space, neighbours.shape[1], within=True):
        check()
        neighbours[order[block.rows]] = order[block.columns]
        if asked.size:
            penalties += _penalties(block, asked[:, block.rows])
        if groups is not None:
            coefficients += groups.coefficients(block).sum()
    return Examined(
        neighbours,
        None if labels is None else float(np.mean(_majority(labels[neighbours]) == labels)),
        None if groups is None else (coefficients / count if groups.tell_apart else 0.0),
        tuple(_trustworthiness(penalty, count) for penalty in penalties),
    )


def knn_accuracy(known: LabelledFeatures, queries: LabelledFeatures) -> float:
    """Share of queries, in [0, 1], whose class is the majority of their 10 nearest known vectors (Euclidean)."""
    neighbours, _ = nearest(queries.features, known.features, min(NEIGHBOURS, len(known.labels)))
    return float(np.mean(_majority(known.labels[neighbours]) == queries.labels))


def knn_accuracy_within(samples: LabelledFeatures) -> float:
    """Share of samples, in [0, 1], whose class is the majority of the 10 nearest others."""
    accuracy = examine(samples.features, samples.labels).knn_accuracy
    return 0.0 if accuracy is None else accuracy


def silhouette(samples: LabelledFeatures) -> float:
    """Mean silhouette coefficient in [-1, 1]; 0 where one class, or only classes of one sample, leave it undefined.

    Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    return examine(samples.features, samples.labels).silhouette or 0.0


def trustworthiness(original: Features, embedded: Features) -> float:
    """How far the 10 nearest neighbours in `embedded` are neighbours in `original` too, in [0, 1].

    Fewer neighbours are asked for where there are under 21 samples; what is equally near shares the better rank.
    Venna & Kaski 2001, doi:10.1007/3-540-44668-0_68.
    """
    if len(original) < 3:
        return 1.0
    return examine(original, others=[examine(embedded).neighbours]).trustworthiness[0]


def nearest_distance(queries: Features, known: Features) -> Features:
    """Euclidean distance from each query to the nearest known vector -> (n_queries,)."""
    return nearest(queries, known, 1)[1][:, 0]


@dataclass(frozen=True)
class _Groups:
    """Classes of samples that are in the order of their classes."""

    numbers: NDArray[np.int64]
    """The class of each sample among those that occur."""
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Labels) -> "_Groups":
        _, begins, numbers, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
        return cls(numbers, begins, sizes)

    @property
    def tell_apart(self) -> bool:
        """Whether there are two classes, and one with two samples."""
        return 2 <= len(self.sizes) < len(self.numbers)

    def coefficients(self, block: Block) -> NDArray[np.float64]:
        """The silhouette of each row; 0 for the only one of its class. The block's distances are used up."""
        if not self.tell_apart:
            return np.zeros(len(block.squared))
        rows = np.arange(len(block.squared))
        block.squared[rows, rows + block.rows.start] = 0
        sums = np.add.reduceat(np.sqrt(block.squared, out=block.squared), self.begins, axis=1).astype(np.float64)
        own = self.numbers[block.rows]
        within = sums[rows, own] / np.maximum(self.sizes[own] - 1, 1)
        means = sums / self.sizes
        means[rows, own] = np.inf
        without = means.min(axis=1)
        larger = np.maximum(within, without)
        compared = np.divide(without - within, larger, out=np.zeros(len(rows)), where=larger > 0)
        return np.where(self.sizes[own] > 1, compared, 0)


def _majority(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The most frequent label of each row, the least of several: `(rows, n) -> (rows,)`."""
    ordered = np.sort(labels, axis=1)
    votes = (ordered[:, :, None] == ordered[:, None, :]).sum(axis=2)
    winners: NDArray[np.int64] = ordered[np.arange(len(ordered)), votes.argmax(axis=1)]
    return winners


def _asked(count: int) -> int:
    """How many neighbours trustworthiness minds."""
    return min(NEIGHBOURS, (count - 1) // 2)


def _penalties(block: Block, neighbours: NDArray[np.int64]) -> NDArray[np.float64]:
    """By how many ranks, in all, what is near in other spaces is farther here than as many of the nearest.

    `(n_spaces, rows, asked) -> (n_spaces,)`
    """
    spaces, count, asked = neighbours.shape
    columns = neighbours.transpose(1, 0, 2).reshape(count, -1)
    # A little less than the distances: what rounding alone tells apart is equally near.
    limits = np.take_along_axis(block.squared, columns, axis=1) * (1 - 1e-6) - block.slack / 4
    farthest = limits.max(axis=1, keepdims=True)
    nearer = np.flatnonzero(block.squared < farthest)
    rows = nearer // block.squared.shape[1]
    # All rows are sorted at once, each shifted by its number and scaled to lie within [0, 1).
    scale = np.where(farthest > 0, farthest, 1).astype(np.float64)
    ordered = np.sort(rows + block.squared.ravel()[nearer] / scale[rows, 0])
    numbers = np.arange(count)[:, None]
    ranks = np.searchsorted(ordered, numbers + limits / scale) - np.searchsorted(rows, numbers) + 1
    penalties: NDArray[np.float64] = np.maximum(ranks - asked, 0).reshape(count, spaces, asked).sum(axis=(0, 2))
    return penalties


def _trustworthiness(penalty: float, count: int) -> float:
    asked = _asked(count)
    return 1 - penalty * 2 / (count * asked * (2 * count - 3 * asked - 1)) if asked else 1.0
