"""Paths and ghosting, on images whose answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from service.latent import Method, ghosting, path_through, spherical_path, straight_path, there_and_back

Floats = NDArray[np.float32]

METHODS: list[Method] = ["linear", "slerp"]
NUMBERS = st.floats(-100, 100, width=32)
PAIRS = st.tuples(st.just(2), st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=NUMBERS)
)
POINTS = hnp.arrays(np.float32, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=NUMBERS)


def test_a_path_begins_and_ends_at_its_points_in_even_steps() -> None:
    random = np.random.default_rng(0)
    start, end = (random.normal(size=(3, 5)).astype(np.float32) for _ in range(2))
    path = straight_path(start, end, 9)
    assert path.shape == (3, 9, 5)
    np.testing.assert_array_equal(path[:, 0], start)
    np.testing.assert_array_equal(path[:, -1], end)
    steps = np.diff(path, axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape), atol=1e-6)


def test_a_path_goes_through_images_as_through_vectors() -> None:
    images = np.random.default_rng(0).random((2, 4, 6, 3)).astype(np.float32)
    assert straight_path(images, images[::-1], 5).shape == (2, 5, 4, 6, 3)


@given(PAIRS, st.integers(1, 9))
def test_a_spherical_path_begins_and_ends_exactly_at_its_points(pairs: Floats, steps: int) -> None:
    path = spherical_path(pairs[0], pairs[1], steps)
    assert path.shape == (pairs.shape[1], steps, pairs.shape[2])
    assert path.dtype == np.float32
    assert np.isfinite(path).all()
    np.testing.assert_array_equal(path[:, 0], pairs[0])
    if steps > 1:
        np.testing.assert_array_equal(path[:, -1], pairs[1])


def test_a_spherical_path_stays_on_its_sphere_in_equal_angles() -> None:
    points = np.random.default_rng(0).normal(size=(2, 20, 8))
    start, end = (3 * points / np.linalg.norm(points, axis=2, keepdims=True)).astype(np.float32)
    path = spherical_path(start, end, 7)
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 3, rtol=1e-5)
    cosines = (path[:, 1:] * path[:, :-1]).sum(axis=2) / 9
    whole = np.arccos((start * end).sum(axis=1) / 9)
    np.testing.assert_allclose(np.arccos(cosines), np.repeat(whole[:, None] / 6, 6, axis=1), rtol=1e-3)


def test_a_quarter_of_a_circle_is_what_it_is_known_to_be() -> None:
    path = spherical_path(np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32), 3)
    np.testing.assert_allclose(path[0, 1], [0.5**0.5, 0.5**0.5], rtol=1e-6)


def test_pairs_without_an_arc_are_joined_by_a_straight_line_and_others_keep_theirs() -> None:
    start = np.array([[0, 0, 0], [1, 2, 3], [1, 2, 3], [1, 2, 3], [0, 0, 0], [1, 0, 0]], np.float32)
    end = np.array([[1, 2, 3], [0, 0, 0], [2, 4, 6], [-1, -2, -3], [0, 0, 0], [0, 1, 0]], np.float32)
    path, straight = spherical_path(start, end, 5), straight_path(start, end, 5)
    np.testing.assert_array_equal(path[:5], straight[:5])
    np.testing.assert_allclose(np.linalg.norm(path[5], axis=1), 1, rtol=1e-6)


def test_a_spherical_path_nears_the_straight_one_as_its_ends_near_each_other() -> None:
    start = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    for distance in (1e-2, 1e-3, 1e-4, 1e-5):
        end = (start + distance * np.roll(start, 1)).astype(np.float32)
        np.testing.assert_allclose(spherical_path(start, end, 6), straight_path(start, end, 6), atol=distance**2)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_a_spherical_path_has_one_shape_at_every_scale(scale: float) -> None:
    start, end = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    large = spherical_path((start * scale).astype(np.float32), (end * scale).astype(np.float32), 5)
    np.testing.assert_allclose(large / np.float32(scale), spherical_path(start, end, 5), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_images_can_be_points_of_a_path(method: Method) -> None:
    images = np.random.default_rng(0).random((3, 4, 6, 3)).astype(np.float32)
    assert path_through(images, 5, method).shape == (9, 4, 6, 3)
    flat = path_through(images.reshape(3, -1), 5, method)
    np.testing.assert_allclose(path_through(images, 5, method).reshape(9, -1), flat, atol=1e-6)


@given(POINTS, st.integers(2, 7), st.sampled_from(METHODS))
def test_a_path_through_points_meets_each_once_and_exactly(points: Floats, steps: int, method: Method) -> None:
    path = path_through(points, steps, method)
    assert path.dtype == np.float32
    assert path.shape == ((len(points) - 1) * (steps - 1) + 1, points.shape[1])
    np.testing.assert_array_equal(path[:: steps - 1], points)


@pytest.mark.parametrize(("method", "path_between"), [("linear", straight_path), ("slerp", spherical_path)])
def test_every_leg_is_the_path_between_its_points(
    method: Method, path_between: Callable[[Floats, Floats, int], Floats]
) -> None:
    points = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    path = path_through(points, 6, method)
    for leg in range(3):
        expected = path_between(points[leg : leg + 1], points[leg + 1 : leg + 2], 6)[0]
        np.testing.assert_array_equal(path[leg * 5 : leg * 5 + 6], expected)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 3))))
def test_there_and_back_is_the_same_from_both_ends_and_turns_once(frames: NDArray[np.uint8]) -> None:
    walk = there_and_back(frames)
    assert walk.dtype == frames.dtype
    assert len(walk) == 2 * len(frames) - 1
    np.testing.assert_array_equal(walk[: len(frames)], frames)
    np.testing.assert_array_equal(walk, walk[::-1])


@pytest.mark.parametrize(("grey", "expected"), [(0.0, 0.0), (1.0, 0.0), (0.5, 2.0), (0.25, 3.0)])
def test_ghosting_is_nothing_in_black_and_white_and_grows_with_haze(grey: float, expected: float) -> None:
    assert ghosting(np.full((1, 4, 4, 1), grey, np.float32))[0] == pytest.approx(expected)


def test_a_blend_of_two_drawings_is_ghostlier_than_either() -> None:
    one, other = np.zeros((2, 1, 8, 8, 1), np.float32)
    one[:, :, 1:3] = 1
    other[:, :, 5:7] = 1
    blend = np.asarray((one + other) / 2, np.float32)
    assert ghosting(blend)[0] > ghosting(one)[0] == ghosting(other)[0] == 0
