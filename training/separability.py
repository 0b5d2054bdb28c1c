"""Do classes keep apart better in latent space than in image space, or in PCA's? The three side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from service.arrays import Features, Labels
from service.metrics import Separability, SpaceSeparability
from service.separability import LabelledFeatures, knn_accuracy, linear_probe_accuracy, silhouette, trustworthiness
from training.datasets import stratified

Space = Literal["pixels", "pca", "latents"]
PROBE_LIMIT = 10_000
"""Known images that the linear probe is fitted on; more change its accuracy by less than they cost."""


@dataclass(frozen=True)
class Spaces:
    """The same images as vectors of three spaces, in one order, with their labels."""

    pixels: Features
    pca: Features
    latents: Features
    labels: Labels | None

    def __iter__(self) -> Iterator[tuple[Space, Features]]:
        return iter((space, getattr(self, space)) for space in get_args(Space))


def measure_separability(known: Spaces, queries: Spaces, sample: Spaces) -> Separability:
    """Judge each space by test images (`queries`, and `sample` of them) against training images (`known`)."""
    return Separability(
        known=len(known.pixels),
        probe_known=probe_known(known),
        queries=len(queries.pixels),
        sample=len(sample.pixels),
        **{space: _measure_space(space, known, queries, sample) for space in get_args(Space)},
    )


def probe_known(known: Spaces) -> int:
    """How many of the known images the linear probe is fitted on."""
    return min(PROBE_LIMIT, len(known.pixels))


def _measure_space(space: Space, known: Spaces, queries: Spaces, sample: Spaces) -> SpaceSeparability:
    trust = trustworthiness(sample.pixels, getattr(sample, space))
    if known.labels is None or queries.labels is None or sample.labels is None or len(np.unique(known.labels)) < 2:
        return SpaceSeparability(knn_accuracy=None, linear_probe_accuracy=None, silhouette=None, trustworthiness=trust)
    database = LabelledFeatures(getattr(known, space), known.labels)
    questions = LabelledFeatures(getattr(queries, space), queries.labels)
    learned = stratified(known.labels, len(known.labels), probe_known(known), seed=2)
    return SpaceSeparability(
        knn_accuracy=knn_accuracy(database, questions),
        linear_probe_accuracy=linear_probe_accuracy(database.at(learned), questions),
        silhouette=silhouette(LabelledFeatures(getattr(sample, space), sample.labels)),
        trustworthiness=trust,
    )
