"""An encoder and an autoencoder behind KServe's model server, as its page on custom predictors has it."""

import argparse
import base64
import io
import os
from typing import Any

import kserve
import numpy as np
import torch
from kserve.utils.utils import get_predict_response
from PIL import Image


class Encoder(kserve.Model):
    """Latents of images."""

    def __init__(self, name: str, module: torch.jit.ScriptModule) -> None:
        super().__init__(name)
        self.module = module
        self.ready = True

    def predict(self, payload: Any, headers: Any = None) -> Any:  # noqa: ARG002  (KServe passes them)
        """Protocol v1 comes as a dictionary, v2 as an object with tensors."""
        is_v1 = isinstance(payload, dict)
        pixels = read(payload["instances"]) if is_v1 else payload.inputs[0].as_numpy()
        with torch.inference_mode():
            latents = self.module.encode(torch.from_numpy(pixels).view(-1, 28, 28, 1)).numpy()
        return {"predictions": latents.tolist()} if is_v1 else get_predict_response(payload, latents, self.name)


class Autoencoder(Encoder):
    """Reconstructions of images."""

    def predict(self, payload: Any, headers: Any = None) -> Any:  # noqa: ARG002
        """PNG files in, PNG files out."""
        with torch.inference_mode():
            rebuilt = self.module(torch.from_numpy(read(payload["instances"])).view(-1, 28, 28, 1))
        images = (rebuilt[..., 0] * 255).round().to(torch.uint8).numpy()
        return {"predictions": [{"b64": base64.b64encode(write_png(image)).decode()} for image in images]}


def read(instances: list[Any]) -> Any:
    """Numbers, or PNG files in base64 as TensorFlow Serving has them."""
    if not isinstance(instances[0], dict):
        return np.array(instances, dtype=np.float32)
    files = (io.BytesIO(base64.b64decode(instance["image"]["b64"])) for instance in instances)
    return np.stack([np.array(Image.open(file).convert("L"), dtype=np.float32) for file in files]) / 255


def write_png(pixels: Any) -> bytes:
    """One grey image as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    options = argparse.ArgumentParser(parents=[kserve.model_server.parser]).parse_args()
    if options.configure_logging:
        kserve.logging.configure_logging(options.log_config_file)
    torch.set_num_threads(int(os.environ.get("PEER_THREADS", "1")))
    model = torch.jit.load(os.environ["MODEL"], map_location="cpu").eval()
    kserve.ModelServer().start([Encoder("encode", model), Autoencoder("reconstruct", model)])
