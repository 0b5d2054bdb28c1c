"""openTSNE, which chooses between Barnes-Hut and FIt-SNE by the number of points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openTSNE import TSNE

_SETTINGS: dict[str, dict[str, Any]] = {"defaults (750 steps)": {}, "750 steps, all threads": {"n_jobs": -1}}


def embed(spaces: Sequence[NDArray[np.float32]], setting: str, seed: int) -> list[NDArray[np.float32]]:
    """A map (n_samples, 2) of each."""
    tsne = TSNE(random_state=seed, **_SETTINGS[setting])
    return [np.asarray(tsne.fit(features), np.float32) for features in spaces]
