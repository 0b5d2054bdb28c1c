"""Lay spaces out as maps, and measure how well each map keeps neighbours and classes."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from service.arrays import Features, Labels
from service.maps import DEFAULT_PERPLEXITY, MapAnswer, MapJob, Space, SpaceMap
from service.metrics import MapQuality
from service.separability import LabelledFeatures, knn_accuracy_within, silhouette, trustworthiness
from service.tsne import Embedding, Progress, embed, standardised

Listener: TypeAlias = Callable[[Space, Progress], bool | None]
"""Told how far a space has come; it answers True to stop."""


def compute(job: MapJob, listener: Listener | None = None) -> MapAnswer:
    """Do a job: every space laid out and measured, and all of them drawn where a picture was asked for.

    Raises:
        Stopped: The listener said so.
    """
    classes, labels = _numbered(job.labels) if job.labels is not None else ((), None)
    if job.given is not None:
        maps = job.given.maps
    else:
        maps = {space: _lay_out(space, features, labels, job, listener) for space, features in job.spaces.items()}
    if job.picture is None:
        return MapAnswer(maps, None)
    from service.plots import draw_maps  # noqa: PLC0415  (loading matplotlib takes long, and most jobs go without)

    return MapAnswer(maps, draw_maps(maps, labels, classes, job.picture))


def measure_map(embedding: Embedding, features: Features, labels: Labels | None) -> MapQuality:
    """The numbers under a map of `features`; those of classes only where there are two or more."""
    placed = None
    if labels is not None and len(np.unique(labels)) > 1:
        placed = LabelledFeatures(embedding.coordinates, labels)
    return MapQuality(
        kl_divergence=embedding.kl_divergence,
        perplexity=embedding.perplexity,
        trustworthiness=trustworthiness(standardised(features), embedding.coordinates),
        knn_accuracy=None if placed is None else knn_accuracy_within(placed),
        silhouette=None if placed is None else silhouette(placed),
    )


def _lay_out(
    space: Space, features: Features, labels: Labels | None, job: MapJob, listener: Listener | None
) -> SpaceMap:
    embedding = embed(
        features,
        dimensions=job.dimensions,
        perplexity=DEFAULT_PERPLEXITY if job.perplexity is None else job.perplexity,
        iterations=job.iterations,
        seed=job.seed,
        on_progress=None if listener is None else partial(listener, space),
    )
    return SpaceMap(embedding.coordinates, measure_map(embedding, features, labels))


def _numbered(labels: tuple[str, ...]) -> tuple[tuple[str, ...], Labels]:
    """The names of the classes in order, numbers by value, and the place of each label among them."""
    names = set(labels)
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    classes = sorted(names, key=lambda name: (len(name) if are_numbers else 0, name))
    places = {name: place for place, name in enumerate(classes)}
    return tuple(classes), np.array([places[label] for label in labels], np.int64)
