"""The compiled loop reads images as `JsonObject` does, bit for bit, and nothing that is refused there."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.deadline import Deadline
from service.errors import Refusal
from service.image_input import ImageReader
from service.inputs import IMAGES, BodyReader, InputLimits
from service.json_body import JsonObject
from service.json_images import read_images
from service.manifest import ImageFormat
from service.media import JSON

READER = BodyReader.of(
    IMAGES, ImageFormat(height=2, width=3, channels=1, range=(0.0, 1.0)), 4, InputLimits(10, 100, 1000)
)


def quickly(images: Any, **others: Any) -> Any:
    inputs = READER.read_quickly(JSON, json.dumps({"images": images, **others}).encode())
    return None if inputs is None else inputs.pixels


def test_images_of_any_shape_are_read_as_they_are() -> None:
    pixels = np.arange(12, dtype=np.float32).reshape(2, 2, 3, 1) / 16
    for shape in ((2, 6), (2, 2, 3), (2, 2, 3, 1)):
        np.testing.assert_array_equal(quickly(pixels.reshape(shape).tolist()), pixels)
    np.testing.assert_array_equal(
        quickly([[0, 51, 255, 0, 0, 0]], pixel_range="byte").ravel()[:3], np.array([0, 0.2, 1], np.float32)
    )


@pytest.mark.parametrize("value", [1 + 1e-12, -1e-300, 2, -1, 1e300])
@pytest.mark.parametrize("place", [0, 3, 5])
def test_a_single_number_out_of_range_needs_a_closer_look(value: float, place: int) -> None:
    image = [0.5] * 6
    image[place] = value
    assert quickly([[0.5] * 6, image]) is None


@pytest.mark.parametrize("value", [0, 1, 1e-40, 1 - 1e-15])
def test_the_ends_of_the_range_belong_to_it(value: float) -> None:
    assert quickly([[value] * 6]).ravel()[0] == np.float32(value)


@pytest.mark.parametrize("value", [-0.0, 1e-320, 1 - 1e-16])
def test_what_is_rare_and_right_is_read_all_the_same(value: float) -> None:
    body = json.dumps({"images": [[value] * 6]}).encode()
    assert READER.read(JSON, body, Deadline.after(10)).pixels.ravel()[0] == np.float32(value)


@pytest.mark.parametrize(
    "images",
    [
        [[0, [0], 0, 0, 0, 0]],
        [[0, [0, 0], 0, 0, 0]],
        [[0] * 5, [0] * 7],
        [[0] * 6, [[0] * 3] * 2],
        [[[0] * 2, [0] * 4]],
        [[0] * 6, 0],
        [[0] * 5 + [True]],
        [[0] * 5 + [None]],
        [[0] * 5 + ["0"]],
        [[0] * 5 + [{}]],
        [[0] * 7],
        [],
        "000000",
    ],
    ids=json.dumps,
)
def test_what_is_uneven_or_no_number_needs_a_closer_look(images: Any) -> None:
    assert quickly(images) is None


def test_a_bracket_within_a_string_is_not_taken_for_a_list() -> None:
    document = JsonObject(b'{"images": [[1, 2, 3]], "pixel_range": "["}', ["images", "pixel_range"], 100)
    assert document.even_array("images", [(3,)]) is None


SHAPE = (2, 3, 1)
SLOW = ImageReader(ImageFormat(height=2, width=3, channels=1, range=(0.0, 1.0)), 3, 100)
MOST_VALUES = 60


def slowly(body: bytes) -> NDArray[np.float32] | None:
    """What the library makes of a body; None where it is refused."""
    try:
        return SLOW.from_json(JsonObject(body, ("images", "pixel_range"), MOST_VALUES), Deadline.after(10))
    except Refusal:
        return None


def compare(body: bytes, *, is_quick: bool | None = None) -> None:
    """Hold the loop against the library; `is_quick` tells whether it must take the body."""
    quick, slow = read_images(body, SHAPE, 3, MOST_VALUES), slowly(body)
    assert is_quick is None or (quick is not None) == is_quick, body
    if quick is not None:
        assert slow is not None, body
        np.testing.assert_array_equal(quick.view(np.uint32), slow.view(np.uint32), err_msg=repr(body))


NUMBERS = st.one_of(
    st.sampled_from(
        [
            "0",
            "0.0",
            "1",
            "1.0",
            "0.5",
            "255",
            "254.5",
            "128",
            "1e0",
            "10E-1",
            "0.1e+1",
            "5e-1",
            "1e-5",
            "1e-45",
            "2.5e-3",
            "0.00e9",
            "00",
            "01",
            ".5",
            "1.",
            "-0",
            "-1",
        ]
    ),
    st.floats(0, 1).map(repr),
    st.floats(0, 1, width=32).map(repr),
    st.integers(0, 255).map(lambda value: repr(value / 255)),
    st.integers(0, 255).map(lambda value: repr(float(np.float32(value / 255)))),
    st.floats(0, 255).map(repr),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["NaN", "null", "true", '"0"', "1e999", "0x1", "1_0", "+1", "--1", "1e", "1e+", "{}", "[0]"]),
)
SPACES = st.sampled_from(["", "", "", " ", "\n\t ", "\r\n"])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies that are good, nearly, or not at all."""

    def joined(parts: Sequence[str]) -> str:
        return f"[{draw(SPACES)}{(draw(SPACES) + ',' + draw(SPACES)).join(parts)}{draw(SPACES)}]"

    def row(length: int) -> str:
        kinds = draw(st.sampled_from([NUMBERS, st.floats(0, 1).map(repr), st.integers(0, 255).map(str)]))
        return joined([draw(kinds) for _ in range(length)])

    def image(form: int) -> str:
        if form == 0:
            return row(draw(st.sampled_from([6, 6, 6, 5, 7, 0])))
        rows = draw(st.sampled_from([2, 2, 2, 1, 3]))
        if form == 1:
            return joined([row(draw(st.sampled_from([3, 3, 3, 3, 2, 4]))) for _ in range(rows)])
        return joined([joined([row(draw(st.sampled_from([1] * 9 + [2]))) for _ in range(3)]) for _ in range(rows)])

    form = draw(st.integers(0, 2))
    forms = st.sampled_from([form] * 9 + [0, 1, 2])
    images = joined([image(draw(forms)) for _ in range(draw(st.sampled_from([1, 1, 2, 3, 4, 0])))])
    members = [f'"images"{draw(SPACES)}:{draw(SPACES)}{images}']
    for word in draw(st.lists(st.sampled_from(["byte", "byte", "unit", "bytes", '", "x": "']), max_size=2)):
        members.insert(draw(st.integers(0, len(members))), f'"pixel_range"{draw(SPACES)}:{draw(SPACES)}"{word}"')
    members += draw(st.sampled_from([[]] * 9 + [members, ['"labels": ["byte"]']]))
    separator = draw(SPACES) + "," + draw(SPACES)
    return f"{draw(SPACES)}{{{draw(SPACES)}{separator.join(members)}{draw(SPACES)}}}{draw(SPACES)}".encode()


@given(bodies())
def test_generated_bodies_are_read_alike(body: bytes) -> None:
    compare(body)


@given(bodies(), st.integers(0, 200), st.binary(max_size=2))
def test_bodies_with_a_change_are_read_alike(body: bytes, place: int, change: bytes) -> None:
    compare(body[:place] + change + body[place + 1 :])
    compare(body[:place])


@given(st.lists(NUMBERS.filter(lambda text: text[0] in "0123456789"), min_size=6, max_size=6))
@example(["0.1234567890123456789", "0.0000000000000000000000000000001", "1.0000000000000000001", "1e-60", "1e-61", "0"])
@example(["0.99999999999999999999", "0.9999999999999999", "1.000000000000000", "1.0000000000000002", "1e-99", "1e-100"])
def test_every_number_is_rounded_alike(numbers: list[str]) -> None:
    for number in numbers:
        for suffix in ("", ', "pixel_range": "byte"'):
            compare(f'{{"images": [[{",".join([number] * 6)}]]{suffix}}}'.encode())


def test_numbers_next_to_a_boundary_of_rounding_are_rounded_alike() -> None:
    singles = np.random.default_rng(0).random(300, np.float32)
    middles = (singles.astype(np.float64) + np.nextafter(singles, np.float32(1))) / 2
    for value in middles:
        for near in (np.nextafter(value, 0), value, np.nextafter(value, 1)):
            for text in (repr(float(near)), f"{near:.19f}", f"{near:.18f}", f"{near:.25f}", f"{near * 255:.17f}"):
                compare(f'{{"images": [[{",".join([text] * 6)}]], "pixel_range": "byte"}}'.encode())
                compare(f'{{"images": [[{",".join([text] * 6)}]]}}'.encode())


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint8])
@pytest.mark.parametrize("shape", [(3, 6), (3, 2, 3), (3, 2, 3, 1)])
def test_what_clients_send_is_read_by_the_loop(shape: tuple[int, ...], dtype: Any, scale: int) -> None:
    pixels = (np.random.default_rng(0).integers(0, 256, shape) / 255 * scale).astype(dtype)
    more = {"pixel_range": "byte"} if scale == 255 else {}
    for indent in (None, 2):
        compare(json.dumps({"images": pixels.tolist(), **more}, indent=indent).encode(), is_quick=True)
        compare(json.dumps({**more, "images": pixels.tolist()}, indent=indent).encode(), is_quick=True)


def test_more_images_and_values_than_are_taken_are_left_to_be_refused() -> None:
    image = [0] * 6
    body = json.dumps({"images": [image] * 3}).encode()
    compare(body, is_quick=True)
    compare(json.dumps({"images": [image] * 4}).encode(), is_quick=False)
    values = body.count(b"[") + body.count(b",") + body.count(b"{")
    assert read_images(body, SHAPE, 3, values - 1) is None
    assert read_images(body, SHAPE, 3, values + 3) is not None
