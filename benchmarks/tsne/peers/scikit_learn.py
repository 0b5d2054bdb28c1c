"""scikit-learn's Barnes-Hut t-SNE."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

_SETTINGS: dict[str, dict[str, Any]] = {
    "defaults (1,000 steps)": {},
    "750 steps, all threads": {"max_iter": 750, "n_jobs": -1},
}


def embed(features: NDArray[np.float32], setting: str) -> NDArray[np.float32]:
    """A map (n_samples, 2)."""
    return np.asarray(TSNE(random_state=0, **_SETTINGS[setting]).fit_transform(features), np.float32)
