"""The bundle, the contract between training and service: its files, and how to check and read them.

`models/README.md` describes the format field by field.
"""

import dataclasses
import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from service.arrays import BytePixels, Labels, Latents, Pixels, to_unit
from service.autoencoder import Autoencoder
from service.errors import InvalidBundle
from service.manifest import Manifest
from service.metrics import Metrics

GOLDEN_TOLERANCE = 1e-4
"""How far an answer may be from the golden one, absolutely and relatively: processors round differently."""
QUANTILE_PROBABILITIES = np.linspace(0, 1, 1001)


@dataclass(frozen=True)
class Reference:
    """`reference.npz`: a stratified sample of test images and what is known of them."""

    images: BytePixels
    labels: Labels | None
    test_indices: NDArray[np.int64]
    """Each image's place among the test images, shape (n,)."""
    latents: Latents
    image_map: NDArray[np.float32]
    """t-SNE coordinates of the images' pixels, shape (n, 2)."""
    latent_map: NDArray[np.float32]
    """t-SNE coordinates of the latents, shape (n, 2)."""
    error_quantiles: NDArray[np.float64]
    """Quantiles of the per-image mean squared error of the validation images at `QUANTILE_PROBABILITIES`, (1001,)."""


@dataclass(frozen=True)
class Golden:
    """`golden.npz`: a few inputs with the answers expected of them."""

    images: BytePixels
    latents: Latents
    reconstructions: Pixels


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: its manifest is read and valid, its other files are read when asked for."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Read and check the manifest at `path`, no other file.

        Raises:
            InvalidBundle: There is no manifest, or not one of this format.
        """
        try:
            return cls(path, Manifest.model_validate_json((path / "manifest.json").read_bytes()))
        except OSError as error:
            raise InvalidBundle(f"{path} is no bundle: it has no readable manifest.json") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise InvalidBundle(f"{path}/manifest.json: {where}: {first['msg']}") from error

    def verify(self) -> None:
        """Check every checksum, the shapes of the arrays, and that the model gives its golden answers.

        Raises:
            InvalidBundle: The first thing found wrong, in one line.
        """
        self._verify_files()
        self._verify_reference()
        self._verify_records()
        self._verify_golden()

    @cached_property
    def autoencoder(self) -> Autoencoder:
        """The model, on the CPU."""
        return Autoencoder.load(self.path / "model.pt")

    @cached_property
    def reference(self) -> Reference:
        """The reference sample."""
        arrays = self._arrays("reference.npz", {"labels"}, Reference)
        return Reference(**{"labels": None} | arrays)

    @cached_property
    def golden(self) -> Golden:
        """The golden answers."""
        return Golden(**self._arrays("golden.npz", set(), Golden))

    @cached_property
    def metrics(self) -> Metrics:
        """All figures of the report."""
        return Metrics.model_validate_json((self.path / "report" / "metrics.json").read_bytes())

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """One record an epoch, from the first: epoch, train_loss, validation_error, ..."""
        return [json.loads(line) for line in (self.path / "report" / "history.jsonl").read_text().splitlines()]

    def _arrays(self, name: str, optional: set[str], record: type[Reference | Golden]) -> dict[str, Any]:
        try:
            with np.load(self.path / name, allow_pickle=False) as archive:
                arrays = dict(archive)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidBundle(f"{name} cannot be read") from error
        expected = {field.name for field in dataclasses.fields(record)}
        if not expected - optional <= set(arrays) <= expected:
            raise InvalidBundle(f"{name} holds {sorted(arrays)} and not {sorted(expected)}")
        return arrays

    def _verify_files(self) -> None:
        present = set(list_files(self.path))
        if missing := sorted(set(self.manifest.files) - present):
            raise InvalidBundle(f"{missing[0]} is missing")
        if unlisted := sorted(present - set(self.manifest.files)):
            raise InvalidBundle(f"{unlisted[0]} is not in the manifest")
        for name, expected in self.manifest.files.items():
            if sha256(self.path / name) != expected:
                raise InvalidBundle(f"{name} is not the file that was written: its SHA-256 differs")

    def _verify_reference(self) -> None:
        image, reference = self.manifest.image, self.reference
        count = len(reference.images)
        expected = {
            "images": (count, image.height, image.width, image.channels),
            "test_indices": (count,),
            "latents": (count, self.manifest.latent_dim),
            "image_map": (count, 2),
            "latent_map": (count, 2),
            "error_quantiles": QUANTILE_PROBABILITIES.shape,
        } | ({"labels": (count,)} if reference.labels is not None else {})
        for name, shape in expected.items():
            if (found := getattr(reference, name).shape) != shape:
                raise InvalidBundle(f"reference.npz: {name} has shape {found} and not {shape}")

    def _verify_records(self) -> None:
        try:
            _ = (self.metrics, self.history)
        except ValueError as error:  # pydantic's and json's errors are ValueErrors
            raise InvalidBundle("report/metrics.json or report/history.jsonl is not of this format") from error

    def _verify_golden(self) -> None:
        model, image, golden = self.autoencoder, self.manifest.image, self.golden
        sizes = (model.height, model.width, model.channels, model.latent_dim)
        if sizes != (image.height, image.width, image.channels, self.manifest.latent_dim):
            raise InvalidBundle("model.pt states other sizes than the manifest")
        pixels = to_unit(golden.images)
        answers = {"latents": model.encode(pixels), "reconstructions": model.reconstruct(pixels)}
        for name, answer in answers.items():
            expected = getattr(golden, name)
            if answer.shape != expected.shape or not np.allclose(
                answer, expected, rtol=GOLDEN_TOLERANCE, atol=GOLDEN_TOLERANCE
            ):
                raise InvalidBundle(f"model.pt does not give its golden {name}")


def list_versions(models_dir: Path, name: str) -> list[int]:
    """The version numbers of a model's bundles, ascending; what is not named by a whole number is no bundle."""
    folder = models_dir / name
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if re.fullmatch(r"[1-9]\d*", entry.name))


def list_files(path: Path) -> list[str]:
    """The files that a manifest lists: all below `path` but the manifest, as POSIX paths relative to it."""
    names = (PurePosixPath(entry.relative_to(path)).as_posix() for entry in path.rglob("*") if entry.is_file())
    return sorted(name for name in names if name != "manifest.json")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
