"""Whole bodies of numbers are read at once only where every one of them is right."""

import json
from typing import Any

import numpy as np
import pytest

from service.inputs import IMAGES, BodyReader, InputLimits
from service.json_body import JsonObject
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


@pytest.mark.parametrize("value", [0, -0.0, 1, 1e-320, 1 - 1e-16])
def test_the_ends_of_the_range_belong_to_it(value: float) -> None:
    assert quickly([[value] * 6]).ravel()[0] == np.float32(value)


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
