"""Where the points of a map begin: on their principal components, so that its large features mean something.

Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x.
"""

import numpy as np
from numpy.typing import NDArray

_SPARE_COMPONENTS = 6
_TURNS = 12
_SPREAD, _JITTER = 1e-4, 1e-6
"""Standard deviations: of the first component, and of noise that parts points that coincide."""


def begin(points: NDArray[np.float32], dimensions: int, seed: int) -> NDArray[np.float32]:
    """First places (dimensions, n) of centred points (n, features)."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((dimensions, len(points)))
    scores = principal_scores(points, dimensions)
    spread = scores[0].std() if len(scores) else 0.0
    places = _JITTER * noise if spread else _SPREAD * noise
    if spread:
        places[: len(scores)] += scores * (_SPREAD / spread)
    return np.asarray(places, np.float32)


def principal_scores(points: NDArray[np.float32], components: int) -> NDArray[np.float64]:
    """Coordinates of centred points on their first principal components, about, (at most `components`, n).

    By subspace iteration (Halko et al. 2011, doi:10.1137/090771806). A component's largest weight is positive.
    """
    width = min(components + _SPARE_COMPONENTS, points.shape[1])
    axes = np.random.default_rng(0).standard_normal((points.shape[1], width)).astype(np.float32)
    for _ in range(_TURNS):
        axes = np.linalg.qr(points.T @ (points @ axes))[0]
    scores = (points @ axes).astype(np.float64)
    _, rotation = np.linalg.eigh(scores.T @ scores)
    rotation = rotation[:, ::-1][:, :components]
    weights = axes @ rotation
    signs = np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(weights.shape[1])])
    return np.asarray((scores @ (rotation * signs)).T)
