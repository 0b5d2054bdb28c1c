"""The manifest of a bundle: what a model says of itself, in `manifest.json`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from service.metrics import Record

FORMAT_VERSION = 1
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"

Positive = Annotated[int, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ImageFormat(Record):
    """The images that a model takes and gives."""

    height: Positive
    width: Positive
    channels: Literal[1, 3]
    range: tuple[float, float] = (0.0, 1.0)


class DatasetRecord(Record):
    """The images that a model was trained and tested on."""

    name: str
    train_images: int
    validation_images: int
    test_images: int
    classes: tuple[str, ...]
    """Class names by label; empty without labels."""
    fingerprint: Sha256
    """Over sizes, pixels and labels of all splits, in order."""
    skipped_files: tuple[str, ...]
    """Files that could not be decoded, with the reason of each."""


class Versions(Record):
    """The software that wrote a bundle."""

    hourglass: str
    python: str
    torch: str


class Headline(Record):
    """The figures that stand for a model in a list; `report/metrics.json` has all of them."""

    test_squared_error: float
    test_mse: float
    pca_test_squared_error: float
    knn_accuracy: float | None
    pixels_knn_accuracy: float | None


class Manifest(Record):
    """All of `manifest.json`."""

    format_version: Literal[1]
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: Positive
    created: datetime
    image: ImageFormat
    latent_dim: Positive
    config: dict[str, Any]
    """The resolved training configuration."""
    seed: int
    versions: Versions
    dataset: DatasetRecord
    metrics: Headline
    files: dict[str, Sha256]
    """SHA-256 of every other file of the bundle, by its path inside it."""
