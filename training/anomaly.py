"""The reconstruction error as an anomaly score: what it flags by mistake, and what it tells apart."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from service.arrays import Pixels
from service.metrics import Anomaly

PERCENTILES = (0.95, 0.99)
NOISE_DEVIATION = 0.2


def rotated(images: Pixels) -> Pixels:
    """Turned by 90 degrees about the centre, sizes kept."""
    return _unit(ndimage.rotate(images, 90, axes=(1, 2), reshape=False, order=1, mode="nearest"))


def blurred(images: Pixels) -> Pixels:
    """Gaussian blur with a deviation of 1/20 of the larger side, at least 0.75 pixels."""
    deviation = max(0.75, max(images.shape[1:3]) / 20)
    return _unit(ndimage.gaussian_filter(images, (0, deviation, deviation, 0)))


def noisy(images: Pixels) -> Pixels:
    """Gaussian noise with a deviation of 0.2 of the range, seeded."""
    noise = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return _unit(images + NOISE_DEVIATION * noise)


def shifted(images: Pixels) -> Pixels:
    """Moved down and right by 1/8 of the sides; the border repeats into the gap."""
    down, right = (max(1, round(side / 8)) for side in images.shape[1:3])
    return _unit(ndimage.shift(images, (0, down, right, 0), order=0, mode="nearest"))


def inverted(images: Pixels) -> Pixels:
    """Dark for light."""
    return _unit(1 - images)


CORRUPTIONS: tuple[Callable[[Pixels], Pixels], ...] = (rotated, blurred, noisy, shifted, inverted)


def measure_anomaly(
    errors: Callable[[Pixels], NDArray[np.float64]], calibration_errors: NDArray[np.float64], test_images: Pixels
) -> Anomaly:
    """Judge the error as a score: false flags on clean test images, and AUROC against corrupted ones.

    Args:
        errors: Gives the error of each image, (batch, height, width, channels) -> (batch,).
        calibration_errors: Of images that were held out of training; the thresholds are their quantiles.
        test_images: Clean images that neither taught the model nor set the thresholds.
    """
    clean = errors(test_images)
    thresholds = {percentile: np.quantile(calibration_errors, percentile) for percentile in PERCENTILES}
    return Anomaly(
        calibration_images=len(calibration_errors),
        test_images=len(test_images),
        false_flag_rate={str(share): float(np.mean(clean > limit)) for share, limit in thresholds.items()},
        auroc={corrupt.__name__: _auroc(clean, errors(corrupt(test_images))) for corrupt in CORRUPTIONS},
    )


def _auroc(clean: NDArray[np.float64], corrupted: NDArray[np.float64]) -> float:
    truth = np.repeat([0, 1], [len(clean), len(corrupted)])
    return float(roc_auc_score(truth, np.concatenate([clean, corrupted])))


def _unit(images: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(images, 0, 1), np.float32)
