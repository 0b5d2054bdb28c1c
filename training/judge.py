"""An autoencoder trained apart from the model, so that somebody else says which images look real."""

import dataclasses
import math
from collections.abc import Callable

import torch

from service.arrays import Pixels
from training.build import build_model
from training.config import Config
from training.datasets import Dataset, stratified
from training.fit import fit, start

IMAGES = 20_000
IMAGES_SEEN = 50_000
MAX_EPOCHS = 200


def train_judge(data: Dataset, config: Config) -> Callable[[Pixels], Pixels]:
    """A smaller network with the model's bottleneck, another seed and other layers, fitted briefly to training images.

    Returns its reconstruction, `(batch, height, width, channels)`, same shape.
    """
    rows = stratified(data.train.labels, len(data.train), min(IMAGES, len(data.train)), seed=1)
    train = data.train.subset(torch.from_numpy(rows))
    apart = Config(
        bottleneck=config.bottleneck,
        hidden=(256, 128),
        refinements=0,
        augment="none",
        seed=(config.seed + 1) % 2**32,
        device=config.device,
    )
    model = build_model(dataclasses.replace(data, train=train), apart)
    state = start(model, apart)
    for _ in fit(state, train, data.validation, apart, min(MAX_EPOCHS, math.ceil(IMAGES_SEEN / len(train)))):
        pass
    judge = state.best_model().cpu()

    @torch.inference_mode()
    def reconstruct(pixels: Pixels) -> Pixels:
        answer: torch.Tensor = judge(torch.from_numpy(pixels))
        return answer.numpy()

    return reconstruct
