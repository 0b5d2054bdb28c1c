"""PCA as the model's beginning and its opponent: it must be the real one."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from training.images import InMemoryImages
from training.pca import EXACT_LIMIT, Pca, fit_pca


def _low_rank_images(count: int, height: int, width: int, rank: int) -> InMemoryImages:
    """Images that lie near a subspace, with clearly falling variances."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(count, rank, generator=generator) * torch.linspace(20, 4, rank)
    basis = torch.linalg.qr(torch.randn(height * width, rank, generator=generator))[0]
    pixels = (scores @ basis.T * 8 + 128).clamp(0, 255).byte()
    return InMemoryImages(pixels.view(count, height, width, 1), None)


def _values(images: InMemoryImages) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return torch.cat(list(images.batches())).flatten(1).double().numpy() / 255


@pytest.mark.parametrize("side", [12, 65])
def test_it_agrees_with_scikit_learn_below_and_above_the_exact_limit(side: int) -> None:
    images = _low_rank_images(120, side, side, rank=12)
    assert (side * side > EXACT_LIMIT) == (side == 65)
    ours = fit_pca(images, 8)
    theirs = PCA(8, svd_solver="full").fit(_values(images))
    np.testing.assert_allclose(ours.mean, theirs.mean_, atol=1e-9)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_ * (119 / 120), rtol=1e-4)
    alignment = np.abs(ours.components.numpy() @ theirs.components_.T)
    np.testing.assert_allclose(alignment, np.eye(8), atol=1e-3)


def test_its_components_are_orthonormal_and_ordered() -> None:
    pca = fit_pca(_low_rank_images(60, 10, 10, rank=20), 20)
    torch.testing.assert_close(pca.components @ pca.components.T, torch.eye(20, dtype=torch.float64))
    assert (pca.variances.diff() <= 0).all()


def test_more_components_never_reconstruct_worse() -> None:
    images = _low_rank_images(60, 10, 10, rank=20)
    pixels = next(images.batches()).float() / 255
    full = fit_pca(images, 20)

    def error(pca: Pca) -> float:
        return float((pca.reconstruct(pixels) - pixels).square().sum())

    errors = [error(full.first(count)) for count in range(1, 21)]
    assert errors == sorted(errors, reverse=True)
