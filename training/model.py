"""The autoencoder: a multi-layer perceptron that squeezes an image through a bottleneck.

It takes and gives float32 images in [0, 1], shape (batch, height, width, channels), and scripts with TorchScript.
"""

import itertools
from typing import Final

import torch
from torch import Tensor, nn

from training.activations import activate, pull_back
from training.config import ModelConfig

LEAK = 0.002
"""Share of the unclamped output that training sees, so that a clamped pixel still has a gradient."""


class Perceptron(nn.Module):
    """Linear layers with an activation, and if asked a norm, between them; beside them one linear layer if asked."""

    activation: Final[str]

    def __init__(self, sizes: list[int], config: ModelConfig, *, linear_path: bool) -> None:
        super().__init__()
        self.activation = config.activation
        normalise = nn.LayerNorm if config.norm == "layer" else nn.Identity
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes[:-1]))
        self.norms = nn.ModuleList(normalise(size) for size in sizes[1:-1])
        self.last = nn.Linear(sizes[-2], sizes[-1])
        self.beside = nn.Linear(sizes[0], sizes[-1], bias=False) if linear_path else None

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, inputs) -> (batch, outputs)`."""
        return self.evaluate(x)[0]

    def evaluate(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As `forward`, together with what goes into every activation: `(batch, width)` each."""
        before: list[Tensor] = []
        flowing = x
        for layer, norm in zip(self.hidden, self.norms, strict=False):
            before.append(norm(layer(flowing)))
            flowing = activate(self.activation, before[-1])
        answer: Tensor = self.last(flowing)
        if self.beside is not None:
            answer = answer + self.beside(x)
        return answer, before

    def pull_back(self, gradient: Tensor, before: list[Tensor]) -> Tensor:
        """A gradient with respect to the outputs -> with respect to the inputs, `(batch, inputs)`; not with a norm."""
        flowing = gradient @ self.last.weight
        depth = len(before)
        for layer in self.hidden[::-1]:
            depth -= 1
            flowing = pull_back(self.activation, flowing, before[depth]) @ layer.weight  # type: ignore[operator]
        if self.beside is not None:
            flowing = flowing + gradient @ self.beside.weight
        return flowing


class Autoencoder(nn.Module):
    """encode: image -> latent vector; decode: latent vector -> image; forward: image -> reconstruction."""

    height: int
    width: int
    channels: int
    latent_dim: int
    mean: Tensor
    output: Final[str]
    leak: Final[float] = LEAK

    def __init__(self, shape: tuple[int, int, int], config: ModelConfig) -> None:
        super().__init__()
        self.height, self.width, self.channels = shape
        self.latent_dim = config.bottleneck
        self.output = config.output
        pixels = self.height * self.width * self.channels
        seen = components_seen(config, pixels) or pixels
        self.register_buffer("mean", torch.zeros(pixels))
        whiten = nn.Linear(pixels, seen, bias=False).requires_grad_(False)
        self.whiten = whiten if config.whiten else nn.Identity()
        encoder = [seen, *config.hidden, config.bottleneck]
        decoder = [config.bottleneck, *decoder_widths(config), pixels]
        correction = [seen + 2 * config.bottleneck, *config.hidden[-1:], config.bottleneck]
        self.encoder = Perceptron(encoder, config, linear_path=config.linear_path)
        self.decoder = Perceptron(decoder, config, linear_path=config.linear_path)
        self.refiners = nn.ModuleList(
            Perceptron(correction, config, linear_path=False) for _ in range(config.refinements)
        )
        for refiner in self.refiners:
            for value in list(refiner.parameters())[-2:]:
                nn.init.zeros_(value)  # of the last layer: a refinement begins by correcting nothing

    @torch.jit.export
    def encode(self, images: Tensor) -> Tensor:
        """`(batch, height, width, channels) -> (batch, latent_dim)`.

        Each refinement decodes the latents so far and corrects them, knowing what is still wrong and which way the
        decoder would move to mend it: iterative amortised inference (Marino, Yue & Mandt 2018, arXiv:1807.09356).
        """
        pixels = images.flatten(1)
        latents: Tensor = self.encoder(self.whiten(pixels - self.mean))
        for refiner in self.refiners:
            decoded, before = self.decoder.evaluate(latents)
            residual = pixels - self.squash(decoded)  # (batch, pixels)
            downhill = self.decoder.pull_back(residual, before)  # (batch, latent_dim)
            latents = latents + refiner(torch.cat([self.whiten(residual), latents, downhill], dim=1))
        return latents

    @torch.jit.export
    def decode(self, latents: Tensor) -> Tensor:
        """`(batch, latent_dim) -> (batch, height, width, channels)`."""
        return self.squash(self.decoder(latents)).view(-1, self.height, self.width, self.channels)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, height, width, channels)`, same shape: encode, then decode."""
        return self.decode(self.encode(images))

    def squash(self, pixels: Tensor) -> Tensor:
        """Bring the decoder's numbers into [0, 1], same shape; a linear autoencoder leaves them as they are."""
        if self.output == "sigmoid":
            return pixels.sigmoid()
        if self.output == "clamp":
            clamped = pixels.clamp(0.0, 1.0)
            return torch.lerp(clamped, pixels, self.leak) if self.training else clamped
        return pixels


def components_seen(config: ModelConfig, pixels: int) -> int:
    """How many whitened components the encoder sees; 0 where it sees raw pixels."""
    return min(pixels, max(config.whiten, 2 * config.bottleneck)) if config.whiten else 0


def decoder_widths(config: ModelConfig) -> tuple[int, ...]:
    """The widths of the decoder's hidden layers, as configured."""
    if config.decoder_hidden == "mirror":
        return tuple(reversed(config.hidden))
    if config.decoder_hidden == "narrow":
        return config.hidden[-1:] * len(config.hidden)
    return config.decoder_hidden
