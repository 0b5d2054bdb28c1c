"""The quality of a map, measured alike for all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arrays import standardised
from service.compiled import single_threaded_blas
from service.separability import LabelledFeatures, knn_accuracy_within, silhouette, trustworthiness
from service.tsne.affinities import Affinities
from service.tsne.descent import divergence_from
from service.tsne.exact import ExactRepulsion
from service.tsne.neighbours import find_neighbours

PERPLEXITY = 30
SAMPLE = 10_000
"""Points, the first, on which the measures whose cost grows with the square are taken."""


@dataclass(frozen=True)
class Quality:
    """How good a map is."""

    kl_divergence: float
    """From affinities of exact neighbours at perplexity 30, all pairs summed."""
    trustworthiness: float
    knn_accuracy: float
    silhouette: float


class Judge:
    """Measures maps of the same vectors."""

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self._features, self._labels = standardised(features), labels
        with single_threaded_blas():
            self._affinities = Affinities.of(find_neighbours(self._features, 3 * PERPLEXITY), PERPLEXITY)

    def measure(self, places: NDArray[np.float32]) -> Quality:
        """The quality of a map (n_samples, 2)."""
        labelled = LabelledFeatures(places[:SAMPLE], self._labels[:SAMPLE])
        return Quality(
            divergence_from(self._affinities, np.ascontiguousarray(places.T), ExactRepulsion(len(places))),
            trustworthiness(self._features[:SAMPLE], places[:SAMPLE]),
            knn_accuracy_within(LabelledFeatures(places, self._labels)),
            silhouette(labelled),
        )
