"""What a sweep found, bottleneck by bottleneck."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SweepPoint:
    """One bottleneck: squared errors summed over an image, averaged over the validation and the test images."""

    bottleneck: int
    validation_error: float
    test_error: float
    pca_validation_error: float
    """PCA with as many components, clamped to [0, 1]."""
    pca_test_error: float
    seconds: float
    """Spent in training epochs."""
