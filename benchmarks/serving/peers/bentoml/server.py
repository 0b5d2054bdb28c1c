"""An autoencoder as a BentoML service."""

import os
from typing import Any

import bentoml
import numpy as np
import torch
from PIL import Image
from PIL.Image import Image as Picture

NO_ACCESS_LOG = {"access": {"enabled": False}}


@bentoml.service(workers=1, logging=NO_ACCESS_LOG)
class Autoencoder:
    """Latents and reconstructions of images. Batches are made of requests to the routes that say so."""

    def __init__(self) -> None:
        torch.set_num_threads(int(os.environ.get("PEER_THREADS", "1")))
        self.module = torch.jit.load(os.environ["MODEL"], map_location="cpu").eval()

    @bentoml.api
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Numbers, one model call a request."""
        return self._encode(images)

    @bentoml.api(batchable=True)
    def encode_batched(self, images: np.ndarray) -> np.ndarray:
        """Numbers, one model call for all that waits."""
        return self._encode(images)

    @bentoml.api
    def encode_png(self, image: Picture, /) -> np.ndarray:
        """A PNG file as the body, one model call a request."""
        return self._encode(read(image))

    @bentoml.api(batchable=True)
    def encode_png_batched(self, images: list[Picture]) -> np.ndarray:
        """PNG files in a form, one model call for all that waits."""
        return self._encode(np.stack([read(image) for image in images]))

    @bentoml.api
    def reconstruct(self, image: Picture, /) -> Picture:
        """A PNG file in, a PNG file out."""
        with torch.inference_mode():
            rebuilt = self.module(torch.from_numpy(read(image)).view(-1, 28, 28, 1))
        return Image.fromarray((rebuilt[0, :, :, 0] * 255).round().to(torch.uint8).numpy())

    def _encode(self, images: Any) -> Any:
        with torch.inference_mode():
            return self.module.encode(torch.from_numpy(np.asarray(images, np.float32)).view(-1, 28, 28, 1)).numpy()


def read(image: Picture) -> Any:
    """Grey levels of an opened file, in [0, 1]."""
    return np.array(image.convert("L"), dtype=np.float32) / 255
