"""Maps keep neighbours, repeat for a seed, and are defined for few samples."""

import numpy as np
import pytest

from service.maps import MIN_POINTS
from service.separability import trustworthiness
from service.tsne import embed


def _clusters(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    random = np.random.default_rng(0)
    return (random.normal(size=(count, 10)) + 8 * random.normal(size=(4, 10))[np.arange(count) % 4]).astype(np.float32)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_map_keeps_neighbours(dimensions: int) -> None:
    features = _clusters(120)
    embedding = embed(features, dimensions=dimensions, perplexity=10, iterations=500)
    assert embedding.coordinates.shape == (120, dimensions)
    assert trustworthiness(features, embedding.coordinates) > (0.9 if dimensions == 2 else 0.7)
    assert 0 < embedding.kl_divergence < 3


def test_the_seed_decides_the_map() -> None:
    features = _clusters(60)
    one, again = (embed(features, iterations=300, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.coordinates, again.coordinates)


@pytest.mark.parametrize("count", [MIN_POINTS, 5, 12])
def test_perplexity_is_lowered_for_few_samples(count: int) -> None:
    embedding = embed(_clusters(count), iterations=250)
    assert embedding.perplexity == pytest.approx((count - 1) / 3)
    assert np.isfinite(embedding.coordinates).all()


def test_fewer_than_four_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        embed(_clusters(3))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_fewer_features_than_dimensions_have_a_map(dimensions: int) -> None:
    assert np.isfinite(embed(_clusters(20)[:, :1], dimensions=dimensions, iterations=250).coordinates).all()


def test_identical_samples_have_a_map() -> None:
    assert np.isfinite(embed(np.ones((12, 4), np.float32), iterations=250).coordinates).all()
