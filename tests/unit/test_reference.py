"""The sheet of the reference sample stays small, whatever the images."""

import io

import numpy as np
import pytest
from PIL import Image

from service.contact_sheet import columns_and_rows
from service.reference import MAX_SHEET_SIDE, Sheet, draw_sheet


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2000, 28, 28, 1), (70_000, 28, 28, 1), (500, 96, 1000, 3)])
def test_no_sheet_is_larger_than_a_canvas_may_be(shape: tuple[int, int, int, int]) -> None:
    sheet = Sheet.of(np.broadcast_to(np.uint8(0), shape))
    assert (sheet.columns, sheet.rows) == columns_and_rows(shape[0])
    assert max(sheet.columns * sheet.tile_width, sheet.rows * sheet.tile_height) <= MAX_SHEET_SIDE
    assert (sheet.tile_width, sheet.tile_height) == (int(shape[2] * sheet.scale), int(shape[1] * sheet.scale))


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_shrunk_to_their_tiles(channels: int) -> None:
    levels = np.arange(0, 90, 10, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (9, 1400, 700, channels))
    sheet = Sheet.of(images)
    with Image.open(io.BytesIO(draw_sheet(images))) as picture:
        pixels = np.asarray(picture).reshape(picture.height, picture.width, channels)
    assert sheet.scale < 1
    assert pixels.shape == (3 * sheet.tile_height, 3 * sheet.tile_width, channels)
    middles = pixels[sheet.tile_height // 2 :: sheet.tile_height, sheet.tile_width // 2 :: sheet.tile_width, 0]
    assert middles.ravel().tolist() == levels.tolist()
