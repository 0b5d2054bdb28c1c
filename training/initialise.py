"""Where a model begins: its fixed and linear parts from PCA, so that it starts as PCA and learns what PCA cannot."""

import torch
from torch import nn

from training.model import Autoencoder, Perceptron
from training.pca import Pca

RIDGE = 1e-3
"""Added to every variance before whitening, as a share of their mean: what hardly varies is not blown up."""

TINY = 1e-9
"""Added too, so that images that do not vary at all divide by something."""


@torch.no_grad()
def begin_from_pca(model: Autoencoder, pca: Pca) -> None:
    """Set the whitening, and the linear path so that it alone is PCA; the rest keeps its random beginning.

    One scale for all latents brings their root mean square to 1 and keeps PCA's proportions.
    """
    components, variances = pca.components[: model.latent_dim], pca.variances + RIDGE * pca.variances.mean() + TINY
    scale = variances[: model.latent_dim].mean().sqrt()
    projection = components / scale
    if isinstance(model.whiten, nn.Linear):
        deviations = variances[: model.whiten.out_features].sqrt()
        model.mean.copy_(pca.mean)
        model.whiten.weight.copy_(pca.components[: model.whiten.out_features] / deviations[:, None])
        projection = torch.eye(model.latent_dim, len(deviations)) * deviations / scale
    if model.encoder.beside is not None and model.decoder.beside is not None:
        model.encoder.beside.weight.copy_(projection)
        model.decoder.beside.weight.copy_(components.T * scale)
        model.decoder.last.bias.copy_(pca.mean)
        if not isinstance(model.whiten, nn.Linear):
            model.mean.copy_(pca.mean)


@torch.no_grad()
def become_pca(model: Autoencoder, pca: Pca) -> None:
    """Make a model without activation functions PCA itself.

    The first layer of the encoder takes the scores and the last of the decoder rebuilds from them (Baldi & Hornik 1989,
    doi:10.1016/0893-6080(89)90014-2); the layers between hand the scores on unchanged in their first units.
    """
    count = model.latent_dim
    components = pca.components[:count]
    first, *between, last = [*_layers(model.encoder), *_layers(model.decoder)]
    model.mean.copy_(pca.mean)
    for layer, weight in [(first, components), *((layer, torch.eye(count)) for layer in between), (last, components.T)]:
        layer.weight.zero_()
        layer.weight[: weight.shape[0], : weight.shape[1]] = weight
        nn.init.zeros_(layer.bias)
    last.bias.copy_(pca.mean)


def _layers(perceptron: Perceptron) -> list[nn.Linear]:
    return [layer for layer in (*perceptron.hidden, perceptron.last) if isinstance(layer, nn.Linear)]
