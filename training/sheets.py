"""Sheets of reconstructions: inputs over reconstructions over error maps, the error of each image below it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels, Pixels, to_bytes, to_unit
from service.bundle import Bundle
from service.images import encode_png
from service.naming import short_name
from training.pictures import (
    GAP,
    Picture,
    centred,
    side_by_side,
    stacked,
    to_colour,
    to_tiles,
    with_margin,
    write_label,
    write_line,
)
from training.wording import number

PER_SHEET = 10
CLASS_LIMIT = 30
_ROW_WIDTH = 1150
_TILE_SIDE = 96
_LABEL_WIDTH = 124
_LEAST_TILE = (48, 64)
"""Height and width that text beside and below a tile needs."""
# ColorBrewer's RdBu: blue where too dark, red where too light, apart for every kind of colour vision.
_DIVERGING = np.array([[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]], np.float64)


@dataclass(frozen=True)
class Reconstructed:
    """The reference sample with the model's answers."""

    images: BytePixels
    answers: Pixels
    errors: NDArray[np.float64]
    """Squared error of each image, summed over its values, shape (n,)."""
    names: tuple[str, ...]
    """Of each image's class; all empty without labels."""
    labels: NDArray[np.int64] | None
    scale: float
    """The difference at which error maps reach their full colour."""

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Reconstructed":
        """Reconstruct every image of a bundle's reference sample."""
        images, labels = bundle.reference.images, bundle.reference.labels
        pixels = to_unit(images)
        batches = np.array_split(pixels, max(1, len(pixels) // 500))
        answers = np.concatenate([bundle.autoencoder.reconstruct(batch) for batch in batches])
        differences = np.abs(answers - pixels)
        errors = np.square(differences, dtype=np.float64).sum(axis=(1, 2, 3))
        classes = bundle.manifest.dataset.classes
        names = tuple("" if labels is None else short_name(classes, labels[row]) for row in range(len(images)))
        # The 99.5th percentile: a scale that a few extreme pixels cannot wash out.
        scale = max(0.05, float(np.ceil(np.quantile(differences, 0.995) * 20) / 20))
        return cls(images, answers, errors, names, labels, scale)

    def first(self) -> NDArray[np.int64]:
        """The first image of each class, at most ten; without labels the first ten images."""
        if self.labels is None:
            return np.arange(min(PER_SHEET, len(self.images)))
        return np.unique(self.labels, return_index=True)[1][:PER_SHEET]

    def best(self) -> NDArray[np.int64]:
        """The ten images of the lowest error, lowest first."""
        return np.argsort(self.errors, kind="stable")[:PER_SHEET]

    def worst(self) -> NDArray[np.int64]:
        """The ten images of the highest error, highest first."""
        return np.argsort(-self.errors, kind="stable")[:PER_SHEET]

    def median_of_classes(self) -> NDArray[np.int64]:
        """The image of median error of each class; of many classes, those whose median is highest."""
        if self.labels is None:
            return np.empty(0, np.int64)
        rows = [self._median_row(np.flatnonzero(self.labels == label)) for label in np.unique(self.labels)]
        highest = np.argsort(-self.errors[rows], kind="stable")[:CLASS_LIMIT]
        return np.array(rows)[np.sort(highest)]

    def _median_row(self, rows: NDArray[np.int64]) -> int:
        return int(rows[np.argsort(self.errors[rows], kind="stable")[(len(rows) - 1) // 2]])

    def sheet(self, name: str, rows: NDArray[np.int64], what: str) -> Picture:
        """Draw some of the images, as many to a line as fit."""
        columns = self._columns(rows)
        per_line = max(1, min(PER_SHEET, _ROW_WIDTH // columns[0].shape[1]))
        labels = self._row_labels(columns[0].shape[0])
        lines = [[labels, *columns[start : start + per_line]] for start in range(0, len(columns), per_line)]
        picture = with_margin(stacked([side_by_side(line) for line in lines], gap=22))
        worst, best = number(self.errors[rows].max()), number(self.errors[rows].min())
        alt = f"{what}: {len(rows)} inputs over reconstructions over error maps, squared errors from {best} to {worst}."
        return Picture(name, encode_png(picture), alt, picture.shape[1], picture.shape[0])

    def _columns(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        """One image each: its class, the image, its reconstruction, the error map, the error."""
        images, answers = self.images[rows], self.answers[rows]
        layers = [to_colour(images), to_colour(to_bytes(answers)), colour_errors(answers - to_unit(images), self.scale)]
        stacks = zip(*(to_tiles(layer, _TILE_SIDE) for layer in layers), strict=True)
        return [self._column(tiles, row) for tiles, row in zip(stacks, rows, strict=True)]

    def _column(self, tiles: Sequence[NDArray[np.uint8]], row: int) -> NDArray[np.uint8]:
        roomy = [centred(tile, *_LEAST_TILE) for tile in tiles]
        width = roomy[0].shape[1]
        heading = [write_line(self.names[row], width)] if any(self.names) else []
        return stacked([*heading, *roomy, write_line(number(self.errors[row]), width)])

    def _row_labels(self, height: int) -> NDArray[np.uint8]:
        """What stands left of a line: a column of the same parts at the same heights."""
        heading = [write_line("class", _LABEL_WIDTH)] if any(self.names) else []
        below = write_line("squared error", _LABEL_WIDTH)
        lines = len(heading) + 1
        tile = (height - lines * len(below) - (lines + 2) * GAP) // 3
        texts = (["input"], ["reconstruction"], ["error map", f"full at {self.scale:.2f}"])
        return stacked([*heading, *(write_label(text, tile, _LABEL_WIDTH) for text in texts), below])


def colour_errors(differences: Pixels, scale: float) -> BytePixels:
    """Differences as colours, `(batch, height, width, channels) -> (batch, height, width, 3)`.

    Greys keep their sign: blue where the reconstruction is too dark, red where it is too light. Of colours the root
    mean square over the channels is shown, in red only, as differences of opposite sign would cancel.
    """
    signed = differences[..., 0] if differences.shape[3] == 1 else np.sqrt(np.square(differences).mean(axis=3))
    position = np.clip(signed / scale, -1, 1)
    anchors = np.linspace(-1, 1, len(_DIVERGING))
    colours = [np.interp(position, anchors, _DIVERGING[:, channel]) for channel in range(3)]
    return np.asarray(np.rint(np.stack(colours, axis=-1)), np.uint8)
