"""Two batches beside each other, read back from the frames."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.comparison import side_by_side

Bytes = NDArray[np.uint8]

TITLES = ("pixel blend", "latent path")


def _columns_of_tiles(frame: Bytes) -> list[tuple[int, int]]:
    """First and last column of every tile: dark here, as nothing else is in the lowest rows."""
    dark = np.flatnonzero(frame[-12, :, 0] < 100)
    breaks = np.flatnonzero(np.diff(dark) > 1)
    firsts, lasts = [dark[0], *dark[breaks + 1]], [*dark[breaks], dark[-1]]
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


@pytest.mark.parametrize("side", [16, 64, 112, 200])
@pytest.mark.parametrize("channels", [1, 3])
def test_both_tiles_are_whole_and_lie_evenly(side: int, channels: int) -> None:
    left, right = np.random.default_rng(0).integers(0, 100, (2, 4, side, side, channels), np.uint8)
    frames = side_by_side(left, right, TITLES)
    assert frames.dtype == np.uint8
    assert len(frames) == 4
    assert frames.shape[3] == channels
    (first, end), (second, second_end) = _columns_of_tiles(frames[0])
    assert second - end > 8
    assert abs(first - (frames.shape[2] - 1 - second_end)) <= 1
    top = np.flatnonzero(frames[0, :, first, 0] < 100)[-1] + 1 - side
    np.testing.assert_array_equal(frames[:, top : top + side, first : end + 1], left)
    np.testing.assert_array_equal(frames[:, top : top + side, second : second_end + 1], right)


@pytest.mark.parametrize("side", [8, 64, 112])
def test_titles_are_not_cut_however_narrow_the_tiles(side: int) -> None:
    tiles = np.full((1, side, side, 1), 255, np.uint8)
    wide = np.full((1, side, 300, 1), 255, np.uint8)
    for titles in (TITLES, ("straight line between pixels", "b")):
        narrow_ink, wide_ink = ((side_by_side(pixels, pixels, titles)[:, :30] < 200).sum() for pixels in (tiles, wide))
        assert narrow_ink == pytest.approx(wide_ink, rel=0.05)


def test_a_light_image_has_an_edge() -> None:
    white = np.full((1, 64, 64, 1), 255, np.uint8)
    frame = side_by_side(white, white, TITLES)[0, -40, :, 0]
    assert (frame < 240).sum() == 4


def test_the_margin_is_white() -> None:
    tiles = np.zeros((2, 64, 64, 3), np.uint8)
    frames = side_by_side(tiles, tiles, TITLES)
    for edge in (frames[:, :4], frames[:, -4:], frames[:, :, :4], frames[:, :, -4:]):
        assert (edge == 255).all()
