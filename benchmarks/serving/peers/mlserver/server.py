"""Encoders and an autoencoder as MLServer's custom runtimes."""

import io
import os
from typing import Any

import numpy as np
import torch
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from PIL import Image


class Encoder(MLModel):
    """Latents of numbers."""

    async def load(self) -> bool:
        """Load the model."""
        torch.set_num_threads(int(os.environ.get("PEER_THREADS", "1")))
        self.module = torch.jit.load(self.settings.parameters.uri, map_location="cpu").eval()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Call the model once for everything that MLServer has put into this request."""
        with torch.inference_mode():
            output = self.call(torch.from_numpy(self.read(payload)).view(-1, 28, 28, 1))
        return InferenceResponse(model_name=self.name, outputs=[self.write(output)])

    def read(self, payload: InferenceRequest) -> Any:
        """Pixels as an array."""
        return NumpyCodec.decode_input(payload.inputs[0])

    def call(self, pixels: torch.Tensor) -> torch.Tensor:
        """Latents of pixels."""
        latents: torch.Tensor = self.module.encode(pixels)
        return latents

    def write(self, output: torch.Tensor) -> Any:
        """Latents as a tensor of the protocol."""
        return NumpyCodec.encode_output("latents", output.numpy())


class PngEncoder(Encoder):
    """Latents of PNG files."""

    def read(self, payload: InferenceRequest) -> Any:
        """Decode every file."""
        files = Base64Codec.decode_input(payload.inputs[0])
        images = [np.array(Image.open(io.BytesIO(file)).convert("L"), dtype=np.float32) for file in files]
        return np.stack(images) / 255


class Autoencoder(PngEncoder):
    """Reconstructions of PNG files, as PNG files."""

    def call(self, pixels: torch.Tensor) -> torch.Tensor:
        """Reconstructions of pixels."""
        rebuilt: torch.Tensor = self.module(pixels)
        return rebuilt

    def write(self, output: torch.Tensor) -> Any:
        """Encode every image."""
        files = []
        for pixels in (output[..., 0] * 255).round().to(torch.uint8).numpy():
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            files.append(file.getvalue())
        return Base64Codec.encode_output("png", files)
