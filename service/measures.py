"""The numbers of maps, and of the spaces that they are maps of."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, get_args

import numpy as np

from service.arrays import Features, Labels, standardised
from service.components import principal_scores
from service.maps import MeasuredSpace, Space, SpaceMap, SpaceNumbers
from service.metrics import MapQuality
from service.separability import Examined, examine
from service.tsne import Embedding

Measured: TypeAlias = tuple[dict[Space, SpaceMap], dict[MeasuredSpace, SpaceNumbers]]
"""The maps with their numbers, and the numbers of spaces."""


def measure(
    embeddings: Mapping[Space, Embedding],
    spaces: Mapping[Space, Features],
    pixels: Features | None,
    labels: Labels | None,
    check: Callable[[], None] = lambda: None,
) -> Measured:
    """Measure maps, the spaces that they are of, and PCA of the images with as many components as the latents have.

    Args:
        embeddings: The map of each space.
        spaces: The vectors that were laid out, of the same points.
        pixels: The images of the points where they are none of the spaces; PCA and trustworthiness need them.
        labels: The class of each point; at least two, or nothing is said of classes.
        check: Called again and again, and may raise.
    """
    several = labels if labels is not None and len(np.unique(labels)) > 1 else None
    placed = {space: examine(embedding.coordinates, several, check=check) for space, embedding in embeddings.items()}
    seen: dict[MeasuredSpace, Examined] = {}
    vectors = _vectors(spaces, pixels)
    for space, features in vectors.items():  # images last: they judge the others too
        judged = [found.neighbours for found in seen.values()] if space == "image" else []
        own = [placed[space].neighbours] if space in placed else []
        seen[space] = examine(features, several, [*judged, *own], check)
    maps = {
        space: SpaceMap(embedding.coordinates, _quality(embedding, placed[space], seen[space]))
        for space, embedding in embeddings.items()
    }
    trusted: dict[MeasuredSpace, float] = {}
    if "image" in seen:
        judged_spaces = [space for space in seen if space != "image"]
        trusted = {"image": 1.0, **dict(zip(judged_spaces, seen["image"].trustworthiness, strict=False))}
    numbers = {
        space: SpaceNumbers(
            vectors[space].shape[1], seen[space].knn_accuracy, seen[space].silhouette, trusted.get(space)
        )
        for space in get_args(MeasuredSpace)
        if space in seen and (space == "pca" or space in spaces)
    }
    return maps, numbers


def _vectors(spaces: Mapping[Space, Features], pixels: Features | None) -> dict[MeasuredSpace, Features]:
    """All that is examined, images last: they judge the others."""
    latents, images = spaces.get("latent"), spaces.get("image", pixels)
    found: dict[MeasuredSpace, Features] = {}
    if latents is not None:
        found["latent"] = latents
    if latents is not None and images is not None:
        found["pca"] = principal_scores(standardised(images), latents.shape[1])
    if images is not None:
        found["image"] = images
    return found


def _quality(embedding: Embedding, placed: Examined, space: Examined) -> MapQuality:
    """The numbers under a map; the last that its space judged is the map itself."""
    return MapQuality(
        kl_divergence=embedding.kl_divergence,
        perplexity=embedding.perplexity,
        trustworthiness=space.trustworthiness[-1],
        knn_accuracy=placed.knn_accuracy,
        silhouette=placed.silhouette,
    )
