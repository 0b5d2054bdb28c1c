"""How well classes keep apart in a space of vectors, and how well a space keeps the neighbours of another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from service.arrays import Features, Labels

NEIGHBOURS = 10


@dataclass(frozen=True)
class LabelledFeatures:
    """Vectors, shape (n_samples, n_features), with the class of each, shape (n_samples,)."""

    features: Features
    labels: Labels

    def at(self, rows: NDArray[np.int64]) -> "LabelledFeatures":
        """The samples at `rows`."""
        return LabelledFeatures(self.features[rows], self.labels[rows])


def knn_accuracy(known: LabelledFeatures, queries: LabelledFeatures) -> float:
    """Share of queries, in [0, 1], whose class is the majority of their 10 nearest known vectors (Euclidean)."""
    classifier = KNeighborsClassifier(min(NEIGHBOURS, len(known.labels)), algorithm="brute")
    classifier.fit(known.features, known.labels)
    return float(np.mean(classifier.predict(queries.features) == queries.labels))


def knn_accuracy_within(samples: LabelledFeatures) -> float:
    """Share of samples, in [0, 1], whose class is the majority of the 10 nearest others."""
    neighbours = min(NEIGHBOURS, len(samples.labels) - 1)
    classifier = KNeighborsClassifier(neighbours, algorithm="brute").fit(samples.features, samples.labels)
    others = classifier.kneighbors(return_distance=False)  # without queries, no sample is its own neighbour
    votes = [np.bincount(samples.labels[row]).argmax() for row in others]
    return float(np.mean(np.array(votes) == samples.labels))


def linear_probe_accuracy(known: LabelledFeatures, queries: LabelledFeatures) -> float:
    """Share of queries, in [0, 1], that a logistic regression on standardised vectors classifies rightly.

    It is fitted once, on what is known, with scikit-learn's default L2 penalty: a probe measures how linearly the
    classes lie, not the best classifier that could be tuned (Alain & Bengio 2016, arXiv:1610.01644).
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3))
    probe.fit(known.features, known.labels)
    return float(np.mean(probe.predict(queries.features) == queries.labels))


def silhouette(samples: LabelledFeatures) -> float:
    """Mean silhouette coefficient in [-1, 1]; 0 where one class, or only classes of one sample, leave it undefined.

    Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    classes = len(np.unique(samples.labels))
    if not 2 <= classes < len(samples.labels):
        return 0.0
    return float(silhouette_score(samples.features, samples.labels))


def trustworthiness(original: Features, embedded: Features) -> float:
    """How far the 10 nearest neighbours in `embedded` are neighbours in `original` too, in [0, 1].

    Fewer neighbours are asked for where there are under 21 samples. Venna & Kaski 2001, doi:10.1007/3-540-44668-0_68.
    """
    neighbours = min(NEIGHBOURS, (len(original) - 1) // 2)
    return float(sklearn_trustworthiness(original, embedded, n_neighbors=neighbours)) if neighbours > 0 else 1.0


def nearest_distance(queries: Features, known: Features) -> Features:
    """Euclidean distance from each query to the nearest known vector -> (n_queries,)."""
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    distances, _ = search.kneighbors(queries)
    return np.asarray(distances[:, 0], np.float32)
