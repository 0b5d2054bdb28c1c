"""This project's engine with its defaults."""

import numpy as np
from numpy.typing import NDArray

from service.tsne import embed as embed_ours


def embed(features: NDArray[np.float32], setting: str) -> NDArray[np.float32]:  # noqa: ARG001  (there is one)
    """A map (n_samples, 2)."""
    return embed_ours(features).coordinates
