"""Each part of the engine against the plainest way to compute the same."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from service.arrays import standardised
from service.compiled import threads, use_threads
from service.perplexity import calibrate
from service.tsne.affinities import Affinities
from service.tsne.descent import Descent, attract, divergence_from
from service.tsne.exact import ExactRepulsion
from service.tsne.grid import GridRepulsion
from service.tsne.initial import begin
from service.tsne.neighbours import find_neighbours

Vectors = NDArray[np.float32]


def _vectors(count: int, features: int = 6, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, features)) * np.arange(features, 0, -1)
    return np.asarray(vectors - vectors.mean(axis=0), np.float32)


def _dense(affinities: Affinities) -> NDArray[np.float64]:
    """The whole matrix, (n, n)."""
    starts = affinities.starts.astype(np.int64)
    count = len(starts) - 1
    matrix = np.zeros((count, count))
    rows = np.repeat(np.arange(count), starts[1:] - starts[:-1])
    matrix[rows, affinities.columns] = affinities.values
    return matrix


def _divergence(matrix: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    """KL divergence as van der Maaten & Hinton (2008) write it, places (dimensions, n)."""
    kernel = 1 / (1 + ((places[:, :, None] - places[:, None, :]) ** 2).sum(axis=0))
    np.fill_diagonal(kernel, 0)
    likeness = kernel / kernel.sum()
    there = matrix > 0
    return float((matrix[there] * np.log(matrix[there] / likeness[there])).sum())


def _joint(count: int, perplexity: float = 8) -> Affinities:
    return Affinities.of(find_neighbours(_vectors(count), int(3 * perplexity)), perplexity)


@pytest.mark.parametrize(("count", "features"), [(50, 3), (700, 40), (2100, 5)])
def test_neighbours_are_the_nearest(count: int, features: int) -> None:
    vectors = _vectors(count, features)
    rows, squares = find_neighbours(vectors, 20)
    distances, expected = (
        NearestNeighbors(n_neighbors=20, algorithm="brute").fit(vectors.astype(np.float64)).kneighbors()
    )
    np.testing.assert_allclose(np.sqrt(squares), distances, rtol=1e-4)
    assert (rows == expected).mean() > 0.999
    assert (np.diff(squares) >= 0).all()


def test_of_neighbours_equally_near_the_first_rows_are_taken() -> None:
    rows, squares = find_neighbours(np.zeros((60, 3), np.float32), 5)
    np.testing.assert_array_equal(rows[10], range(5))
    np.testing.assert_array_equal(rows[2], [0, 1, 3, 4, 5])
    assert not squares.any()


def test_close_neighbours_of_far_points_are_told_apart() -> None:
    vectors = _vectors(400)
    vectors[:200] += 1000
    vectors[200:] -= 1000
    rows, squares = find_neighbours(vectors, 3)
    assert ((rows < 200) == (np.arange(400) < 200)[:, None]).all()
    expected = ((vectors[:, None].astype(np.float64) - vectors[rows]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squares, expected, rtol=1e-4)


@pytest.mark.parametrize("distance", [1e5, 1e6, 1e7])
def test_neighbours_are_the_nearest_though_one_point_is_far_from_all(distance: float) -> None:
    vectors = _vectors(500, 16)
    vectors[7] = distance
    points = standardised(vectors)
    rows, squares = find_neighbours(points, 30)
    search = NearestNeighbors(n_neighbors=30, algorithm="brute").fit(points.astype(np.float64))
    distances, expected = search.kneighbors()
    np.testing.assert_allclose(np.sqrt(squares), distances, rtol=1e-4)
    assert (np.sort(rows) == np.sort(expected)).mean() > 0.99  # some are as near as others, to float32


def test_whoever_watches_the_search_can_end_it() -> None:
    def end() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        find_neighbours(_vectors(3000), 10, end)


@pytest.mark.parametrize("perplexity", [2.0, 10.0, 29.5])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_every_row_reaches_the_perplexity(perplexity: float, scale: float) -> None:
    _, squares = find_neighbours(_vectors(500), 90)
    affinities = calibrate(squares * np.float32(scale), perplexity).astype(np.float64)
    entropies = -(affinities * np.log(np.maximum(affinities, 1e-300))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropies), perplexity, rtol=1e-3)
    np.testing.assert_allclose(affinities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("squares", [[0, 0, 0, 0, 1, 2], [3, 3, 3, 3, 3, 3], [0, 0, 0, 0, 0, 1e30]], ids=str)
def test_a_perplexity_out_of_reach_gives_the_nearest_alike(squares: list[float]) -> None:
    affinities = calibrate(np.array([squares], np.float32), 2.0)[0]
    nearest = np.array(squares) == min(squares)
    np.testing.assert_allclose(affinities[nearest], 1 / nearest.sum(), rtol=1e-3)
    np.testing.assert_allclose(affinities[~nearest], 0, atol=1e-3)


def test_affinities_are_symmetric_and_sum_to_one() -> None:
    neighbours = find_neighbours(_vectors(300), 30)
    affinities = Affinities.of(neighbours, 10)
    conditional = np.zeros((300, 300))
    np.put_along_axis(conditional, neighbours[0].astype(np.int64), calibrate(neighbours[1], 10), axis=1)
    np.testing.assert_allclose(_dense(affinities), (conditional + conditional.T) / 600, rtol=1e-5, atol=1e-12)
    assert affinities.values.sum() == pytest.approx(1, rel=1e-5)
    likely = affinities.values[affinities.values > 0].astype(np.float64)
    assert affinities.entropy_term == pytest.approx((likely * np.log(likely)).sum(), rel=1e-9)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_forces_are_a_quarter_of_the_gradient(dimensions: int) -> None:
    affinities = _joint(60)
    matrix = _dense(affinities)
    places = np.random.default_rng(1).normal(size=(dimensions, 60)) * 3
    attraction, repulsion = np.empty((2, dimensions, 60), np.float32)
    attract(places.astype(np.float32), affinities, attraction)
    kernels = ExactRepulsion(60)(places.astype(np.float32), repulsion)
    gradient = np.empty_like(places)
    for at in np.ndindex(places.shape):
        above, below = places.copy(), places.copy()
        above[at] += 1e-5
        below[at] -= 1e-5
        gradient[at] = (_divergence(matrix, above) - _divergence(matrix, below)) / 2e-5
    np.testing.assert_allclose(4 * (attraction - repulsion / kernels), gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("count", [4, 5, 33, 34, 35, 500, 501])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_exact_repulsion_is_the_sum_over_all_pairs(dimensions: int, count: int) -> None:
    places = (np.random.default_rng(count).normal(size=(dimensions, count)) * 10).astype(np.float32)
    forces = np.empty_like(places)
    kernels = ExactRepulsion(count)(places, forces)
    apart = places.astype(np.float64)[:, :, None] - places[:, None]
    kernel = 1 / (1 + (apart**2).sum(axis=0))
    expected = (kernel**2 * apart).sum(axis=2)
    assert kernels + count == pytest.approx(kernel.sum(), rel=1e-6)
    np.testing.assert_allclose(forces, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("dimensions", [2, 3])
def test_exact_repulsion_is_the_same_on_any_number_of_threads(dimensions: int) -> None:
    places, found = (np.random.default_rng(0).normal(size=(dimensions, 2001)) * 20).astype(np.float32), []
    most = threads()
    try:
        for count in sorted({1, min(2, most), most}):
            use_threads(count)
            forces = np.empty_like(places)
            found.append((ExactRepulsion(2001)(places, forces), forces))
    finally:
        use_threads(most)
    for kernels, forces in found[1:]:
        assert kernels == found[0][0]
        np.testing.assert_array_equal(forces, found[0][1])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_divergence_is_the_definitions(dimensions: int) -> None:
    affinities = _joint(200)
    places = (np.random.default_rng(1).normal(size=(dimensions, 200)) * 5).astype(np.float32)
    expected = _divergence(_dense(affinities), places.astype(np.float64))
    assert divergence_from(affinities, places, ExactRepulsion(200)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("span", [1e-3, 1.0, 10.0, 80.0])
@pytest.mark.parametrize("count", [4000, 10_000])
def test_repulsion_by_grid_is_close_to_the_exact(count: int, span: float) -> None:
    random = np.random.default_rng(count)
    centres = random.uniform(-0.5, 0.5, (2, 10))
    clusters = centres[:, random.integers(0, 10, count)] + random.normal(size=(2, count)) / 12
    places = np.asarray(span * clusters, np.float32)
    exact, found = np.empty((2, 2, count), np.float32)
    expected, kernels = ExactRepulsion(count)(places, exact), GridRepulsion(count)(places, found)
    assert kernels + count == pytest.approx(expected + count, rel=5e-3)
    assert np.linalg.norm(found - exact) <= 0.05 * np.linalg.norm(exact)


def test_repulsion_by_grid_bears_an_outlier() -> None:
    places = np.random.default_rng(0).normal(size=(2, 3000)).astype(np.float32)
    places[:, 0] = 1e7
    forces = np.empty_like(places)
    assert np.isfinite(GridRepulsion(3000)(places, forces))
    assert np.isfinite(forces).all()


@pytest.mark.parametrize("span", [45, 90, 150, 390])
def test_repulsion_by_grid_is_the_same_on_any_number_of_threads(span: float, monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.random.default_rng(0).uniform(-span / 2, span / 2, (2, 3000)).astype(np.float32)
    found = []
    for count in (1, 2, 3, 5, 16, 100):
        monkeypatch.setattr("service.tsne.grid.threads", lambda count=count: count)
        forces = np.empty_like(places)
        found.append((GridRepulsion(3000)(places, forces), forces))
    for kernels, forces in found[1:]:
        assert kernels == found[0][0]
        np.testing.assert_array_equal(forces, found[0][1])


@pytest.mark.parametrize("spread", [1e-4, 1e-2, 0.3, 1.0])
def test_repulsion_by_grid_is_closest_for_small_maps(spread: float) -> None:
    places = (spread * np.random.default_rng(0).normal(size=(2, 3000))).astype(np.float32)
    exact, found = np.empty((2, 2, 3000), np.float32)
    ExactRepulsion(3000)(places, exact)
    GridRepulsion(3000)(places, found)
    assert np.linalg.norm(found - exact) <= 1e-3 * np.linalg.norm(exact)


def test_maps_begin_on_the_principal_components() -> None:
    vectors = _vectors(500, 20)
    places = begin(vectors, 2, seed=0)
    expected = PCA(2).fit_transform(vectors.astype(np.float64)).T
    assert places[0].std() == pytest.approx(1e-4, rel=0.01)
    for found, component in zip(places, expected, strict=True):
        assert abs(np.corrcoef(found, component)[0, 1]) > 0.99


def test_a_step_goes_down() -> None:
    affinities = _joint(300)
    descent = Descent(begin(_vectors(300), 2, seed=0), affinities)
    course = []
    for step in range(600):
        descent.step(is_exaggerated=step < 250)
        if step % 100 == 99:
            course.append(descent.divergence())
    assert course[2:] == sorted(course[2:], reverse=True)


def test_no_step_is_longer_than_five() -> None:
    affinities = _joint(100)
    descent = Descent(_any(100), affinities)
    before = descent.places.copy()
    descent.step(is_exaggerated=True)
    assert np.linalg.norm(descent.places - before, axis=0).max() <= 5 * (1 + 1e-5)


def _any(count: int) -> Any:
    return np.random.default_rng(0).uniform(-1e4, 1e4, (2, count)).astype(np.float32)
