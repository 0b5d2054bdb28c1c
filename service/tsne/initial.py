"""Where the points of a map begin: on their principal components, so that its large features mean something.

Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x.
"""

import numpy as np
from numpy.typing import NDArray

from service.components import principal_scores

_SPREAD, _JITTER = 1e-4, 1e-6
"""Standard deviations: of the first component, and of noise that parts points that coincide."""


def begin(points: NDArray[np.float32], dimensions: int, seed: int) -> NDArray[np.float32]:
    """First places (dimensions, n) of centred points (n, features)."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((dimensions, len(points)))
    scores = principal_scores(points, dimensions, spare=6).T
    spread = scores[0].std() if len(scores) else 0.0
    places = _JITTER * noise if spread else _SPREAD * noise
    if spread:
        places[: len(scores)] += scores * (_SPREAD / spread)
    return np.asarray(places, np.float32)
