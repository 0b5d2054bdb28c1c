"""An encoder behind LitServe: decode, batch, predict, unbatch, encode."""

import base64
import io
import os
from typing import Any

import litserve
import numpy as np
import torch
from PIL import Image

Item = tuple[torch.Tensor, bool]
"""The pixels of one request, and whether it asks for images rather than latents."""


class AutoencoderAPI(litserve.LitAPI):
    """Latents or reconstructions of images."""

    def setup(self, device: str) -> None:
        """Load the model, once a worker."""
        torch.set_num_threads(int(os.environ.get("PEER_THREADS", "1")))
        self.model = torch.jit.load(os.environ["MODEL"], map_location=device).eval()

    # Unannotated, as LitServe derives from the annotation how it reads the body.
    def decode_request(self, request) -> Item:  # type: ignore[no-untyped-def]
        """Numbers, or a PNG file in base64."""
        if "png" in request:
            file = io.BytesIO(base64.b64decode(request["png"]))
            pixels = np.array(Image.open(file).convert("L"), dtype=np.float32)[None] / 255
        else:
            pixels = np.array(request["images"], dtype=np.float32)
        return torch.from_numpy(pixels).view(-1, 28, 28, 1), "rebuild" in request

    def batch(self, inputs: list[Item]) -> list[Item]:
        """Requests of several images are joined in `predict`."""
        return inputs

    def predict(self, x: list[Item] | Item) -> Any:
        """Call the model once for all requests; without batching, LitServe passes a single one."""
        items = x if isinstance(x, list) else [x]
        with torch.inference_mode():
            answers = self.model.encode(torch.cat([pixels for pixels, _ in items]))
            if any(rebuild for _, rebuild in items):
                answers = self.model.decode(answers)
        parts = list(answers.split([len(pixels) for pixels, _ in items]))
        return parts if isinstance(x, list) else parts[0]

    def unbatch(self, output: list[torch.Tensor]) -> list[torch.Tensor]:
        """`predict` has split its answers already."""
        return output

    def encode_response(self, output: torch.Tensor) -> dict[str, Any]:
        """Latents as numbers, an image as a PNG file in base64."""
        if output.dim() == 2:
            return {"latents": output.tolist()}
        file = io.BytesIO()
        Image.fromarray((output[0, :, :, 0] * 255).round().to(torch.uint8).numpy()).save(file, "PNG")
        return {"png": base64.b64encode(file.getvalue()).decode()}


if __name__ == "__main__":
    size, delay = int(os.environ["BATCH_SIZE"]), float(os.environ["BATCH_DELAY_S"])
    server = litserve.LitServer(
        AutoencoderAPI(max_batch_size=size, batch_timeout=delay),
        accelerator="cpu",
        workers_per_device=1,
        fast_queue=os.environ["FAST_QUEUE"] == "True",
    )
    server.run("127.0.0.1", int(os.environ["PORT"]), log_level="warning", generate_client_file=False, access_log=False)
