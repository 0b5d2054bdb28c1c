"""New points on a known map: pulled by their neighbours, downhill, and apart from each other."""

from typing import Any

import numpy as np
import pytest

from service.deadline import Deadline
from service.errors import DeadlineExceeded, OutOfRange
from service.neighbours import nearest
from service.placement import KnownMap, Pull, affinities, descend

RANDOM = np.random.default_rng(0)
CENTRES = 8 * RANDOM.normal(size=(4, 6))
PLACES = np.array([[0, 0], [40, 0], [0, 40], [40, 40]])
CLASSES = np.arange(200) % 4
KNOWN = KnownMap(
    (CENTRES[CLASSES] + RANDOM.normal(size=(200, 6))).astype(np.float32),
    (PLACES[CLASSES] + 2 * RANDOM.normal(size=(200, 2))).astype(np.float32),
)
QUERIES = (CENTRES[CLASSES[:40]] + RANDOM.normal(size=(40, 6))).astype(np.float32)
SOON = Deadline.after(3600)


def _pull(queries: np.ndarray = QUERIES) -> Pull:
    columns, distances = nearest(queries, KNOWN.features, 15)
    return Pull(columns, affinities(distances, 5), KNOWN.coordinates)


@pytest.mark.parametrize("optimise", [False, True])
def test_a_point_lands_among_its_own_kind(optimise: bool) -> None:
    found = KNOWN.place(QUERIES, SOON, optimise=optimise)
    assert (CLASSES[found.neighbours] == CLASSES[:40, None]).all()
    assert np.linalg.norm(found.coordinates - PLACES[CLASSES[:40]], axis=1).max() < 12
    assert found.coordinates.dtype == np.float32


@pytest.mark.parametrize("optimise", [False, True])
def test_each_point_is_placed_as_if_alone(optimise: bool) -> None:
    together = KNOWN.place(QUERIES, SOON, optimise=optimise)
    for row in (0, 17, 39):
        alone = KNOWN.place(QUERIES[row : row + 1], SOON, optimise=optimise)
        np.testing.assert_allclose(alone.coordinates[0], together.coordinates[row], rtol=1e-3, atol=1e-3)


def test_the_gradient_is_that_of_the_divergence() -> None:
    pull, step = _pull(), 1e-5
    places: Any = 15 + 20 * RANDOM.normal(size=(40, 2))  # float64, for the small step
    _, slope = pull.gradient(places)
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        rise = (pull.gradient(places + shift)[0] - pull.gradient(places - shift)[0]) / (2 * step)
        np.testing.assert_allclose(slope[:, axis], rise, rtol=1e-3, atol=1e-5)


def test_moving_never_raises_the_divergence_and_lowers_most() -> None:
    pull, begin = _pull(), (15 + 20 * RANDOM.normal(size=(40, 2))).astype(np.float32)
    before, after = pull.gradient(begin)[0], pull.gradient(descend(begin, pull))[0]
    assert (after <= before + 1e-6).all()
    assert np.mean(after < before - 0.1) > 0.9


def test_affinities_reach_their_perplexity() -> None:
    weights = _pull().weights.astype(np.float64)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 5, rtol=1e-4)


@pytest.mark.parametrize("distances", [np.zeros((3, 15)), np.ones((3, 15)), np.full((3, 15), 1e15), np.ones((3, 1))])
def test_equal_distances_have_equal_affinities(distances: np.ndarray) -> None:
    weights = affinities(distances.astype(np.float32), 5)
    np.testing.assert_allclose(weights, 1 / distances.shape[1], rtol=1e-5)


def test_far_is_what_lies_beyond_almost_all_known_points() -> None:
    assert KNOWN.place(QUERIES, SOON).far.mean() < 0.1
    assert KNOWN.place(QUERIES + 100, SOON).far.all()
    distances = nearest(KNOWN.features, KNOWN.features, 10, within=True)[1].mean(axis=1)
    assert np.mean(distances > KNOWN.reach) == pytest.approx(0.01, abs=0.005)


@pytest.mark.parametrize("count", [1, 2, 3, 12])
@pytest.mark.parametrize("optimise", [False, True])
def test_few_known_points_are_enough(count: int, optimise: bool) -> None:
    few = KnownMap(KNOWN.features[:count], KNOWN.coordinates[:count])
    found = few.place(QUERIES, SOON, optimise=optimise)
    assert found.neighbours.shape == (40, min(10, count))
    assert np.isfinite(found.coordinates).all()


def test_known_points_that_are_all_equal_have_a_place_for_others() -> None:
    equal = KnownMap(np.ones((30, 6), np.float32), np.zeros((30, 2), np.float32))
    found = equal.place(QUERIES, SOON, optimise=True)
    assert np.isfinite(found.coordinates).all()
    assert found.far.all()


def test_numbers_too_large_to_tell_distances_are_refused() -> None:
    KNOWN.place(np.full((1, 6), 1e15, np.float32), SOON, optimise=True)
    with pytest.raises(OutOfRange) as refused:
        KNOWN.place(np.array([[0] * 6, [3e38] * 6], np.float32), SOON)
    assert [fault.pointer for fault in refused.value.faults] == ["#/latents/1"]


def test_moving_ends_with_the_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        KNOWN.place(QUERIES, Deadline.after(0), optimise=True)
