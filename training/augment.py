"""Warping images a little while training, so that a network learns how they vary and not which ones it has seen."""

import torch
from torch import Tensor
from torch.nn import functional

AFFINE_DEVIATION = 0.08
"""Standard deviation of the four entries of the random 2x2 matrix beside the identity: turn, shear, stretch."""
ELASTIC_DEVIATION = 0.5 / 28
"""Standard deviation of the control points' displacement, as a share of the side."""
CONTROL_POINTS = 4
"""Control points of the elastic part along each side."""
CLEAN_SHARE = 0.3
"""Share of the steps, the last ones, that see images unwarped: what is learned last is what images really look like."""


class Warp:
    """Smooth random deformations without shifts: affine, and elastic between a few control points (Simard et al. 2003).

    Resampling is bicubic, since bilinear would also teach the network to blur.
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        rows, columns = ((torch.arange(side, device=device) * 2 + 1) / side - 1 for side in (height, width))
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        self._identity = torch.stack([x, y], dim=-1)  # (height, width, 2), as grid_sample wants it
        points = CONTROL_POINTS**2
        bumps = torch.eye(points, device=device).view(points, 1, CONTROL_POINTS, CONTROL_POINTS)
        bumps = functional.interpolate(bumps, size=(height, width), mode="bicubic", align_corners=True)
        fields = torch.cat([torch.stack([x, y]) * AFFINE_DEVIATION, bumps[:, 0] * (2 * ELASTIC_DEVIATION)])
        self._fields = fields.flatten(1)  # (2 + points, pixels): a displacement is a random sum of them

    def __call__(self, images: Tensor) -> Tensor:
        """`(batch, height, width, channels)`, same shape, in [0, 1]; draws from torch's global random state."""
        batch, height, width, _ = images.shape
        weights = torch.randn(batch * 2, len(self._fields)).to(images.device)  # on the CPU: its state is saved
        displacement = (weights @ self._fields).view(batch, 2, height, width).permute(0, 2, 3, 1)
        warped = functional.grid_sample(
            images.permute(0, 3, 1, 2),
            self._identity + displacement,
            mode="bicubic",
            padding_mode="border",
            align_corners=False,
        )
        return warped.permute(0, 2, 3, 1).clamp(0, 1)
