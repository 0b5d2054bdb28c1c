"""Lay spaces out as maps, and draw them where a picture is asked for."""

import numpy as np

from service.arrays import Features, Labels
from service.maps import DEFAULT_PERPLEXITY, MapAnswer, MapJob
from service.measures import measure
from service.plots import Drawing, draw_maps
from service.tsne import Embedding, embed


def compute(job: MapJob) -> MapAnswer:
    """Do a job: every space laid out and measured, and all of them drawn where a picture was asked for."""
    classes, labels = _numbered(job.labels) if job.labels is not None else ((), None)
    embeddings = {space: _lay_out(features, job) for space, features in job.spaces.items()}
    maps, spaces = measure(embeddings, job.spaces, job.pixels, labels)
    if job.picture is None:
        return MapAnswer(maps, None, spaces)
    drawing = Drawing(job.picture, job.theme, job.thumbnails)
    return MapAnswer(maps, draw_maps(maps, spaces, labels, classes, drawing), spaces)


def _lay_out(features: Features, job: MapJob) -> Embedding:
    return embed(
        features,
        dimensions=job.dimensions,
        perplexity=DEFAULT_PERPLEXITY if job.perplexity is None else job.perplexity,
        iterations=job.iterations,
        seed=job.seed,
    )


def _numbered(labels: tuple[str, ...]) -> tuple[tuple[str, ...], Labels]:
    """The names of the classes in order, numbers by value, and the place of each label among them."""
    names = set(labels)
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    classes = sorted(names, key=lambda name: (len(name) if are_numbers else 0, name))
    places = {name: place for place, name in enumerate(classes)}
    return tuple(classes), np.array([places[label] for label in labels], np.int64)
