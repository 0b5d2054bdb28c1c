"""A contact sheet can be cut back into its images."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from service.contact_sheet import GAP, columns_and_rows, contact_sheet

Bytes = NDArray[np.uint8]

BATCHES = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3]))
)


@given(BATCHES)
def test_a_sheet_is_cut_into_its_images_row_by_row(pixels: Bytes) -> None:
    count, height, width, channels = pixels.shape
    columns, rows = columns_and_rows(count)
    sheet = contact_sheet(pixels)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels)
    for position, image in enumerate(pixels):
        top, left = position // columns * (height + GAP), position % columns * (width + GAP)
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], image)


def test_gaps_and_what_stays_empty_are_light_grey() -> None:
    sheet = contact_sheet(np.zeros((5, 4, 4, 3), np.uint8))  # three in a row, one place empty
    black = (sheet == 0).all(axis=2)
    assert black.sum() == 5 * 16
    assert 160 < sheet[~black].min() == sheet[~black].max() < 255


@given(st.integers(1, 2000))
def test_a_sheet_is_nearly_square_without_an_empty_row(count: int) -> None:
    columns, rows = columns_and_rows(count)
    assert columns * (rows - 1) < count <= columns * rows
    assert 0 <= columns - rows <= 1
