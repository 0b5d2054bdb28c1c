"""The frames of a walk and how long each is shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import Pixels, to_bytes
from service.images import enlarge
from service.interpolation import Frames, Walk, fitting_scale


def _walk(**changes: object) -> Walk:
    options = {"space": "latent", "steps": 4, "method": "linear", "boomerang": False, "duration_ms": 80, "hold_ms": 400}
    return Walk(**{**options, **changes})  # type: ignore[arg-type]


def _pixels(count: int) -> Pixels:
    return np.random.default_rng(0).random((count, 4, 5, 1), np.float32)


@given(st.integers(2, 16), st.integers(2, 12), st.booleans())
def test_there_is_a_duration_for_every_frame(stops: int, steps: int, boomerang: bool) -> None:
    walk = _walk(steps=steps, boomerang=boomerang)
    frames = Frames.of(walk, {"latent": _pixels((stops - 1) * (steps - 1) + 1)}, stops)
    assert len(frames.durations_ms) == len(frames.array())
    assert frames.durations_ms.count(400) == (stops if not boomerang else 2 * stops - 1) if steps > 2 else True


def test_the_given_images_are_held_and_the_others_are_not() -> None:
    assert _walk().durations_ms(3) == [400, 80, 80, 400, 80, 80, 400]
    assert _walk(boomerang=True).durations_ms(2) == [400, 80, 80, 400, 80, 80, 400]
    assert _walk(steps=2).durations_ms(3) == [400, 400, 400]


def test_a_hold_is_never_shorter_than_a_frame() -> None:
    assert _walk(hold_ms=0).durations_ms(2) == [80, 80, 80, 80]


def test_a_boomerang_goes_back_to_where_it_began() -> None:
    pixels = _pixels(4)
    array = Frames.of(_walk(boomerang=True), {"latent": pixels}, 2).array()
    np.testing.assert_array_equal(array, [*pixels, *pixels[2::-1]])


def test_two_spaces_are_one_array_pixels_first() -> None:
    one, other = _pixels(4), 1 - _pixels(4)
    array = Frames.of(_walk(space="both"), {"image": one, "latent": other}, 2).array()
    np.testing.assert_array_equal(array, [one, other])


def test_pictures_of_one_space_are_enlarged_frames() -> None:
    frames = Frames.of(_walk(), {"latent": _pixels(4)}, 2)
    np.testing.assert_array_equal(frames.pictures(3, "nearest"), enlarge(to_bytes(_pixels(4)), 3))
    np.testing.assert_array_equal(frames.pictures(3, "smooth"), enlarge(to_bytes(_pixels(4)), 3, smooth=True))


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(8, 8, 16), (28, 28, 4), (6, 10, 12), (10, 6, 12), (128, 1, 1), (300, 20, 1)]
)
def test_the_fitting_scale_brings_the_longer_side_to_at_most_128(height: int, width: int, scale: int) -> None:
    assert fitting_scale(height, width) == scale
