"""A picture of the report, and the parts that one is laid out of: tiles, lines of text, rows with a label."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels
from service.images import caption, enlarge

MARGIN = 12
GAP = 6
_WHITE = 255
_FONT_SIZE = 16
_LETTER_WIDTH = 0.52
"""Of Pillow's own font, as a share of its size: how many letters fit a tile."""
_LARGEST_SIDE = 160


@dataclass(frozen=True)
class Picture:
    """A finished file that lies beside the page and is embedded in it too."""

    name: str
    data: bytes
    alt: str
    """What a reader who cannot see it should know."""
    width: int
    """As shown, in the page's pixels; the file may have more."""
    height: int

    @property
    def uri(self) -> str:
        """The whole file as a data URI, so that the page can be mailed alone."""
        kind = PurePath(self.name).suffix[1:]
        return f"data:image/{kind};base64,{base64.b64encode(self.data).decode()}"


def to_tiles(pixels: BytePixels, side: int) -> BytePixels:
    """Enlarge a batch, every pixel a square, until its larger side is about `side`; large images are averaged down."""
    batch, height, width, channels = pixels.shape
    if (factor := -(-max(height, width) // _LARGEST_SIDE)) > 1:
        trimmed = pixels[:, : height // factor * factor, : width // factor * factor]
        blocks = trimmed.reshape(batch, height // factor, factor, width // factor, factor, channels)
        return np.asarray(np.rint(blocks.mean(axis=(2, 4))), np.uint8)
    return enlarge(pixels, max(1, round(side / max(height, width))))


def to_colour(pixels: BytePixels) -> BytePixels:
    """`(batch, height, width, 1 or 3) -> (batch, height, width, 3)`."""
    return pixels.repeat(3, axis=3) if pixels.shape[3] == 1 else pixels


def write_line(text: str, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """One line of text in the middle of a white strip -> (strip, width, channels), cut where it would not fit."""
    room = max(1, int(width / (_FONT_SIZE * _LETTER_WIDTH)))
    fitting = text if len(text) <= room else text[: room - 1] + "…"
    return np.asarray(caption(np.empty((1, 0, width, channels), np.uint8), fitting, _FONT_SIZE)[0])


def write_label(lines: Sequence[str], height: int, width: int) -> NDArray[np.uint8]:
    """Lines of text halfway up a white area -> (height, width, 3)."""
    return centred(np.concatenate([write_line(line, width) for line in lines]), height, width)


def blank(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """A white area, (height, width, channels)."""
    return np.full((height, width, channels), _WHITE, np.uint8)


def centred(area: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An area in the middle of white that is at least `height` x `width`."""
    spare = [max(0, least - side) for least, side in zip((height, width), area.shape[:2], strict=True)]
    return np.pad(area, [(side // 2, side - side // 2) for side in spare] + [(0, 0)], constant_values=_WHITE)


def side_by_side(parts: Sequence[NDArray[np.uint8]], gap: int = GAP) -> NDArray[np.uint8]:
    """Areas of one height in a row, `gap` pixels apart."""
    return _join(parts, gap, axis=1)


def stacked(parts: Sequence[NDArray[np.uint8]], gap: int = GAP) -> NDArray[np.uint8]:
    """Areas below each other, `gap` pixels apart; white makes up for what a narrower one lacks on its right."""
    width = max(part.shape[1] for part in parts)
    return _join([np.pad(part, _on_the_right(width - part.shape[1]), constant_values=_WHITE) for part in parts], gap, 0)


def with_margin(area: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An area with white all round it."""
    return np.pad(area, [(MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)], constant_values=_WHITE)


def _join(parts: Sequence[NDArray[np.uint8]], gap: int, axis: int) -> NDArray[np.uint8]:
    spacer_shape = list(parts[0].shape)
    spacer_shape[axis] = gap
    spacer = np.full(spacer_shape, _WHITE, np.uint8)
    spaced = [piece for part in parts for piece in (part, spacer)][:-1]
    return np.concatenate(spaced, axis=axis)


def _on_the_right(missing: int) -> list[tuple[int, int]]:
    return [(0, 0), (0, missing), (0, 0)]
