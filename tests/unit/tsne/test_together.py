"""Maps laid out at the same time are those laid out one after the other, and end together where one fails."""

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from service.compiled import threads, use_threads
from service.tsne import Progress, Stopped, embed, embed_all, together
from service.tsne.embedding import Run


def _vectors(count: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(width).normal(size=(count, width)).astype(np.float32)


SPACES = {"wide": _vectors(600, 40), "narrow": _vectors(600, 4), "large": _vectors(3300, 3)}


@pytest.mark.parametrize("count", [1, threads()])
def test_maps_are_the_same_as_one_after_the_other(count: int) -> None:
    before = threads()
    use_threads(count)
    try:
        together = embed_all(SPACES, perplexity=10, iterations=60, seed=3)
    finally:
        use_threads(before)
    assert list(together) == list(SPACES)
    for name, features in SPACES.items():
        alone = embed(features, perplexity=10, iterations=60, seed=3)
        assert np.array_equal(together[name].coordinates, alone.coordinates)
        assert together[name].kl_divergence == alone.kl_divergence


def test_where_loops_must_not_run_at_the_same_time_maps_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.tsne.together.may_run_together", lambda: False)
    monkeypatch.setattr("service.tsne.embedding._EVERY_S", 0.0)
    heard: list[str] = []
    embed_all(SPACES, iterations=3, on_progress=lambda name, _: heard.append(name))
    assert heard == sorted(heard, key=list(SPACES).index)
    assert set(heard) == set(SPACES)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.tsne.embedding._EVERY_S", 0.0)


@pytest.mark.usefixtures("often")
def test_every_map_is_heard_of_and_never_two_at_a_time() -> None:
    busy, heard = threading.Lock(), set()

    def listen(name: str, progress: Progress) -> None:
        assert busy.acquire(blocking=False)
        heard.add((name, progress.phase))
        assert progress.coordinates is None or len(progress.coordinates) == len(SPACES[name])
        busy.release()

    embed_all(SPACES, iterations=251, on_progress=listen)
    assert heard == {(name, phase) for name in SPACES for phase in ("neighbours", "exaggeration", "refinement")}


@pytest.mark.usefixtures("often")
def test_what_stops_one_stops_all() -> None:
    heard_after = []

    def listen(name: str, _: Progress) -> bool:
        heard_after.append(name)
        return name == "narrow"

    with pytest.raises(Stopped):
        embed_all(SPACES, iterations=100_000, on_progress=listen)
    assert heard_after.count("narrow") == 1
    assert heard_after[-1] == "narrow"


@pytest.mark.usefixtures("often")
def test_what_a_stopped_map_held_is_free_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = list[weakref.ref[Run]]()

    class Watched(Run):
        def prepare(self) -> None:
            runs.append(weakref.ref(self))
            super().prepare()

    monkeypatch.setattr(together, "Run", Watched)
    gc.disable()
    try:
        with contextlib.suppress(Stopped):
            embed_all(SPACES, on_progress=lambda _, progress: progress.iteration > 5)
        assert [run() for run in runs] == [None] * len(SPACES)
    finally:
        gc.enable()


def _failing(name: str) -> Callable[[str, Progress], None]:
    def listen(heard: str, _: Progress) -> None:
        if heard == name:
            raise OSError("nobody listens")

    return listen


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("name", SPACES)
def test_a_failure_is_told_rather_than_that_it_stopped_the_others(name: str) -> None:
    with pytest.raises(OSError, match="nobody listens"):
        embed_all(SPACES, iterations=1000, on_progress=_failing(name))


def test_what_cannot_be_laid_out_is_refused_before_anything_is() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        embed_all({**SPACES, "short": _vectors(3, 2)})
    assert not embed_all({})
