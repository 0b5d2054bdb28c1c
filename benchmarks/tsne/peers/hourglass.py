"""This project's engine with its defaults."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.tsne import embed_all


def embed(spaces: Sequence[NDArray[np.float32]], setting: str, seed: int) -> list[NDArray[np.float32]]:  # noqa: ARG001
    """A map (n_samples, 2) of each; there is one setting."""
    return [found.coordinates for found in embed_all(dict(enumerate(spaces)), seed=seed).values()]
