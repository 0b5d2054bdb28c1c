"""An autoencoder behind TorchServe: a handler that is given all requests of a batch at once."""

import io
import os
from typing import Any

import numpy as np
import torch
from PIL import Image
from ts.torch_handler.base_handler import BaseHandler


class AutoencoderHandler(BaseHandler):
    """Latents, or in the archive named `reconstruct` PNG files, for numbers or PNG files."""

    def initialize(self, context: Any) -> None:
        """Load the archive's TorchScript file as every handler does."""
        super().initialize(context)
        torch.set_num_threads(int(os.environ.get("PEER_THREADS", "1")))
        self.rebuilds = context.model_name == "reconstruct"

    def preprocess(self, data: list[dict[str, Any]]) -> list[torch.Tensor]:
        """The pixels of every request: TorchServe has parsed JSON already, and passes files as bytes."""
        return [torch.from_numpy(read(row["body"])).view(-1, 28, 28, 1) for row in data]

    def inference(self, data: list[torch.Tensor], *_: Any, **__: Any) -> tuple[torch.Tensor, ...]:
        """Call the model once for all requests."""
        with torch.inference_mode():
            pixels = torch.cat(data)
            answers = self.model(pixels) if self.rebuilds else self.model.encode(pixels)
        return answers.split([len(images) for images in data])

    def postprocess(self, data: tuple[torch.Tensor, ...]) -> list[Any]:
        """One answer a request."""
        if not self.rebuilds:
            return [{"latents": latents.tolist()} for latents in data]
        return [write_png((images[0, :, :, 0] * 255).round().to(torch.uint8).numpy()) for images in data]


def read(body: Any) -> Any:
    """Numbers, or a PNG file."""
    if isinstance(body, dict):
        return np.array(body["images"], dtype=np.float32)
    return np.array(Image.open(io.BytesIO(body)).convert("L"), dtype=np.float32) / 255


def write_png(pixels: Any) -> bytes:
    """One grey image as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
