"""Lay spaces out as maps, and measure how well each map keeps neighbours and classes."""

import numpy as np

from service.arrays import Features, Labels
from service.maps import DEFAULT_PERPLEXITY, MapAnswer, MapJob, SpaceMap
from service.metrics import MapQuality
from service.plots import draw_maps
from service.separability import LabelledFeatures, knn_accuracy_within, silhouette, trustworthiness
from service.tsne import Embedding, embed, standardised


def compute(job: MapJob) -> MapAnswer:
    """Do a job: every space laid out and measured, and all of them drawn where a picture was asked for."""
    classes, labels = _numbered(job.labels) if job.labels is not None else ((), None)
    maps = {space: _lay_out(features, labels, job) for space, features in job.spaces.items()}
    return MapAnswer(maps, draw_maps(maps, labels, classes, job.picture) if job.picture else None)


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


def _lay_out(features: Features, labels: Labels | None, job: MapJob) -> SpaceMap:
    embedding = embed(
        features,
        dimensions=job.dimensions,
        perplexity=DEFAULT_PERPLEXITY if job.perplexity is None else job.perplexity,
        iterations=job.iterations,
        seed=job.seed,
    )
    return SpaceMap(embedding.coordinates, measure_map(embedding, features, labels))


def _numbered(labels: tuple[str, ...]) -> tuple[tuple[str, ...], Labels]:
    """The names of the classes in order, numbers by value, and the place of each label among them."""
    names = set(labels)
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    classes = sorted(names, key=lambda name: (len(name) if are_numbers else 0, name))
    places = {name: place for place, name in enumerate(classes)}
    return tuple(classes), np.array([places[label] for label in labels], np.int64)
