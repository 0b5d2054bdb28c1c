"""t-SNE from end to end: vectors in, a map of two or three dimensions out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features, standardised
from service.compiled import single_threaded_blas
from service.maps import DEFAULT_PERPLEXITY, MIN_POINTS, Coordinates, Phase, default_iterations, largest_perplexity
from service.tsne.affinities import Affinities
from service.tsne.descent import Descent
from service.tsne.initial import begin
from service.tsne.neighbours import find_neighbours
from service.tsne.patience import look_while

EXAGGERATED = 250
"""Steps of early exaggeration, in which neighbours pull more than they should, so that clusters find each other.

As many as in van der Maaten 2014, https://jmlr.org/papers/v15/vandermaaten14a.html.
"""
_EVERY_S = 0.05


class Stopped(Exception):
    """`on_progress` asked for the end of the run."""


@dataclass(frozen=True)
class Embedding:
    """A map: its coordinates, the KL divergence reached, and what it was computed with."""

    coordinates: Coordinates
    kl_divergence: float
    perplexity: float
    iterations: int
    seed: int


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    phase: Phase
    iteration: int
    """Steps done of all `iterations`."""
    iterations: int
    _state: "tuple[Descent, NDArray[np.intp]] | None" = None

    @cached_property
    def kl_divergence(self) -> float | None:
        """The divergence of the map so far, computed when asked for; None while neighbours are searched."""
        return None if self._state is None else self._state[0].divergence()

    @cached_property
    def coordinates(self) -> Coordinates | None:
        """The map so far, (n_samples, dimensions); None while neighbours are searched."""
        return None if self._state is None else _in_place(*self._state)


OnProgress: TypeAlias = Callable[[Progress], bool | None]


def embed(
    features: Features,
    *,
    dimensions: Literal[2, 3] = 2,
    perplexity: float = DEFAULT_PERPLEXITY,
    iterations: int | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Embedding:
    """Lay vectors out in 2 or 3 dimensions so that near neighbours stay near.

    The same vectors, in whatever order, give the same map for the same seed on any number of threads.

    Args:
        features: At least four vectors, shape (n_samples, n_features).
        dimensions: 2 or 3; in 3 the cost grows with the square of the number of samples.
        perplexity: Roughly how many neighbours each point minds: small shows fine grain, large shows the whole. It is
            lowered to (n_samples - 1) / 3 where there are too few samples for it.
        iterations: Gradient steps, of which the first 250 are early exaggeration; by default 750, and 1,000 for more
            than 20,000 samples.
        seed: Of the noise that is added to the first places. Maps of different seeds differ little.
        on_progress: Called every 50 ms, or after each step that takes longer; what it returns as true stops the run.

    Raises:
        ValueError: Fewer than four samples, numbers that are not finite, other dimensions, or a perplexity below 1.
        Stopped: `on_progress` said so.
    """
    run = Run(features, dimensions, perplexity, iterations, seed, on_progress)
    run.prepare()
    return run.descend()


class Run:
    """One map from vectors to places, in two stages. Arguments and errors are those of `embed`."""

    def __init__(
        self,
        features: Features,
        dimensions: Literal[2, 3],
        perplexity: float,
        iterations: int | None,
        seed: int,
        on_progress: OnProgress | None,
    ) -> None:
        if len(features) < MIN_POINTS:
            raise ValueError(f"t-SNE needs at least {MIN_POINTS} samples, got {len(features)}")
        if not np.isfinite(features).all():
            raise ValueError("t-SNE needs finite numbers")
        if dimensions not in {2, 3}:
            raise ValueError(f"maps have 2 or 3 dimensions, not {dimensions}")
        if not perplexity >= 1:
            raise ValueError(f"the perplexity must be at least 1, got {perplexity}")
        self._features, self._dimensions, self._seed = features, dimensions, seed
        self._iterations = default_iterations(len(features)) if iterations is None else iterations
        self._perplexity = min(perplexity, largest_perplexity(len(features)))
        self._watch = _Watch(on_progress, self._iterations)

    def prepare(self) -> None:
        """Find what attracts each point, and where it begins."""
        count = max(1, int(3 * self._perplexity))

        def look() -> None:
            self._watch.look("neighbours", 0)

        with single_threaded_blas():
            self._order, points = look_while(partial(_in_order, self._features), look)
            neighbours = find_neighbours(points, count, look)
            places = look_while(partial(begin, points, self._dimensions, self._seed), look)
        affinities = look_while(partial(Affinities.of, neighbours, self._perplexity), look)
        self._descent = Descent(places, affinities)

    def descend(self, before_step: Callable[[], None] = lambda: None) -> Embedding:
        """Take all steps, once prepared."""
        descent, order = self._descent, self._order
        for iteration in range(self._iterations):
            before_step()
            is_early = iteration < EXAGGERATED
            descent.step(is_early)
            self._watch.look("exaggeration" if is_early else "refinement", iteration + 1, (descent, order))
        coordinates, divergence = _in_place(descent, order), descent.divergence()
        return Embedding(coordinates, divergence, self._perplexity, self._iterations, self._seed)


class _Watch:
    """Calls back now and then."""

    def __init__(self, on_progress: OnProgress | None, iterations: int) -> None:
        self._on_progress, self._iterations = on_progress, iterations
        self._next = time.monotonic() + _EVERY_S

    def look(self, phase: Phase, iteration: int, state: tuple[Descent, NDArray[np.intp]] | None = None) -> None:
        if self._on_progress is not None and time.monotonic() >= self._next:
            if self._on_progress(Progress(phase, iteration, self._iterations, state)):
                raise Stopped
            self._next = time.monotonic() + _EVERY_S


def _in_order(features: Features) -> tuple[NDArray[np.intp], Features]:
    """The canonical order of vectors, and the vectors in it, standardised."""
    order = _canonical_order(features)
    return order, standardised(features[order])


def _canonical_order(features: Features) -> NDArray[np.intp]:
    """The order of vectors by their bytes, so that rounding does not depend on the order in which they come."""
    rows = np.ascontiguousarray(features, np.float32) + np.float32(0)  # there is one zero
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0].argsort(kind="stable")


def _in_place(descent: Descent, order: NDArray[np.intp]) -> Coordinates:
    """The coordinates about the origin, (n_samples, dimensions), in the order in which the samples came."""
    centred = descent.places - descent.places.mean(axis=1, keepdims=True, dtype=np.float64)
    coordinates = np.empty(centred.shape[::-1], np.float32)
    coordinates[order] = centred.T
    return coordinates
