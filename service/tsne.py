"""t-SNE behind one small interface, so that the engine can change without its users.

The engine is scikit-learn's Barnes-Hut t-SNE with PCA initialisation and the learning rate n / 12 (van der Maaten 2014;
Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x).
"""

from dataclasses import dataclass

import numpy as np
from sklearn.manifold import TSNE

from service.arrays import Features
from service.maps import DEFAULT_PERPLEXITY, MIN_POINTS, Coordinates, largest_perplexity

_EXAGGERATED = 250
"""Gradient steps in which the engine pulls neighbours together more than they are."""
_ORDINARY_SPREAD = (1e-6, 1e6)


@dataclass(frozen=True)
class Embedding:
    """A map: its coordinates, the KL divergence reached, and what it was computed with."""

    coordinates: Coordinates
    kl_divergence: float
    perplexity: float
    iterations: int
    seed: int


def embed(
    features: Features,
    *,
    dimensions: int = 2,
    perplexity: float = DEFAULT_PERPLEXITY,
    iterations: int = 750,
    seed: int = 0,
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
    if len(features) < MIN_POINTS:
        raise ValueError(f"t-SNE needs at least {MIN_POINTS} samples, got {len(features)}")
    spread = rescaled(features)
    fitting = min(perplexity, largest_perplexity(len(features)))
    has_components = features.shape[1] >= dimensions and np.ptp(spread, axis=0).any()
    init = "pca" if has_components else "random"
    steps = max(iterations, _EXAGGERATED + 1)  # the engine measures the divergence in a step without exaggeration
    model = TSNE(dimensions, perplexity=fitting, max_iter=steps, init=init, random_state=seed, n_jobs=1)
    coordinates = model.fit_transform(spread).astype(np.float32)
    divergence = max(0.0, float(model.kl_divergence_))  # the engine's tree miscounts points that coincide on the map
    return Embedding(coordinates, divergence, fitting, iterations, seed)


def rescaled(features: Features) -> Features:
    """The same vectors, same shape, brought to a spread whose squares float32 can hold; ordinary ones are left alone.

    Maps and neighbours depend on neither scale nor origin, but the engine crashes on squares that vanish or overflow.
    """
    wide = features.astype(np.float64)
    spread = float(np.ptp(wide, axis=0).max(initial=0))
    if spread == 0 or _ORDINARY_SPREAD[0] <= spread <= _ORDINARY_SPREAD[1]:
        return features
    return np.asarray((wide - wide.min(axis=0)) / spread, np.float32)
