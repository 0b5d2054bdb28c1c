"""Everything that a bundle claims of its model, measured from the model file itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.arrays import Features, Pixels
from service.autoencoder import Autoencoder
from service.bundle import QUANTILE_PROBABILITIES, Reference
from service.maps import Space
from service.measures import measure
from service.metrics import LinearProof, Metrics, ReconstructionError, SplitReconstruction
from service.tsne import Embedding, embed_all
from training.anomaly import measure_anomaly
from training.config import Config
from training.datasets import Dataset, stratified
from training.images import Images, collect
from training.interpolation import Judge, measure_interpolation
from training.judge import train_judge
from training.linear import compare_with_pca
from training.pca import Pca, fit_pca
from training.reconstruction import squared_errors, to_float
from training.separability import Spaces, measure_separability

REFERENCE_LIMIT = 2000
QUERY_LIMIT = 10_000
KNOWN_LIMIT = 60_000
_MAX_NUMBERS = 64_000_000
"""Pixels held as numbers at once (256 MB): large images are judged by fewer of them."""


@dataclass(frozen=True)
class Evaluation:
    """What is known of a model after it was judged."""

    metrics: Metrics
    reference: Reference


@dataclass(frozen=True)
class _Subject:
    """A model, its data, and PCA of the same size: what every measure looks at."""

    model: Autoencoder
    data: Dataset
    config: Config
    pca: Pca

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """The model on a torch batch, same shape."""
        return torch.from_numpy(self.model.reconstruct(pixels.numpy()))

    @cached_property
    def validation_errors(self) -> Tensor:
        """Squared error of each validation image."""
        return squared_errors(self.reconstruct, self.data.validation)

    @cached_property
    def reference_rows(self) -> NDArray[np.int64]:
        """Which test images the reference sample holds."""
        return self.sample(self.data.test, REFERENCE_LIMIT)

    def sample(self, images: Images, limit: int) -> NDArray[np.int64]:
        """Positions of a stratified sample that is small enough to hold as numbers."""
        count = min(len(images), limit, max(1, _MAX_NUMBERS // self.data.values))
        return stratified(images.labels, len(images), count, seed=0)

    def spaces(self, images: Images, rows: NDArray[np.int64]) -> Spaces:
        """The same images as pixels, as PCA scores and as latents."""
        chosen = images.subset(torch.from_numpy(rows))
        parts = []
        for batch in chosen.batches():
            pixels = to_float(batch)
            scores = self.pca.encode(pixels.flatten(1)).float()
            parts.append((pixels.flatten(1).numpy(), scores.numpy(), self.model.encode(pixels.numpy())))
        flat, scored, encoded = (np.concatenate(space) for space in zip(*parts, strict=True))
        labels = chosen.labels if len(self.data.classes) > 1 else None  # one class has nothing to keep apart from
        return Spaces(flat, scored, encoded, labels)


def evaluate(
    model: Autoencoder, data: Dataset, config: Config, announce: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Judge a model: the same model, data and configuration give the same figures.

    Args:
        model: As the service will load it.
        data: Test images are looked at here, and nowhere before.
        config: What the model was trained with.
        announce: Hears what is measured next.
    """
    subject = _Subject(model, data, config, fit_pca(data.train, model.latent_dim))
    announce("reconstruction")
    reconstruction = {
        split: _reconstruction(subject, images)
        for split, images in (("train", data.train), ("validation", data.validation), ("test", data.test))
    }
    announce("separability of classes")
    queries = subject.spaces(data.test, subject.sample(data.test, QUERY_LIMIT))
    known = subject.spaces(data.train, subject.sample(data.train, KNOWN_LIMIT))
    sample = subject.spaces(data.test, subject.reference_rows)
    separability = measure_separability(known, queries, sample)
    announce("interpolation")
    test_pixels = queries.pixels.reshape(-1, *data.shape)
    judge = Judge(known.pixels, train_judge(data, config))
    interpolation = measure_interpolation(model, test_pixels, queries.labels, judge, config.seed)
    announce("anomaly detection")
    anomaly = measure_anomaly(
        lambda pixels: _errors(model, pixels), subject.validation_errors.numpy() / data.values, test_pixels
    )
    announce("t-SNE maps")
    spaces: dict[Space, Features] = {"image": sample.pixels, "latent": sample.latents}
    embeddings = embed_all(spaces, seed=config.seed)
    maps, _ = measure(embeddings, spaces, None, sample.labels)
    metrics = Metrics(
        reconstruction=reconstruction,
        separability=separability,
        interpolation=interpolation,
        anomaly=anomaly,
        linear=_linear_proof(subject, reconstruction["train"]),
        image_map=maps["image"].quality,
        latent_map=maps["latent"].quality,
    )
    return Evaluation(metrics, _reference(subject, sample, embeddings["image"], embeddings["latent"]))


def _reconstruction(subject: _Subject, images: Images) -> SplitReconstruction:
    pca = subject.pca
    errors = {
        "model": squared_errors(subject.reconstruct, images),
        "pca": squared_errors(lambda pixels: pca.reconstruct(pixels).clamp(0, 1), images),
        "pca_unclamped": squared_errors(pca.reconstruct, images),
    }
    return SplitReconstruction(
        images=len(images),
        **{
            name: ReconstructionError(squared_error=float(error.mean()), mse=float(error.mean()) / subject.data.values)
            for name, error in errors.items()
        },
    )


def _errors(model: Autoencoder, pixels: Pixels) -> NDArray[np.float64]:
    """Mean squared error of each image, a batch at a time."""
    batches = np.array_split(pixels, max(1, len(pixels) // 1000))
    errors = [np.square(model.reconstruct(batch).astype(np.float64) - batch).mean(axis=(1, 2, 3)) for batch in batches]
    return np.concatenate(errors)


def _linear_proof(subject: _Subject, train: SplitReconstruction) -> LinearProof | None:
    if subject.config.activation != "none":
        return None
    errors = (train.model.squared_error, train.pca_unclamped.squared_error)
    return compare_with_pca(subject.model, subject.pca, errors, subject.config.linear_init)


def _reference(subject: _Subject, sample: Spaces, image_map: Embedding, latent_map: Embedding) -> Reference:
    test = subject.data.test
    return Reference(
        images=collect(test, subject.reference_rows),
        labels=None if test.labels is None else test.labels[subject.reference_rows],
        test_indices=subject.reference_rows,
        latents=sample.latents,
        image_map=image_map.coordinates,
        latent_map=latent_map.coordinates,
        error_quantiles=np.quantile(subject.validation_errors.numpy() / subject.data.values, QUANTILE_PROBABILITIES),
    )
