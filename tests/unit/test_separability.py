"""The measures of separation: right where the answer is known, defined where there is little to measure."""

import numpy as np
import pytest

from service.separability import (
    LabelledFeatures,
    knn_accuracy,
    knn_accuracy_within,
    linear_probe_accuracy,
    nearest_distance,
    silhouette,
    trustworthiness,
)


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
