"""What is laid out: MNIST as pixels, and as the latents of a model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.__main__ import find_model
from service.arrays import flat, to_unit
from service.autoencoder import Autoencoder
from training.vision import torchvision_datasets

SPACES = ("image", "latent", "both")
_BATCH = 4096


@dataclass(frozen=True)
class Vectors:
    """The 10,000 test images, then the 60,000 training images, as vectors of each space, and their digits."""

    spaces: dict[str, NDArray[np.float32]]
    """By space, (70000, features)."""
    labels: NDArray[np.int64]

    @classmethod
    def load(cls, data_root: Path, models_dir: Path) -> "Vectors":
        """Read MNIST, and encode it with the default model of a folder of bundles."""
        sets = [torchvision_datasets().MNIST(data_root, train=train) for train in (False, True)]
        pixels = to_unit(np.concatenate([found.data.numpy()[..., None] for found in sets]))
        encode = Autoencoder.load(find_model(models_dir)).encode
        latents = np.concatenate([encode(pixels[first : first + _BATCH]) for first in range(0, len(pixels), _BATCH)])
        labels = np.concatenate([found.targets.numpy() for found in sets])
        return cls({"image": flat(pixels), "latent": latents}, labels)

    def take(self, space: str, count: int, draw: int) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
        """So many vectors of a space, or of each, with their digits: the first, or another draw at random."""
        names = list(self.spaces) if space == "both" else [space]
        order = np.random.default_rng(draw).permutation(len(self.labels)) if draw else np.arange(len(self.labels))
        rows = np.sort(order[:count])
        return [np.ascontiguousarray(self.spaces[name][rows]) for name in names], self.labels[rows]
