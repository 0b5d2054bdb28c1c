"""What a bundle measured of itself: the types of `report/metrics.json`, written by training and read by everybody.

An error is given twice: `squared_error` is the sum of the squared differences over the values of an image, averaged
over images (the figure that papers give); `mse` is the same per value. Shares, rates and accuracies lie in [0, 1].
"""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReconstructionError(Record):
    """How far reconstructions are from their images, averaged over a split."""

    squared_error: float
    mse: float


class SplitReconstruction(Record):
    """One split seen by the model and by PCA with as many components as the latent has numbers."""

    images: int
    model: ReconstructionError
    pca: ReconstructionError
    """PCA with its output clamped to [0, 1], the fairer opponent."""
    pca_unclamped: ReconstructionError


class SpaceSeparability(Record):
    """How well one space keeps classes apart; the first three are None without labels."""

    knn_accuracy: float | None
    linear_probe_accuracy: float | None
    silhouette: float | None
    trustworthiness: float
    """Are the neighbours in this space neighbours in pixels?"""


class Separability(Record):
    """The three spaces side by side: neighbours are known training images, queries are test images."""

    known: int
    probe_known: int
    """Training images that the linear probe was fitted on."""
    queries: int
    sample: int
    """Test images that silhouette and trustworthiness are measured on."""
    pixels: SpaceSeparability
    pca: SpaceSeparability
    latents: SpaceSeparability


class PathQuality(Record):
    """What the images on a path are like, averaged over the inner frames of every pair."""

    ghosting: float
    """See `service.latent.ghosting`."""
    nearest_distance: float
    """Euclidean distance to the nearest training image."""
    residual: float
    """Squared error under an autoencoder that was trained apart from the model: high where no image looks like this."""


class Interpolation(Record):
    """Paths between pairs of test images, of different classes where there are labels."""

    pairs: int
    frames: int
    """Inner frames of each path."""
    pixel_path: PathQuality
    latent_path: PathQuality
    test_images: PathQuality
    """The ends of the paths: what real images score."""
    latent_wins: PathQuality
    """Share of pairs in which the latent path has the lower figure."""


class Anomaly(Record):
    """The reconstruction error as an anomaly score; thresholds come from validation images, rates from test images."""

    calibration_images: int
    test_images: int
    false_flag_rate: dict[str, float]
    """Percentile that flags -> share of clean test images flagged; honest when it is 1 - percentile."""
    auroc: dict[str, float]
    """Corruption -> area under the ROC curve of the error, corrupted against clean test images."""


class LinearProof(Record):
    """How close an autoencoder without activation functions is to PCA."""

    initialisation: str
    error_gap: float
    """(its error - PCA's error) / PCA's error, on training images, both unclamped."""
    largest_angle_degrees: float
    """Largest principal angle between the subspace that its decoder spans and PCA's."""


class MapQuality(Record):
    """The numbers under one t-SNE map; the last two are None without labels."""

    kl_divergence: float
    perplexity: float
    trustworthiness: float
    knn_accuracy: float | None
    """Leaving each point out in turn."""
    silhouette: float | None


class Metrics(Record):
    """All of `report/metrics.json`."""

    reconstruction: dict[str, SplitReconstruction]
    """By split: train, validation, test."""
    separability: Separability
    interpolation: Interpolation
    anomaly: Anomaly
    linear: LinearProof | None
    """Only for `--activation none`."""
    image_map: MapQuality
    latent_map: MapQuality
