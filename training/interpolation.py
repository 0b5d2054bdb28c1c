"""Is a walk through latent space smooth where a pixel blend is ghostly? Measured on what lies between real images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arrays import Features, Labels, Pixels, flat
from service.autoencoder import Autoencoder
from service.latent import ghosting, straight_path
from service.metrics import Interpolation, PathQuality
from service.separability import nearest_distance

PAIRS = 500
INNER_FRAMES = 7


@dataclass(frozen=True)
class Judge:
    """What knows how real images look, apart from the model that is judged."""

    known: Features
    """Training images, shape (n, pixels)."""
    reconstruct: Callable[[Pixels], Pixels]
    """An autoencoder trained apart, (batch, height, width, channels), same shape."""


def measure_interpolation(
    model: Autoencoder, images: Pixels, labels: Labels | None, judge: Judge, seed: int
) -> Interpolation:
    """Compare pixel and latent paths between `PAIRS` random pairs of test images."""
    pairs = draw_pairs(len(images), labels, PAIRS, seed)
    starts, ends = images[pairs[:, 0]], images[pairs[:, 1]]
    latents = straight_path(model.encode(starts), model.encode(ends), INNER_FRAMES + 2)[:, 1:-1]
    latent_frames = model.decode(latents.reshape(-1, model.latent_dim))
    pixel_frames = straight_path(starts, ends, INNER_FRAMES + 2)[:, 1:-1].reshape(latent_frames.shape)
    pixel, latent = _judge_frames(pixel_frames, judge), _judge_frames(latent_frames, judge)
    real = _judge_frames(images[np.unique(pairs)], judge)
    return Interpolation(
        pairs=len(pairs),
        frames=INNER_FRAMES,
        pixel_path=_mean(pixel),
        latent_path=_mean(latent),
        test_images=_mean(real),
        latent_wins=_mean({name: _by_pair(latent[name]) < _by_pair(pixel[name]) for name in pixel}),
    )


def draw_pairs(count: int, labels: Labels | None, pairs: int, seed: int) -> NDArray[np.int64]:
    """Random positions of two images -> (at most `pairs`, 2), no pair twice; of two classes where there are two."""
    random = np.random.default_rng(seed)
    firsts = random.integers(0, count, 4 * pairs)  # more than are wanted, as some are drawn twice
    groups = np.arange(count) if labels is None or len(np.unique(labels)) < 2 else labels
    seconds = np.array([random.choice(np.flatnonzero(groups != groups[first])) for first in firsts])
    distinct = np.unique(np.sort(np.stack([firsts, seconds], axis=1), axis=1), axis=0)
    return random.permuted(random.permutation(distinct)[:pairs], axis=1)


def _judge_frames(frames: Pixels, judge: Judge) -> dict[str, NDArray[np.float64]]:
    """Every figure of `PathQuality`, frame by frame."""
    residuals = (judge.reconstruct(frames) - frames).astype(np.float64)
    return {
        "ghosting": ghosting(np.clip(frames, 0, 1)),
        "nearest_distance": nearest_distance(flat(frames), judge.known).astype(np.float64),
        "residual": np.square(residuals).reshape(len(frames), -1).sum(axis=1),
    }


def _by_pair(values: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = values.reshape(-1, INNER_FRAMES).mean(axis=1)
    return means


def _mean(values: dict[str, NDArray[np.float64]] | dict[str, NDArray[np.bool_]]) -> PathQuality:
    return PathQuality(**{name: float(np.mean(value)) for name, value in values.items()})
