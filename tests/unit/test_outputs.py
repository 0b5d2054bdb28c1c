"""Arrays to answers, byte by byte."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.arrays import Pixels, to_bytes
from service.contact_sheet import contact_sheet
from service.deadline import Deadline
from service.errors import DeadlineExceeded
from service.images import decode
from service.outputs import (
    images_in_json,
    numbered_pngs,
    plain_cell,
    png_or_contact_sheet,
    write_csv,
    write_json,
    write_zip,
)

BATCHES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.sampled_from([1, 3])),
    elements=st.floats(0, 1, width=32),
)
FAR = Deadline.after(3600)


@given(BATCHES)
def test_numbers_in_json_are_the_very_same_floats(pixels: Pixels) -> None:
    document = json.loads(write_json({"images": images_in_json(pixels, "numbers", FAR), "latents": pixels[:, 0, 0]}))
    grey = pixels.shape[-1] == 1
    np.testing.assert_array_equal(np.array(document["images"], np.float32), pixels[..., 0] if grey else pixels)
    np.testing.assert_array_equal(np.array(document["latents"], np.float32), pixels[:, 0, 0])


@given(BATCHES)
def test_arrays_are_written_however_they_lie_in_memory(pixels: Pixels) -> None:
    turned = np.asfortranarray(pixels)
    assert write_json({"array": turned}) == write_json({"array": pixels})
    one, other = (write_json({"images": images_in_json(batch, "numbers", FAR)}) for batch in (pixels, turned))
    assert one == other


@given(BATCHES)
def test_pngs_show_the_nearest_bytes(pixels: Pixels) -> None:
    files = [file for _, file in numbered_pngs(to_bytes(pixels), "image", FAR)]
    shown = np.stack([decode(file, *pixels.shape[1:]) for file in files])
    np.testing.assert_array_equal(shown, to_bytes(pixels))
    np.testing.assert_allclose(shown / 255, pixels, atol=0.5 / 255 + 1e-6)


@given(BATCHES)
def test_one_image_is_a_png_and_several_are_a_sheet(pixels: Pixels) -> None:
    expected = to_bytes(pixels)[0] if len(pixels) == 1 else contact_sheet(to_bytes(pixels))
    np.testing.assert_array_equal(decode(png_or_contact_sheet(pixels), *expected.shape), expected)


def test_values_outside_the_range_are_shown_as_black_and_white() -> None:
    pixels = np.array([[[[-0.3], [1.7]]]], np.float32)
    assert decode(png_or_contact_sheet(pixels), 1, 2, 1).tolist() == [[[0], [255]]]


def test_a_zip_holds_its_files_and_is_the_same_each_time() -> None:
    files = [("a.png", b"one"), ("b.csv", b"")]
    with zipfile.ZipFile(io.BytesIO(write_zip(files))) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == files
    assert write_zip(files) == write_zip(iter(files))


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=2, max_size=2)))
def test_whatever_labels_a_table_has_it_is_read_back(rows: list[list[str]]) -> None:
    table = write_csv(("label", "other"), rows).decode()
    assert list(csv.reader(io.StringIO(table, newline=""))) == [["label", "other"], *rows]


@pytest.mark.parametrize("form", ["png", "numbers"])
def test_no_image_is_encoded_past_the_deadline(form: str) -> None:
    with pytest.raises(DeadlineExceeded):
        images_in_json(np.zeros((2, 3, 3, 1), np.float32), "png" if form == "png" else "numbers", Deadline.after(-1))
    with pytest.raises(DeadlineExceeded):
        list(numbered_pngs(np.zeros((2, 3, 3, 1), np.uint8), "image", Deadline.after(-1)))


@pytest.mark.parametrize("text", ["=1+1", "+a", "-a", "@SUM(A1)", "\t=1", "\r=1", "-1+1", "=HYPERLINK('x')", "+"])
def test_a_cell_that_might_be_a_formula_is_text(text: str) -> None:
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a", "1", "-1", "+1.5e3", "a=b", "é", " =1"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert plain_cell(text) == text
