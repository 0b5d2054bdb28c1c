"""Principal component analysis of a split, in one pass or a few: the model's beginning and its first opponent."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.images import Images

EXACT_LIMIT = 4096
"""Up to this many values an image the covariance is decomposed exactly; above it would not fit in memory."""
_OVERSAMPLING = 32
_PASSES = 8


@dataclass(frozen=True)
class Pca:
    """Principal components in float64, ordered by variance."""

    mean: Tensor
    """Shape (n_features,)."""
    components: Tensor
    """Orthonormal rows, shape (n_components, n_features)."""
    variances: Tensor
    """Variance along each component, shape (n_components,)."""

    def first(self, count: int) -> "Pca":
        """The leading `count` components."""
        return Pca(self.mean, self.components[:count], self.variances[:count])

    def encode(self, pixels: Tensor) -> Tensor:
        """`(batch, n_features) -> (batch, n_components)`, the scores."""
        return (pixels.double() - self.mean) @ self.components.T

    def decode(self, scores: Tensor) -> Tensor:
        """`(batch, n_components) -> (batch, n_features)`, not clamped."""
        return scores @ self.components + self.mean

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """`(batch, height, width, channels)`, same shape, float64, not clamped."""
        return self.decode(self.encode(pixels.flatten(1))).view(pixels.shape)


def fit_pca(images: Images, n_components: int) -> Pca:
    """Find the leading components of images in [0, 1].

    Above `EXACT_LIMIT` values an image, block subspace iteration finds them in `_PASSES` passes over the images (Halko,
    Martinsson & Tropp 2011, doi:10.1137/090771806); below, the covariance is decomposed.
    """
    mean = torch.stack([_flat(batch).sum(0) for batch in images.batches()]).sum(0) / len(images)
    if len(mean) <= EXACT_LIMIT:
        covariance = _covariance_times(images, mean, None)
        variances, vectors = torch.linalg.eigh(covariance)
        return Pca(mean, vectors.T.flip(0)[:n_components].clone(), variances.flip(0)[:n_components].clamp(min=0))
    generator = torch.Generator().manual_seed(0)
    block = torch.randn(len(mean), n_components + _OVERSAMPLING, generator=generator, dtype=torch.float64)
    for _ in range(_PASSES):
        block, _ = torch.linalg.qr(_covariance_times(images, mean, block))
    variances, rotation = torch.linalg.eigh(block.T @ _covariance_times(images, mean, block))
    vectors = (block @ rotation).T.flip(0)
    return Pca(mean, vectors[:n_components].clone(), variances.flip(0)[:n_components].clamp(min=0))


def _covariance_times(images: Images, mean: Tensor, block: Tensor | None) -> Tensor:
    """The covariance matrix, or its product with a block of columns that is formed without it."""
    product = torch.zeros((), dtype=torch.float64)
    for batch in images.batches():
        centred = _flat(batch) - mean
        product = product + centred.T @ (centred if block is None else centred @ block)
    return product / len(images)


def _flat(batch: Tensor) -> Tensor:
    return batch.cpu().flatten(1).double() / 255
