"""Do classes keep apart better in latent space than in image space, or in PCA's? The three side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from service.arrays import Features, Labels
from service.metrics import Separability, SpaceSeparability
from service.separability import LabelledFeatures, examine, knn_accuracy
from training.datasets import stratified
from training.probe import linear_probe_accuracy

Space = Literal["pixels", "pca", "latents"]
PROBE_LIMIT = 10_000
"""Known images that the linear probe is fitted on; more change its accuracy by less than they cost."""

_NO_ACCURACIES: dict[str, float | None] = {"knn_accuracy": None, "linear_probe_accuracy": None}


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
    labels = sample.labels if known.labels is not None and len(np.unique(known.labels)) > 1 else None
    pca, latents = (examine(features, labels) for features in (sample.pca, sample.latents))
    pixels = examine(sample.pixels, labels, [pca.neighbours, latents.neighbours])
    trust = dict(zip(get_args(Space), (1.0, *pixels.trustworthiness), strict=True))
    silhouettes = dict(zip(get_args(Space), (pixels.silhouette, pca.silhouette, latents.silhouette), strict=True))
    return Separability(
        known=len(known.pixels),
        probe_known=probe_known(known),
        queries=len(queries.pixels),
        sample=len(sample.pixels),
        **{
            space: SpaceSeparability(
                **_accuracies(space, known, queries),
                silhouette=silhouettes[space],
                trustworthiness=trust[space],
            )
            for space in get_args(Space)
        },
    )


def probe_known(known: Spaces) -> int:
    """How many of the known images the linear probe is fitted on."""
    return min(PROBE_LIMIT, len(known.pixels))


def _accuracies(space: Space, known: Spaces, queries: Spaces) -> dict[str, float | None]:
    if known.labels is None or queries.labels is None or len(np.unique(known.labels)) < 2:
        return _NO_ACCURACIES
    database = LabelledFeatures(getattr(known, space), known.labels)
    questions = LabelledFeatures(getattr(queries, space), queries.labels)
    learned = stratified(known.labels, len(known.labels), probe_known(known), seed=2)
    return {
        "knn_accuracy": knn_accuracy(database, questions),
        "linear_probe_accuracy": linear_probe_accuracy(database.at(learned), questions),
    }
