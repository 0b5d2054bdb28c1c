"""Reconstruction errors, image by image."""

from collections.abc import Callable

import torch
from torch import Tensor

from training.images import Images


def to_float(batch: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """uint8 in 0 to 255 -> float32 in [0, 1], same shape."""
    return batch.to(device, non_blocking=True).float().div_(255)


@torch.inference_mode()
def squared_errors(
    reconstruct: Callable[[Tensor], Tensor], images: Images, device: torch.device | str = "cpu"
) -> Tensor:
    """Squared differences summed over the values of each image -> (n,), float64, on the CPU."""
    errors = []
    for batch in images.batches():
        pixels = to_float(batch, device)
        errors.append((reconstruct(pixels) - pixels).square().flatten(1).sum(1).cpu().double())
    return torch.cat(errors)
