"""Principal components of the vectors at hand, found fast."""

import numpy as np

from service.arrays import Features


def principal_scores(centred: Features, count: int, *, spare: int = 32, turns: int = 8) -> Features:
    """Centred vectors seen along their leading principal components: `(samples, values) -> (samples, components)`.

    Of `count` components there are as many as samples and values allow. Block subspace iteration finds them (Halko,
    Martinsson & Tropp 2011, doi:10.1137/090771806), always from the same beginning; the more spare directions and
    turns, the closer. A component's largest weight is positive.
    """
    samples, values = centred.shape
    width = min(count + spare, samples, values)
    covariance = centred.T @ centred if values <= min(samples, 2 * width * turns) else None
    block = np.random.default_rng(0).standard_normal((values, width), np.float32)
    for _ in range(turns):
        product = centred.T @ (centred @ block) if covariance is None else covariance @ block
        block = np.linalg.qr(product)[0]
    scores = (centred @ block).astype(np.float64)
    _, rotation = np.linalg.eigh(scores.T @ scores)
    leading = rotation[:, ::-1][:, :count]
    weights = block @ leading
    signs = np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(weights.shape[1])])
    return np.asarray(scores @ (leading * signs), np.float32)
