"""openTSNE, which chooses between Barnes-Hut and FIt-SNE by the number of points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from openTSNE import TSNE

_SETTINGS: dict[str, dict[str, Any]] = {"defaults (750 steps)": {}, "750 steps, all threads": {"n_jobs": -1}}


def embed(features: NDArray[np.float32], setting: str) -> NDArray[np.float32]:
    """A map (n_samples, 2)."""
    return np.asarray(TSNE(random_state=0, **_SETTINGS[setting]).fit(features), np.float32)
