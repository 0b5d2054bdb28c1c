"""Two walks between the same images, frame by frame beside each other, each under its title."""

import numpy as np

from service.arrays import BytePixels
from service.images import caption, caption_width

MARGIN = 8
GAP = 16
_FONT_SIZE = 14
_TITLE_GAP = 4
_WHITE = 255
_GREY = 208


def side_by_side(left: BytePixels, right: BytePixels, titles: tuple[str, str]) -> BytePixels:
    """Two batches of one shape -> one batch of wider frames, on white, each half wide enough for its title."""
    width = max(left.shape[2] + 2, *(caption_width(title, _FONT_SIZE) for title in titles))
    halves = [_titled(pixels, title, width) for pixels, title in zip((left, right), titles, strict=True)]
    between = np.full((*halves[0].shape[:2], GAP, left.shape[3]), _WHITE, np.uint8)
    return _pad(np.concatenate([halves[0], between, halves[1]], axis=2), (MARGIN // 2, MARGIN), (MARGIN, MARGIN))


def _titled(pixels: BytePixels, title: str, width: int) -> BytePixels:
    framed = _pad(pixels, (1, 1), (1, 1), _GREY)  # else a light image would have no edge
    spare = width - framed.shape[2]
    centred = _pad(framed, (_TITLE_GAP, 0), (spare // 2, spare - spare // 2))
    return caption(centred, title, _FONT_SIZE)


def _pad(pixels: BytePixels, rows: tuple[int, int], columns: tuple[int, int], grey: int = _WHITE) -> BytePixels:
    """Add a grey above and below, left and right."""
    return np.pad(pixels, [(0, 0), rows, columns, (0, 0)], constant_values=grey)
