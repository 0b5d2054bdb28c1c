"""Maps keep neighbours, depend on nothing but vectors and seed, can be watched and stopped, and are always defined."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Timer
from typing import Any, Literal

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from service.maps import MIN_POINTS
from service.separability import trustworthiness
from service.tsne import EXAGGERATED, Progress, Stopped, embed
from service.tsne.descent import MOST_EXACT

Vectors = NDArray[np.float32]


def _clusters(count: int, features: int = 10) -> Vectors:
    random = np.random.default_rng(0)
    centres = 8 * random.normal(size=(4, features))
    return (random.normal(size=(count, features)) + centres[np.arange(count) % 4]).astype(np.float32)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    yield
    numba.set_num_threads(before)


@pytest.mark.parametrize("count", [200, MOST_EXACT + 100])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_map_keeps_neighbours(count: int, dimensions: Literal[2, 3]) -> None:
    features = _clusters(count)
    embedding = embed(features, dimensions=dimensions, perplexity=10, iterations=400)
    assert embedding.coordinates.shape == (count, dimensions)
    assert trustworthiness(features, embedding.coordinates) > 0.9
    np.testing.assert_allclose(embedding.coordinates.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("count", [150, MOST_EXACT + 100])
def test_the_order_of_vectors_does_not_matter(count: int) -> None:
    features = _clusters(count)
    features[7] = features[3]
    order = np.random.default_rng(1).permutation(count)
    expected = embed(features, iterations=300).coordinates[order]
    found = embed(features[order], iterations=300).coordinates
    alike = np.flatnonzero((order == 7) | (order == 3))  # which of these is which, nobody can say
    np.testing.assert_array_equal(np.delete(found, alike, 0), np.delete(expected, alike, 0))
    np.testing.assert_array_equal(np.sort(found[alike], 0), np.sort(expected[alike], 0))


@pytest.mark.parametrize("count", [150, MOST_EXACT + 100])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_number_of_threads_does_not_matter(count: int, dimensions: Literal[2, 3]) -> None:
    maps = []
    for threads in (1, numba.get_num_threads()):
        with _threads(threads):
            maps.append(embed(_clusters(count), dimensions=dimensions, iterations=260).coordinates)
    np.testing.assert_array_equal(maps[0], maps[1])


def test_the_seed_decides_the_map() -> None:
    one, again, other = (embed(_clusters(60), iterations=300, seed=seed).coordinates for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("scale", [2.0**-60, 2.0**60])
def test_neither_scale_nor_constant_features_matter(scale: float) -> None:
    features = _clusters(60)
    wider = np.column_stack([features, np.full(60, 5, np.float32)]) * np.float32(scale)
    one, other = (embed(found, iterations=300) for found in (features, wider))
    assert one.kl_divergence == pytest.approx(other.kl_divergence, rel=0.05)


@pytest.mark.parametrize("count", [MIN_POINTS, 5, 12])
def test_perplexity_is_lowered_for_few_samples(count: int) -> None:
    embedding = embed(_clusters(count), iterations=250)
    assert embedding.perplexity == pytest.approx((count - 1) / 3)
    assert np.isfinite(embedding.coordinates).all()


def test_fewer_than_four_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        embed(_clusters(3))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    features = _clusters(20)
    features[3, 3] = number
    with pytest.raises(ValueError, match="finite"):
        embed(features)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(
    "features",
    [
        _clusters(20)[:, :1],
        np.ones((12, 4), np.float32),
        np.zeros((300, 2), np.float32),
        np.repeat(_clusters(5), 60, axis=0),
        np.eye(50, dtype=np.float32),
        np.vstack([_clusters(100), np.full((1, 10), 1e30, np.float32)]),
    ],
    ids=["one feature", "all alike", "zeros", "many duplicates", "all equally far", "an outlier"],
)
def test_degenerate_vectors_have_a_map(features: Vectors, dimensions: Literal[2, 3]) -> None:
    embedding = embed(features, dimensions=dimensions, iterations=300)
    assert np.isfinite(embedding.coordinates).all()
    assert np.isfinite(embedding.kl_divergence)


def test_duplicates_lie_together() -> None:
    features = _clusters(100)
    features[50:] = features[:50]
    coordinates = embed(features, perplexity=10).coordinates
    apart = np.linalg.norm(coordinates[:50] - coordinates[50:], axis=1)
    assert np.median(apart) < 0.05 * np.ptp(coordinates)


def test_a_run_can_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.tsne.embedding._EVERY_S", 0.0)
    seen: list[Progress] = []
    embedding = embed(_clusters(100), iterations=300, on_progress=seen.append)
    phases = [progress.phase for progress in seen]
    assert list(dict.fromkeys(phases)) == ["neighbours", "exaggeration", "refinement"]
    steps = [progress.iteration for progress in seen if progress.phase != "neighbours"]
    assert steps == list(range(1, 301))
    assert phases.index("refinement") == phases.index("exaggeration") + EXAGGERATED
    assert seen[0].coordinates is None
    assert seen[0].kl_divergence is None
    np.testing.assert_array_equal(seen[-1].coordinates, embedding.coordinates)
    assert seen[-1].kl_divergence == embedding.kl_divergence


def test_the_divergence_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.tsne.embedding._EVERY_S", 0.0)
    course: dict[int, float] = {}

    def note(progress: Progress) -> None:
        if progress.kl_divergence is not None and progress.iteration % 50 == 0:
            course[progress.iteration] = progress.kl_divergence

    embed(_clusters(300), on_progress=note)
    refining = [divergence for iteration, divergence in course.items() if iteration > EXAGGERATED]
    assert refining == sorted(refining, reverse=True)
    assert refining[-1] < 0.5 * course[50]


@pytest.mark.parametrize("phase", ["neighbours", "exaggeration", "refinement"])
def test_a_run_can_be_stopped_in_any_phase(monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    monkeypatch.setattr("service.tsne.embedding._EVERY_S", 0.0)
    calls: list[Any] = []

    def stop(progress: Progress) -> bool:
        calls.append(progress.phase)
        return progress.phase == phase

    with pytest.raises(Stopped):
        embed(_clusters(MOST_EXACT + 100), on_progress=stop)
    assert calls.count(phase) == 1
    assert calls[-1] == phase


@pytest.mark.parametrize("after_s", [0.03, 1.0])
@pytest.mark.parametrize(
    ("count", "features", "dimensions"), [(MOST_EXACT + 1000, 40, 2), (MOST_EXACT + 1000, 3, 3), (1500, 12288, 2)]
)
def test_a_stop_is_heard_within_a_tenth_of_a_second(
    count: int, features: int, dimensions: Literal[2, 3], after_s: float
) -> None:
    vectors = _clusters(count, features)

    def time_to_stop() -> float:
        asked = list[float]()
        Timer(after_s, lambda: asked.append(time.monotonic())).start()
        with pytest.raises(Stopped):
            embed(vectors, dimensions=dimensions, iterations=100_000, on_progress=lambda _: bool(asked))
        return time.monotonic() - asked[0]

    assert min(time_to_stop() for _ in range(3)) < 0.1  # of three, since other work may disturb one


@pytest.mark.parametrize(
    "part", ["embedding._in_order", "neighbours._Search", "embedding.begin", "embedding.Affinities.of"]
)
def test_a_run_can_be_stopped_in_the_middle_of_a_long_call(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    is_under_way, may_end = Event(), Event()

    def take_long(*_: object) -> None:
        is_under_way.set()
        may_end.wait(30)

    monkeypatch.setattr(f"service.tsne.{part}", take_long)
    try:
        with pytest.raises(Stopped):
            embed(_clusters(100), on_progress=lambda _: is_under_way.is_set())
    finally:
        may_end.set()
