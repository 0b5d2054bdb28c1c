"""t-SNE behind one small interface, so that the engine can change without its users.

The engine is scikit-learn's Barnes-Hut t-SNE with PCA initialisation and the learning rate n / 12 (van der Maaten 2014;
Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from service.arrays import Features

MIN_SAMPLES = 4


@dataclass(frozen=True)
class Embedding:
    """A map: coordinates of shape (n_samples, dimensions), the KL divergence reached, and what it was computed with."""

    coordinates: NDArray[np.float32]
    kl_divergence: float
    perplexity: float
    iterations: int
    seed: int


def embed(
    features: Features, *, dimensions: int = 2, perplexity: float = 30.0, iterations: int = 750, seed: int = 0
) -> Embedding:
    """Lay vectors out in 2 or 3 dimensions so that near neighbours stay near.

    Args:
        features: At least four vectors, shape (n_samples, n_features).
        dimensions: 2 or 3.
        perplexity: Roughly how many neighbours each point minds: small shows fine grain, large shows the whole. It is
            lowered to (n_samples - 1) / 3 where there are too few samples for it.
        iterations: Gradient steps, the 250 of early exaggeration included; at least 250.
        seed: The same seed, data and thread count give the same map.

    Raises:
        ValueError: Fewer than four samples.
    """
    if len(features) < MIN_SAMPLES:
        raise ValueError(f"t-SNE needs at least {MIN_SAMPLES} samples, got {len(features)}")
    fitting = min(perplexity, (len(features) - 1) / 3)
    has_components = features.shape[1] >= dimensions and np.ptp(features, axis=0).any()
    init = "pca" if has_components else "random"
    model = TSNE(dimensions, perplexity=fitting, max_iter=iterations, init=init, random_state=seed, n_jobs=1)
    coordinates = model.fit_transform(features).astype(np.float32)
    return Embedding(coordinates, float(model.kl_divergence_), fitting, iterations, seed)
