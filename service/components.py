"""Principal components of the vectors at hand, found fast."""

import numpy as np

from service.arrays import Features
from service.neighbours import rescaled

_OVERSAMPLING = 32
_PASSES = 8


def principal_scores(features: Features, count: int) -> Features:
    """Vectors seen along their leading principal components: `(n_samples, n_features) -> (n_samples, components)`.

    Of `count` components there are as many as samples and features allow. Block subspace iteration finds them (Halko,
    Martinsson & Tropp 2011, doi:10.1137/090771806), always from the same beginning.
    """
    spread = rescaled(features)
    centred = spread - spread.mean(axis=0, dtype=np.float64).astype(np.float32)
    samples, values = centred.shape
    covariance = centred.T @ centred if values <= samples else None
    block = np.random.default_rng(0).standard_normal((values, min(count + _OVERSAMPLING, samples, values)), np.float32)
    for _ in range(_PASSES):
        product = centred.T @ (centred @ block) if covariance is None else covariance @ block
        block = np.linalg.qr(product)[0]
    scores = centred @ block
    _, vectors = np.linalg.eigh(scores.T @ scores)
    leading: Features = scores @ vectors[:, ::-1][:, :count]
    return leading
