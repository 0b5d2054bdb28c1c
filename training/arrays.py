"""Data sets that come as arrays: scikit-learn's digits, and .npz archives."""

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from service.arrays import BytePixels, to_bytes
from training.collection import Collection
from training.config import DataConfig
from training.errors import DatasetMissing, InvalidDataset

# TypeError: an .npy array is no context manager; the others are what numpy lets through from a damaged archive.
_READING_ERRORS = (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def read_digits(_: DataConfig) -> Collection:
    """scikit-learn's 1,797 digits, 8x8, 17 grey levels (Alpaydin & Kaynak 1998)."""
    bunch = load_digits()
    pixels = np.rint(bunch.images[..., None] * (255 / 16)).astype(np.uint8)
    return Collection.from_arrays(pixels, bunch.target, tuple(map(str, range(10))))


def read_npz(config: DataConfig) -> Collection:
    """`images` (n, height, width[, channels]), bytes or numbers in [0, 1]; `labels` (n,), numbers or strings.

    Raises:
        DatasetMissing: There is no such file.
        InvalidDataset: Arrays of other shapes, types or ranges, or NaN values.
    """
    try:
        with config.data_root.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name in {"images", "labels"}}
    except FileNotFoundError as error:
        raise DatasetMissing(f"there is no file {config.data_root}: give the .npz file with --data-root") from error
    except _READING_ERRORS as error:
        raise InvalidDataset(f"{config.data_root} is no .npz archive of plain arrays") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise InvalidDataset(f"{config.data_root} is no .npz archive of plain arrays")
    if "images" not in arrays:
        raise InvalidDataset(f"{config.data_root} holds no array named images")
    pixels = _as_bytes(arrays["images"])
    if "labels" not in arrays:
        return Collection.from_arrays(pixels, None)
    if arrays["labels"].shape != (len(pixels),):
        raise InvalidDataset(f"labels have shape {arrays['labels'].shape}, which does not fit {len(pixels)} images")
    names, labels = np.unique(arrays["labels"], return_inverse=True)
    names = np.char.decode(names, errors="replace") if names.dtype.kind == "S" else names
    return Collection.from_arrays(pixels, labels, tuple(map(str, names)))


def _as_bytes(images: NDArray[Any]) -> BytePixels:
    """Check an array of images and bring it to (n, height, width, channels) bytes."""
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in {1, 3} or 0 in images.shape:
        raise InvalidDataset(f"images must be (n, height, width) or (n, height, width, 1 or 3), got {images.shape}")
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images, np.uint8)
    if images.dtype.kind != "f":
        raise InvalidDataset(f"images must be uint8 in 0 to 255 or floats in [0, 1], got {images.dtype}")
    if not np.isfinite(images).all():
        raise InvalidDataset("images hold NaN or infinite values")
    if images.min() < 0 or images.max() > 1:
        raise InvalidDataset(f"float images must lie in [0, 1], got {images.min():g} to {images.max():g}")
    return to_bytes(images)
