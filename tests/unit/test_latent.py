"""Paths and ghosting, on images whose answer is known."""

import numpy as np
import pytest

from service.latent import ghosting, straight_path


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


@pytest.mark.parametrize(("grey", "expected"), [(0.0, 0.0), (1.0, 0.0), (0.5, 2.0), (0.25, 3.0)])
def test_ghosting_is_nothing_in_black_and_white_and_grows_with_haze(grey: float, expected: float) -> None:
    assert ghosting(np.full((1, 4, 4, 1), grey, np.float32))[0] == pytest.approx(expected)


def test_a_blend_of_two_drawings_is_ghostlier_than_either() -> None:
    one, other = np.zeros((2, 1, 8, 8, 1), np.float32)
    one[:, :, 1:3] = 1
    other[:, :, 5:7] = 1
    blend = np.asarray((one + other) / 2, np.float32)
    assert ghosting(blend)[0] > ghosting(one)[0] == ghosting(other)[0] == 0
