"""Writing a bundle: beside its place, whole, then renamed into it."""

import dataclasses
import os
import platform
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from service import __version__
from service.arrays import to_unit
from service.autoencoder import Autoencoder as TrainedAutoencoder
from service.bundle import Bundle, Golden, Reference, list_files, list_versions, sha256
from service.manifest import FORMAT_VERSION, DatasetRecord, Headline, ImageFormat, Manifest, Versions
from service.metrics import Metrics
from training.card import write_card
from training.config import Config
from training.datasets import Dataset
from training.evaluation import Evaluation
from training.fit import Epoch
from training.history import history_lines
from training.model import Autoencoder
from training.report import write_report

GOLDEN_IMAGES = 8


@dataclass(frozen=True)
class Stage:
    """A bundle in the making: a hidden folder that is no version until it is published."""

    path: Path
    version: int

    @classmethod
    def create(cls, models_dir: Path, name: str) -> "Stage":
        """Make room for the next version of a model; what a killed run left there is removed.

        The caller holds the model's lock, so no other run writes to the same place.
        """
        version = max(list_versions(models_dir, name), default=0) + 1
        path = models_dir / name / f".{version}.partial"
        shutil.rmtree(path, ignore_errors=True)
        (path / "report").mkdir(parents=True)
        return cls(path, version)

    def publish(self) -> Path:
        """Flush every file to disk, then rename the folder to its version: it appears whole or not at all."""
        for entry in [*self.path.rglob("*"), self.path]:
            _flush(entry)
        final = self.path.with_name(str(self.version))
        self.path.rename(final)
        _flush(final.parent)
        return final


def write_model(model: Autoencoder, path: Path) -> None:
    """Script a model and save it, in evaluation mode and on the CPU."""
    with warnings.catch_warnings():
        # TorchScript is deprecated and still the bundle's format: docs/training.md says why.
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        torch.jit.script(model.cpu().eval()).save(path)


def write_records(stage: Stage, evaluation: Evaluation, golden: Golden, history: Sequence[Epoch]) -> None:
    """Write what was measured: the reference sample, golden answers, metrics and history."""
    _save_arrays(stage.path / "reference.npz", dataclasses.asdict(evaluation.reference))
    _save_arrays(stage.path / "golden.npz", dataclasses.asdict(golden))
    metrics = evaluation.metrics.model_dump_json(indent=2)
    (stage.path / "report" / "metrics.json").write_text(metrics + "\n", encoding="utf-8")
    (stage.path / "report" / "history.jsonl").write_text(history_lines(history), encoding="utf-8")


def describe(stage: Stage, data: Dataset, config: Config, metrics: Metrics) -> Manifest:
    """The manifest of the files that the stage holds now."""
    height, width, channels = data.shape
    test, separability = metrics.reconstruction["test"], metrics.separability
    return Manifest.model_validate(
        {
            "format_version": FORMAT_VERSION,
            "name": config.model_name,
            "version": stage.version,
            "created": datetime.now(UTC),
            "image": ImageFormat.model_validate({"height": height, "width": width, "channels": channels}),
            "latent_dim": config.bottleneck,
            "config": config.to_dict(),
            "seed": config.seed,
            "versions": Versions(hourglass=__version__, python=platform.python_version(), torch=torch.__version__),
            "dataset": DatasetRecord(
                name=data.name,
                train_images=len(data.train),
                validation_images=len(data.validation),
                test_images=len(data.test),
                classes=data.classes,
                fingerprint=data.fingerprint,
                skipped_files=data.skipped,
            ),
            "metrics": Headline(
                test_squared_error=test.model.squared_error,
                test_mse=test.model.mse,
                pca_test_squared_error=test.pca.squared_error,
                knn_accuracy=separability.latents.knn_accuracy,
                pixels_knn_accuracy=separability.pixels.knn_accuracy,
            ),
            "files": _checksums(stage.path),
        }
    )


def finish(stage: Stage, manifest: Manifest) -> Path:
    """Write the report and the model card from what the stage holds, then the manifest, and publish."""
    draft = Bundle(stage.path, manifest)
    write_report(draft, stage.path / "report")
    write_card(draft, stage.path / "README.md")
    final = manifest.model_copy(update={"files": _checksums(stage.path)})
    (stage.path / "manifest.json").write_text(final.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return stage.publish()


def golden_answers(model: TrainedAutoencoder, reference: Reference) -> Golden:
    """The answers that a loader must find again, for the first images of the reference sample."""
    images = reference.images[:GOLDEN_IMAGES]
    pixels = to_unit(images)
    return Golden(images, model.encode(pixels), model.reconstruct(pixels))


def _checksums(path: Path) -> dict[str, str]:
    return {name: sha256(path / name) for name in list_files(path)}


def _save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
