"""A trained autoencoder, ready to compute: the one module of the service that imports torch."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from service.arrays import Latents, Pixels
from service.errors import InvalidBundle

# TorchScript is deprecated and still the bundle's format: docs/training.md says why.
warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)


@dataclass(frozen=True)
class Autoencoder:
    """The TorchScript model of a bundle, called with numpy arrays. Thread-safe: it holds no state between calls."""

    height: int
    width: int
    channels: int
    latent_dim: int
    module: torch.jit.ScriptModule

    @classmethod
    def load(cls, path: Path) -> "Autoencoder":
        """Load `model.pt` on the CPU. TorchScript is code: load only what an operator put there.

        Raises:
            InvalidBundle: Not a TorchScript file, or one without the methods and sizes of the bundle format.
        """
        try:
            module = torch.jit.load(path, map_location="cpu").eval()
            _ = (module.encode, module.decode)
            _lay_out(module)
            return cls(module.height, module.width, module.channels, module.latent_dim, module)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise InvalidBundle(f"{path.name} is not a TorchScript autoencoder") from error

    def encode(self, pixels: Pixels) -> Latents:
        """`(batch, height, width, channels) -> (batch, latent_dim)`."""
        return self._call("encode", pixels)

    def decode(self, latents: Latents) -> Pixels:
        """`(batch, latent_dim) -> (batch, height, width, channels)`."""
        return self._call("decode", latents)

    def reconstruct(self, pixels: Pixels) -> Pixels:
        """Encode, then decode: `(batch, height, width, channels)`, same shape."""
        return self._call("forward", pixels)

    def _call(self, method: str, batch: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Pixels:
        with torch.inference_mode():
            answer: torch.Tensor = getattr(self.module, method)(torch.from_numpy(np.ascontiguousarray(batch)))
        return answer.numpy()


def _lay_out(module: torch.jit.ScriptModule) -> None:
    """Let matrices lie in memory column by column: so MKL multiplies a few dozen rows by them up to twice as fast."""
    for parameter in module.parameters():
        if parameter.ndim == 2:
            parameter.data = parameter.data.t().contiguous().t()


def set_threads(count: int) -> None:
    """Let a model that is called by this thread use `count` threads; other threads have numbers of their own."""
    torch.set_num_threads(count)
