"""A model before its first step: the right shape for a data set, begun as its configuration says."""

import torch

from training.config import Config
from training.datasets import Dataset
from training.device import choose_device
from training.errors import InvalidConfig
from training.initialise import become_pca, begin_from_pca
from training.model import Autoencoder
from training.pca import fit_pca


def build_model(data: Dataset, config: Config) -> Autoencoder:
    """Seed torch, build the network, and begin it from the training images' PCA where that is asked for.

    Raises:
        InvalidConfig: The bottleneck is no bottleneck for images of this size.
    """
    height, width, channels = data.shape
    pixels = height * width * channels
    device = choose_device(config)
    if config.bottleneck >= pixels:
        raise InvalidConfig(
            f"--bottleneck {config.bottleneck} is none for images of {height}x{width}x{channels} = {pixels} values"
        )
    torch.manual_seed(config.seed)
    model = Autoencoder(data.shape, config)
    if config.activation == "none" and config.linear_init == "pca":
        become_pca(model, fit_pca(data.train, config.bottleneck))
    elif config.whiten or config.linear_path:
        begin_from_pca(model, fit_pca(data.train, min(pixels, max(config.whiten, 2 * config.bottleneck))))
    return model.to(device)
