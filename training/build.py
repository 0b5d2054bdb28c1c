"""A model before its first step: the right shape for a data set, begun as its configuration says."""

import torch

from training.config import Config
from training.datasets import Dataset
from training.device import choose_device
from training.errors import InvalidConfig
from training.initialise import become_pca, begin_from_pca
from training.model import Autoencoder, components_seen
from training.pca import fit_pca


def build_model(data: Dataset, config: Config) -> Autoencoder:
    """Seed torch, build the network, and begin it from the training images' PCA where that is asked for.

    Raises:
        InvalidConfig: The bottleneck is none for images of this size, or the device is not there.
    """
    check_bottleneck(config.bottleneck, data)
    device = choose_device(config)
    torch.manual_seed(config.seed)
    model = Autoencoder(data.shape, config)
    if config.begins_as_pca:
        become_pca(model, fit_pca(data.train, config.bottleneck))
    elif config.whiten or config.linear_path:
        begin_from_pca(model, fit_pca(data.train, max(components_seen(config, data.values), config.bottleneck)))
    return model.to(device)


def check_bottleneck(bottleneck: int, data: Dataset) -> None:
    """Refuse a bottleneck that is no narrower than the images.

    Raises:
        InvalidConfig: It has as many numbers as an image has values, or more.
    """
    if bottleneck >= data.values:
        shape = "x".join(map(str, data.shape))
        raise InvalidConfig(f"--bottleneck {bottleneck} is none for images of {shape} = {data.values} values")
