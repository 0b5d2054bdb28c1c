"""Several sets of vectors laid out at the same time.

The steps of one map are too short to be shared well by threads, and parts of them run on one: two maps side by side, on
half of the threads each, are there sooner than one after the other. They are the same maps, bit for bit.
"""

from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Generic, Literal, TypeAlias, TypeVar

import numpy as np

from service.arrays import Features
from service.compiled import may_run_together, single_threaded_blas, threads, use_threads
from service.maps import DEFAULT_PERPLEXITY, MIN_POINTS
from service.tsne.descent import MOST_EXACT
from service.tsne.embedding import Embedding, Progress, Run, Stopped

Name = TypeVar("Name", bound=Hashable)
Listener: TypeAlias = Callable[[Name, Progress], bool | None]


def embed_all(
    spaces: Mapping[Name, Features],
    *,
    dimensions: Literal[2, 3] = 2,
    perplexity: float = DEFAULT_PERPLEXITY,
    iterations: int | None = None,
    seed: int = 0,
    on_progress: Listener[Name] | None = None,
) -> dict[Name, Embedding]:
    """Lay out each of the named sets of vectors as `embed` does -> a map of each.

    Args:
        spaces: By name, vectors (n_samples, n_features).
        dimensions, perplexity, iterations, seed: As for `embed`.
        on_progress: As for `embed`, with the name before the progress, and never by two threads at a time. What it
            returns as true stops all.

    Raises:
        ValueError: As `embed` does.
        Stopped: `on_progress` said so.
    """
    crew = _Crew(threads(), on_progress)
    runs = {
        name: Run(features, dimensions, perplexity, iterations, seed, crew.listener(name))
        for name, features in spaces.items()
    }
    at_once = min(len(runs), crew.threads) if may_run_together() else 1
    with single_threaded_blas(), ThreadPoolExecutor(max(1, at_once)) as pool:
        works = {name: pool.submit(crew.work, run) for name, run in runs.items()}
        try:
            wait(works.values())
        except BaseException:  # Ctrl-C
            crew.is_stopped = True
            raise
    try:
        if failures := [failure for failure in map(Future.exception, works.values()) if failure]:
            raise min(failures, key=lambda failure: isinstance(failure, Stopped))  # what stopped the others
        return {name: work.result() for name, work in works.items()}
    finally:  # an error holds this frame; if that held the error, all memory of the runs would wait for the collector
        works, failures = {}, []


def warm_up() -> None:
    """Compile, or load from disk, all that any map needs, so that the first is not slower than others."""
    kinds: list[tuple[int, Literal[2, 3]]] = [(MIN_POINTS, 2), (MOST_EXACT + 1, 2), (MIN_POINTS, 3)]
    for points, dimensions in kinds:
        features = np.random.default_rng(0).random((points, 2), np.float32)
        embed_all({"any": features}, dimensions=dimensions, perplexity=1, iterations=1)


class _Crew(Generic[Name]):
    """Threads that those who lay out maps share, and the ear that all of them report to."""

    def __init__(self, count: int, on_progress: Listener[Name] | None) -> None:
        self.threads = count
        self._on_progress, self._lock = on_progress, Lock()
        self._descending, self.is_stopped = 0, False

    def listener(self, name: Name) -> Callable[[Progress], bool]:
        def listen(progress: Progress) -> bool:
            with self._lock:
                if not self.is_stopped and self._on_progress is not None:
                    self.is_stopped = bool(self._on_progress(name, progress))
                return self.is_stopped

        return listen

    def work(self, run: Run) -> Embedding:
        """Do one of the runs; one that fails stops the others."""
        try:
            use_threads(self.threads)  # the search for neighbours leaves it to the system who computes when
            run.prepare()
            with self._lock:
                self._descending += 1
            try:
                return run.descend(self._share)
            finally:
                with self._lock:
                    self._descending -= 1
        except BaseException:
            self.is_stopped = True
            raise

    def _share(self) -> None:
        """Let whoever calls use its part of the threads from now on."""
        use_threads(max(1, self.threads // self._descending))
