"""Images drawn at the places of their points, thinned so that none covers another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels

_FRAME = 3
"""Around images in colour, in pixels of the canvas."""
_GAP = 2
_SIDES = (48, 150)
"""Of a thumbnail, among many points and among few."""


@dataclass(frozen=True)
class Thumbnails:
    """A square picture of thumbnails, and whose they are."""

    canvas: NDArray[np.uint8]
    """Colours and opacity, shape (side, side, 4), the top row first."""
    drawn: NDArray[np.bool_]
    """Which points found room, shape (n_points,)."""


def draw_thumbnails(
    images: BytePixels, places: NDArray[np.float32], colours: NDArray[np.float64], side: int
) -> Thumbnails:
    """Draw as many images as have room, earlier ones first.

    Grey images are drawn in ink of their colour on nothing, others as they are in a frame of it.

    Args:
        images: Shape (n_points, height, width, channels).
        places: Of their middles, from the lower left, shape (n_points, 2), in [0, 1].
        colours: Red, green and blue of each, shape (n_points, 3), in [0, 1].
        side: Of the canvas, in pixels.
    """
    height, width = _size(len(images), side, images.shape[1] / images.shape[2])
    rows, columns = _area_weights(images.shape[1], height), _area_weights(images.shape[2], width)
    canvas = np.zeros((side, side, 4), np.uint8)
    taken, drawn = np.zeros((side, side), bool), np.zeros(len(images), bool)
    tops = np.clip(np.rint((1 - places[:, 1]) * side - height / 2), 0, side - height).astype(int)
    lefts = np.clip(np.rint(places[:, 0] * side - width / 2), 0, side - width).astype(int)
    is_negative = _is_dark_on_light(images)
    for index, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        if taken[top : top + height, left : left + width].any():
            continue
        small = columns @ np.tensordot(rows, images[index] / 255, 1)
        cell = _inked(1 - small if is_negative else small, colours[index])
        canvas[top : top + height, left : left + width] = np.rint(255 * cell)
        taken[max(0, top - _GAP) : top + height + _GAP, max(0, left - _GAP) : left + width + _GAP] = True
        drawn[index] = True
    return Thumbnails(canvas, drawn)


def _size(count: int, side: int, ratio: float) -> tuple[int, int]:
    """Height and width of a thumbnail: the larger the fewer there are."""
    longer = int(np.clip(1.2 * side / np.sqrt(count), *_SIDES))
    return (longer, max(8, round(longer / ratio))) if ratio >= 1 else (max(8, round(longer * ratio)), longer)


def _area_weights(old: int, new: int) -> NDArray[np.float64]:
    """How much each of the old pixels covers of each new one: `(new, old)`, every row's sum is 1."""
    edges = np.arange(new + 1) * old / new
    covered = np.minimum(edges[1:, None], np.arange(1, old + 1)) - np.maximum(edges[:-1, None], np.arange(old))
    weights: NDArray[np.float64] = np.maximum(covered, 0) * new / old
    return weights


def _is_dark_on_light(images: BytePixels) -> bool:
    """Whether grey images are drawings on white: their edges are light."""
    edges = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return images.shape[-1] == 1 and float(np.mean([edge.mean() for edge in edges])) > 128


def _inked(image: NDArray[np.float64], colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(height, width, channels) -> (height, width, 4)`."""
    cell = np.empty((*image.shape[:2], 4))
    if image.shape[-1] == 1:
        cell[..., :3], cell[..., 3] = colour, image[..., 0]
        return cell
    cell[..., :3], cell[..., 3] = colour, 1
    inner = (slice(_FRAME, -_FRAME), slice(_FRAME, -_FRAME))
    cell[inner][..., :3] = image[inner]
    return cell
