"""Lay spaces out as maps, and draw them where a picture is asked for."""

from functools import partial

import numpy as np

from service.arrays import Labels
from service.maps import DEFAULT_PERPLEXITY, MapAnswer, MapJob, Space
from service.measures import Measured, measure
from service.tsne import Listener, Progress, Stopped, embed_all
from service.tsne.patience import look_while


def compute(job: MapJob, listener: Listener[Space] | None = None) -> MapAnswer:
    """Do a job: every space laid out and measured, and all of them drawn where a picture was asked for.

    Raises:
        Stopped: The listener said so.
    """
    classes, labels = _numbered(job.labels) if job.labels is not None else ((), None)
    maps, spaces = (job.given.maps, job.given.spaces) if job.given is not None else _map(job, labels, listener)
    if job.picture is None:
        return MapAnswer(maps, None, spaces)
    from service.plots import Drawing, draw_maps  # noqa: PLC0415  (loading matplotlib takes long, and most jobs go without)

    drawing = Drawing(job.picture, job.theme, job.thumbnails)
    return MapAnswer(maps, draw_maps(maps, spaces, labels, classes, drawing), spaces)


def _map(job: MapJob, labels: Labels | None, listener: Listener[Space] | None) -> Measured:
    embeddings = embed_all(
        job.spaces,
        dimensions=job.dimensions,
        perplexity=DEFAULT_PERPLEXITY if job.perplexity is None else job.perplexity,
        iterations=job.iterations,
        seed=job.seed,
        on_progress=listener,
    )
    progress, is_wanted = Progress("measuring", job.iterations, job.iterations), True

    def look() -> None:
        if listener is not None and any(listener(space, progress) for space in job.spaces):
            raise Stopped

    def check() -> None:
        if not is_wanted:
            raise Stopped

    try:
        return look_while(partial(measure, embeddings, job.spaces, job.pixels, labels, check), look)
    finally:
        is_wanted = False


def _numbered(labels: tuple[str, ...]) -> tuple[tuple[str, ...], Labels]:
    """The names of the classes in order, numbers by value, and the place of each label among them."""
    names = set(labels)
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    classes = sorted(names, key=lambda name: (len(name) if are_numbers else 0, name))
    places = {name: place for place, name in enumerate(classes)}
    return tuple(classes), np.array([places[label] for label in labels], np.int64)
