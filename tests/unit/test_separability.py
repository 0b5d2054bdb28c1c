"""The measures of separation: right where the answer is known, defined where there is little to measure."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from service.arrays import Features
from service.neighbours import nearest
from service.separability import (
    LabelledFeatures,
    examine,
    knn_accuracy,
    knn_accuracy_within,
    nearest_distance,
    silhouette,
    trustworthiness,
)
from training.probe import linear_probe_accuracy


def _blobs(distance: float, count: int = 60) -> LabelledFeatures:
    """Three clouds of deviation 1, their centres `distance` apart from the origin along three axes."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % 3
    return LabelledFeatures((random.normal(size=(count, 3)) + distance * np.eye(3)[labels]).astype(np.float32), labels)


@pytest.mark.parametrize("measure", [knn_accuracy, linear_probe_accuracy])
def test_accuracy_is_perfect_far_apart_and_chance_on_top_of_each_other(measure: object) -> None:
    assert callable(measure)
    assert measure(_blobs(20), _blobs(20)) == 1
    random = np.random.default_rng(1)
    noise, other = (
        LabelledFeatures(random.normal(size=(600, 3)).astype(np.float32), random.integers(0, 3, 600)) for _ in range(2)
    )
    assert measure(noise, other) == pytest.approx(1 / 3, abs=0.08)


def test_no_sample_counts_as_its_own_neighbour() -> None:
    """Pairs of points of two classes: each one's only near neighbour is of the other class."""
    points = np.repeat(np.arange(12, dtype=np.float32)[:, None] * 100, 2, axis=0)
    within = knn_accuracy_within(LabelledFeatures(points[:2], np.array([0, 1])))
    assert within == 0


def test_silhouette_orders_spaces_and_is_zero_where_undefined() -> None:
    assert silhouette(_blobs(20)) > silhouette(_blobs(3)) > silhouette(_blobs(0)) - 0.05
    features = np.zeros((4, 2), np.float32)
    assert silhouette(LabelledFeatures(features, np.zeros(4, np.int64))) == 0
    assert silhouette(LabelledFeatures(features, np.arange(4))) == 0


def test_a_space_is_wholly_trustworthy_to_itself_and_a_shuffled_one_is_not() -> None:
    features = np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)
    assert trustworthiness(features, features) == 1
    assert trustworthiness(features, features[::-1].copy()) < 0.8


@pytest.mark.parametrize("count", [1, 2, 3, 4, 20, 21])
def test_trustworthiness_is_defined_for_few_samples(count: int) -> None:
    features = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    assert trustworthiness(features, features) == 1


def test_the_nearest_distance_is_the_least_of_all() -> None:
    random = np.random.default_rng(0)
    queries, known = (random.normal(size=(count, 4)).astype(np.float32) for count in (5, 40))
    every = np.linalg.norm(queries[:, None] - known[None], axis=2)
    np.testing.assert_allclose(nearest_distance(queries, known), every.min(axis=1), rtol=1e-4)


RANDOM = np.random.default_rng(0)
CLOUD = RANDOM.normal(size=(700, 20))
HARD = {
    "pixels": RANDOM.normal(size=(10, 784))[np.arange(700) % 10] + RANDOM.normal(size=(700, 784)),
    "a map": 40 * CLOUD[:, :2],
    "one feature": CLOUD[:, :1],
    "far from the origin": CLOUD + 1e4,
    "two tight clusters far apart": CLOUD + 1e4 * (np.arange(700) % 2)[:, None],
    "one far away": np.r_[CLOUD[:-1], np.full((1, 20), 1e5)],
    "tiny": CLOUD * 1e-25,
    "huge": CLOUD * 1e25,
    "few": CLOUD[:5],
}


def _hard(name: str) -> tuple[Features, LabelledFeatures]:
    """Vectors that are hard for products of matrices, and other vectors of the same samples, with labels."""
    features = np.asarray(HARD[name], np.float32)
    noise = RANDOM.normal(size=(len(features), 2)) * np.std(features[:, :1], dtype=np.float64)
    other = np.asarray(features[:, :1].astype(np.float64) + 0.5 * noise, np.float32)
    return other, LabelledFeatures(features, np.arange(len(features)) % 4)


@pytest.mark.parametrize("name", HARD)
def test_numbers_are_those_of_scikit_learn(name: str) -> None:
    other, samples = _hard(name)
    wide, count = samples.features.astype(np.float64), len(samples.labels)
    scale = np.ptp(wide, axis=0).max()  # its own squares overflow
    search = NearestNeighbors(n_neighbors=min(10, count - 1), algorithm="brute").fit(wide / scale)
    votes = [np.bincount(samples.labels[row]).argmax() for row in search.kneighbors(return_distance=False)]
    assert knn_accuracy_within(samples) == pytest.approx(np.mean(votes == samples.labels), abs=1 / count)
    assert silhouette(samples) == pytest.approx(silhouette_score(wide / scale, samples.labels), abs=1e-6)
    asked = min(10, (count - 1) // 2)
    expected = sklearn_trustworthiness(wide / scale, other.astype(np.float64) / scale, n_neighbors=asked)
    lost = 1 / count if name == "one far away" else 2e-5  # to that one, float32 cannot tell the others apart
    assert trustworthiness(samples.features, other) == pytest.approx(expected, abs=lost)


@pytest.mark.parametrize("name", sorted(set(HARD) - {"tiny", "huge"}))
def test_the_nearest_are_the_nearest_of_all(name: str) -> None:
    known = np.asarray(HARD[name], np.float32)
    queries = known[::3] + np.float32(0.1)
    wide = known.astype(np.float64)
    every = np.sqrt(np.square(queries.astype(np.float64)[:, None] - wide[None]).sum(axis=2))
    indices, distances = nearest(queries, known, 4)
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :4], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(every, indices, axis=1), distances, rtol=1e-5)


def test_equal_samples_are_each_others_neighbours_and_share_a_rank() -> None:
    features = np.repeat(CLOUD[:40], 5, axis=0).astype(np.float32)
    found = examine(features, np.repeat(np.arange(40), 5))
    assert (found.neighbours[:, :4] // 5 == np.arange(200)[:, None] // 5).all()
    assert (found.neighbours != np.arange(200)[:, None]).all()
    assert trustworthiness(features, features) == 1
    assert silhouette(LabelledFeatures(features, np.repeat(np.arange(40), 5))) == 1
    equal = np.ones((300, 8), np.float32)
    assert trustworthiness(equal, equal) == 1
    assert silhouette(LabelledFeatures(equal, np.arange(300) % 2)) == 0


def test_the_order_of_samples_does_not_matter() -> None:
    other, samples = _hard("pixels")
    shuffled = np.random.default_rng(1).permutation(len(other))
    again = samples.at(shuffled)
    assert knn_accuracy_within(again) == knn_accuracy_within(samples)
    assert silhouette(again) == pytest.approx(silhouette(samples), abs=1e-6)
    expected = trustworthiness(samples.features, other)
    assert trustworthiness(again.features, other[shuffled]) == pytest.approx(expected, abs=1e-5)


def test_spaces_looked_at_together_are_judged_as_one_by_one() -> None:
    other, samples = _hard("pixels")
    others = [examine(other).neighbours, examine(samples.features[:, :50].copy()).neighbours]
    together = examine(samples.features, samples.labels, others)
    alone = [examine(samples.features, None, [one]).trustworthiness[0] for one in others]
    assert together.trustworthiness == pytest.approx(alone, abs=1e-5)
    assert together.knn_accuracy == knn_accuracy_within(samples)
