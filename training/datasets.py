"""From a configuration to a data set: three splits of images of one shape, with or without labels."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from service.arrays import Labels
from training.arrays import read_digits, read_npz
from training.collection import Collection
from training.config import DataConfig
from training.errors import InvalidDataset
from training.folder import read_folder
from training.images import Images, InMemoryImages, StreamedImages, fits_in_memory
from training.vision import read_torchvision

MIN_IMAGES = 20
MAX_VALIDATION_IMAGES = 5000
SPLIT_SEED = 0
"""Of the splits; apart from the training seed, so that runs with different seeds are comparable."""


@dataclass(frozen=True)
class Dataset:
    """Images to learn from, to choose by, and to be judged by once, at the end."""

    name: str
    train: Images
    validation: Images
    test: Images
    shape: tuple[int, int, int]
    """Height, width, channels."""
    classes: tuple[str, ...]
    """Class names by label; empty without labels."""
    fingerprint: str
    """SHA-256 over shape, pixels and labels of all images, in order: the same data give the same one."""
    skipped: tuple[str, ...] = ()
    """Files that could not be decoded, with the reason of each."""

    @property
    def values(self) -> int:
        """Numbers in an image: height times width times channels."""
        return math.prod(self.shape)


def load(config: DataConfig) -> Dataset:
    """Load the data set that is configured and split it.

    Raises:
        DatasetMissing: Its files are not where they were looked for.
        InvalidDataset: Too few images, too many that cannot be decoded, NaN values, or arrays of a wrong shape.
    """
    readers: dict[str, Callable[[DataConfig], Collection]] = {
        "digits": read_digits,
        "folder": read_folder,
        "npz": read_npz,
    }
    found = readers.get(config.dataset, read_torchvision)(config)
    total = len(found.source)
    if total < MIN_IMAGES:
        raise InvalidDataset(f"{total} images are too few to train, choose and test with: at least {MIN_IMAGES}")
    fingerprint = _fingerprint(found)
    learnable = _hold(found, config)
    if found.test is None:
        learnable, test = _split(learnable, max(round(total * config.test_fraction), 4))
    else:
        test = _hold(found.test, config)
    wanted = min(round(len(learnable) * config.validation_fraction), MAX_VALIDATION_IMAGES)
    train, validation = _split(learnable, max(wanted, 2))
    return Dataset(config.dataset, train, validation, test, found.shape, found.classes, fingerprint, found.skipped)


def stratified(labels: Labels | None, total: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` of `total` positions, ascending, with every class in proportion.

    Classes get their share, rounded by largest remainders, and draw within themselves at random.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(total)
    classes = np.zeros(total, np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
    exact = np.bincount(classes) * count / total
    quotas = exact.astype(np.int64)
    largest = np.lexsort((random.permutation(len(quotas)), quotas - exact))  # by remainder, ties by lot
    quotas[largest[: count - quotas.sum()]] += 1
    drawn = [shuffled[classes[shuffled] == group][:quota] for group, quota in enumerate(quotas)]
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def _hold(found: Collection, config: DataConfig) -> Images:
    """Hold images in memory or stream them, as configured; nothing else depends on which."""
    size = len(found.source) * int(np.prod(found.shape))
    if isinstance(found.source, np.ndarray) and fits_in_memory(config.in_memory, size):
        return InMemoryImages(torch.from_numpy(found.source), found.labels)
    return StreamedImages(found.source, found.labels, config.workers)


def _split(images: Images, count: int) -> tuple[Images, Images]:
    """All but a stratified `count` of the images, and those."""
    drawn = stratified(images.labels, len(images), count, SPLIT_SEED)
    kept = np.setdiff1d(np.arange(len(images)), drawn)
    return images.subset(torch.from_numpy(kept)), images.subset(torch.from_numpy(drawn))


def _fingerprint(found: Collection) -> str:
    digest = hashlib.sha256(repr(found.shape).encode())
    for part in (found, found.test):
        if part is not None:
            digest.update(b"".join(part.digests))
            digest.update(b"" if part.labels is None else part.labels.astype("<i8").tobytes())
    return digest.hexdigest()
