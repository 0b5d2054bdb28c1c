"""The proof that an autoencoder without activation functions is PCA, or the measure of how far it is from it."""

import numpy as np
from scipy.linalg import subspace_angles

from service.autoencoder import Autoencoder
from service.metrics import LinearProof
from training.pca import Pca

ROUNDING_ERROR = 1 / (12 * 255**2)
"""Mean squared error of a value that was rounded to a byte: PCA's error counts as no less."""


def compare_with_pca(model: Autoencoder, pca: Pca, errors: tuple[float, float], initialisation: str) -> LinearProof:
    """Compare errors and subspaces.

    Args:
        model: Linear: its decoder is found whole by decoding the unit vectors.
        pca: As many components as the model has latents.
        errors: The squared errors of model and PCA, summed over an image, means over training images, both unclamped.
        initialisation: How the model was begun.
    """
    origin, *directions = model.decode(np.eye(model.latent_dim + 1, model.latent_dim, -1, np.float32))
    spanned = np.stack([direction - origin for direction in directions]).reshape(model.latent_dim, -1)
    angles = subspace_angles(spanned.T.astype(np.float64), pca.components.numpy().T)
    return LinearProof(
        initialisation=initialisation,
        error_gap=(errors[0] - errors[1]) / max(errors[1], ROUNDING_ERROR * spanned.shape[1]),
        largest_angle_degrees=float(np.rad2deg(angles.max())),
    )
