"""Many images as one: a grid of them, row by row."""

import math

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels

GAP = 1
"""Between neighbours, in pixels; there is none around the sheet."""
_GREY = 208


def columns_and_rows(count: int) -> tuple[int, int]:
    """How many images a sheet of `count` has beside and below each other: as near to a square as can be."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)


def contact_sheet(pixels: BytePixels, gap: int = GAP) -> NDArray[np.uint8]:
    """All images of a batch row by row, light grey between them and where there are no more.

    `(batch, height, width, channels) -> (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)`
    """
    count, height, width, channels = pixels.shape
    columns, rows = columns_and_rows(count)
    cells = np.full((rows * columns, height + gap, width + gap, channels), _GREY, np.uint8)
    cells[:count, :height, :width] = pixels
    grid = cells.reshape(rows, columns, height + gap, width + gap, channels).swapaxes(1, 2)
    sheet = grid.reshape(rows * (height + gap), columns * (width + gap), channels)
    return sheet[: len(sheet) - gap, : sheet.shape[1] - gap]
