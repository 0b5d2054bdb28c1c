"""Warping: slight, smooth, and without moving images away."""

import pytest
import torch

from training.augment import Warp

CPU = torch.device("cpu")


def _disc(side: int, channels: int) -> torch.Tensor:
    axis = torch.linspace(-1, 1, side)
    disc = (1.5 - 3 * (axis[:, None] ** 2 + axis[None] ** 2).sqrt()).clamp(0, 1)
    return disc[None, :, :, None].repeat(64, 1, 1, channels)


@pytest.mark.parametrize(("height", "width", "channels"), [(8, 8, 1), (28, 28, 1), (20, 32, 3)])
def test_a_warped_batch_keeps_its_shape_and_range(height: int, width: int, channels: int) -> None:
    warped = Warp(height, width, CPU)(torch.rand(5, height, width, channels))
    assert warped.shape == (5, height, width, channels)
    assert 0 <= float(warped.min()) <= float(warped.max()) <= 1


def test_a_warp_changes_images_slightly_and_each_in_its_own_way() -> None:
    torch.manual_seed(0)
    discs = _disc(28, 1)
    warped = Warp(28, 28, CPU)(discs)
    changes = (warped - discs).square().flatten(1).sum(1) / discs.square().flatten(1).sum(1)
    assert (changes > 0).all()
    assert float(changes.median()) < 0.05
    assert len(torch.unique(changes)) == 64


def test_a_warp_does_not_shift_images_on_average() -> None:
    torch.manual_seed(0)
    discs = _disc(29, 1)
    warped = Warp(29, 29, CPU)(discs)[..., 0]
    axis = torch.arange(29.0) - 14
    mass = warped.sum((1, 2))
    centres = torch.stack([(warped.sum(1) * axis).sum(1) / mass, (warped.sum(2) * axis).sum(1) / mass])
    assert float(centres.mean(1).abs().max()) < 0.2


def test_a_flat_image_stays_flat() -> None:
    flat = torch.full((3, 12, 12, 1), 0.4)
    torch.testing.assert_close(Warp(12, 12, CPU)(flat), flat)


def test_the_random_state_decides_the_warp() -> None:
    warp, images = Warp(8, 8, CPU), torch.rand(4, 8, 8, 1)
    torch.manual_seed(1)
    once = warp(images)
    torch.manual_seed(1)
    assert torch.equal(warp(images), once)
    assert not torch.equal(warp(images), once)
