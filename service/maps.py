"""What a map is: the job that asks for one, the bounds that it keeps, and the answer.

Nothing heavy is imported here, for the web process: `layout` computes, and `map_pool` has it computed.
"""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels, Features
from service.errors import Fault, ImpossibleMap
from service.metrics import MapQuality

Space: TypeAlias = Literal["image", "latent"]
SpaceChoice: TypeAlias = Literal["image", "latent", "both"]
MeasuredSpace: TypeAlias = Literal["image", "pca", "latent"]
PictureFormat: TypeAlias = Literal["png", "svg"]
Phase: TypeAlias = Literal["neighbours", "exaggeration", "refinement", "measuring"]
"""The last is of all spaces at a time: their maps are laid out."""
Theme: TypeAlias = Literal["light", "dark"]
PointStyle: TypeAlias = Literal["dots", "thumbnails"]
Coordinates: TypeAlias = NDArray[np.float32]
"""Where the points of a map lie, shape (n_points, dimensions)."""
MIN_POINTS = 4
DEFAULT_PERPLEXITY = 30.0
_STEPS, _STEPS_OF_MANY, _MANY = 750, 1000, 20_000
"""Gradient steps of maps, and of those of more points: with 750 the KL of 70,000 was 1.1 % above scikit-learn's."""


@dataclass(frozen=True)
class MapJob:
    """The same points in one space or more, to be laid out in each."""

    spaces: dict[Space, Features]
    """By space, vectors in the same order of points."""
    labels: tuple[str, ...] | None = None
    """The name of each point's class."""
    dimensions: Literal[2, 3] = 2
    perplexity: float | None = None
    """None: 30, or the largest that fits the points."""
    iterations: int = _STEPS
    seed: int = 0
    picture: PictureFormat | None = None
    pixels: Features | None = None
    """The images of the points, where they are at hand: what every space is compared with."""
    theme: Theme = "light"
    thumbnails: BytePixels | None = None
    """The images that a picture draws in place of dots."""
    given: "MapAnswer | None" = None
    """The maps, where they are known already: then only the picture is drawn."""


@dataclass(frozen=True)
class MapProgress:
    """How far a job has come."""

    space: Space
    phase: Phase
    iteration: int
    iterations: int
    """Of each space."""
    kl_divergence: float | None
    """None while neighbours are searched, and where the map is being measured."""
    elapsed_s: float
    """Since the job was begun."""
    remaining_s: float | None
    """Until all spaces should be laid out; None while nothing is known of it."""
    coordinates: Coordinates | None


@dataclass(frozen=True)
class SpaceMap:
    """One space laid out."""

    coordinates: Coordinates
    quality: MapQuality
    """Its last two are None without labels, or with fewer than two classes."""


@dataclass(frozen=True)
class SpaceNumbers:
    """How well a space itself keeps classes and the neighbours of pixels, before anything is laid out."""

    components: int
    """Numbers of one of its vectors."""
    knn_accuracy: float | None
    silhouette: float | None
    """Both None without labels, or with fewer than two classes."""
    trustworthiness: float | None
    """Are the neighbours in this space neighbours in pixels? None where the images are not at hand."""


@dataclass(frozen=True)
class MapAnswer:
    """The maps in the order of the job's spaces, and the picture where one was asked for."""

    maps: dict[Space, SpaceMap]
    picture: bytes | None
    spaces: dict[MeasuredSpace, SpaceNumbers] = field(default_factory=dict)


def default_iterations(points: int) -> int:
    """Gradient steps of a map of so many points, where nobody asks for another number."""
    return _STEPS if points <= _MANY else _STEPS_OF_MANY


def largest_perplexity(points: int) -> float:
    """The most neighbours that each of so many points can mind: a perplexity reaches for three times as many."""
    return (points - 1) / 3


def check(points: int, perplexity: float | None) -> None:
    """Refuse what t-SNE cannot lay out, before anything is computed.

    Raises:
        ImpossibleMap: Fewer than four points, or a perplexity below 1 or above `largest_perplexity`.
    """
    if points < MIN_POINTS:
        raise ImpossibleMap(f"A map needs at least {MIN_POINTS} points, got {points}.")
    largest = largest_perplexity(points)
    if perplexity is not None and not 1 <= perplexity <= largest:
        allowed = f"1 and {math.floor(100 * largest) / 100:g}"  # rounded down, so that it may be asked for
        detail = f"The perplexity for {points} points must lie between {allowed}."
        raise ImpossibleMap(detail, [Fault(detail, parameter="perplexity")])
