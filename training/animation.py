"""Walks between images, moving and still: the pixel blend and the latent path of the same pairs side by side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.animation import encode_animation
from service.arrays import BytePixels, to_bytes, to_unit
from service.bundle import Bundle
from service.images import caption, encode_png
from service.latent import straight_path
from training.interpolation import draw_pairs
from training.pictures import (
    Picture,
    blank,
    side_by_side,
    stacked,
    to_colour,
    to_tiles,
    with_margin,
    write_label,
)

PAIRS = 6
STEPS = 11
STILL_PAIRS = 4
STILL_STEPS = 9
FRAME_MS = 80
HOLD_MS = 800
"""How long both ends stand still. Said as a duration, as Pillow merges frames that are repeated."""
_TILE_SIDE = 150
_STILL_SIDE = 84
_LABEL_WIDTH = 110


@dataclass(frozen=True)
class Walks:
    """The same pairs of test images joined in both spaces, shape (pairs, steps, height, width, channels) each."""

    blends: BytePixels
    latents: BytePixels

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Walks":
        """Join seeded pairs of the reference sample, of different classes where there are labels."""
        reference, model = bundle.reference, bundle.autoencoder
        pairs = draw_pairs(len(reference.images), reference.labels, PAIRS, bundle.manifest.seed)
        starts, ends = to_unit(reference.images[pairs[:, 0]]), to_unit(reference.images[pairs[:, 1]])
        blends = straight_path(starts, ends, STEPS)
        path = straight_path(model.encode(starts), model.encode(ends), STEPS)
        decoded = model.decode(path.reshape(-1, model.latent_dim)).reshape(blends.shape)
        return cls(to_bytes(blends), to_bytes(decoded))

    def animate(self) -> Picture:
        """All pairs at once, there and back, as a GIF."""
        there = [self._frame(step) for step in range(STEPS)]
        frames = np.stack([*there, *there[-2:0:-1]])
        moving = [FRAME_MS] * (STEPS - 2)
        data = encode_animation(frames, [HOLD_MS, *moving, HOLD_MS, *moving])
        alt = (
            f"Animation of {len(self.blends)} pairs of test images. In each the left tile fades one into the other, "
            "pixel by pixel; the right tile decodes the points on the straight line between their latents."
        )
        return Picture("interpolation.gif", data, alt, frames.shape[2], frames.shape[1])

    def still(self) -> Picture:
        """The first pairs as strips, for print and for those who want nothing to move."""
        columns = np.linspace(0, STEPS - 1, STILL_STEPS).round().astype(int)
        strips = []
        for pair in range(min(STILL_PAIRS, len(self.blends))):
            rows = [("pixel blend", self.blends[pair, columns]), ("latent path", self.latents[pair, columns])]
            strips.append(stacked([_labelled_row(text, frames) for text, frames in rows], gap=4))
        picture = with_margin(stacked(strips, gap=20))
        alt = (
            f"{len(strips)} pairs of test images with {STILL_STEPS - 2} steps between them. The upper row of each "
            "blends pixels and shows both images at once halfway; the lower row decodes the line between their latents."
        )
        return Picture("interpolation.png", encode_png(picture), alt, picture.shape[1], picture.shape[0])

    def _frame(self, step: int) -> NDArray[np.uint8]:
        """One moment of every pair, two pairs to a line -> (height, width, channels)."""
        titled = [
            caption(to_tiles(walk[:, step], _TILE_SIDE), text, font_size=15)
            for walk, text in ((self.blends, "pixel blend"), (self.latents, "latent path"))
        ]
        pairs = [side_by_side([blend, latent]) for blend, latent in zip(*titled, strict=True)]
        lines = [side_by_side(pairs[start : start + 2], gap=36) for start in range(0, len(pairs), 2)]
        return with_margin(stacked(lines, gap=14))


def _labelled_row(text: str, frames: BytePixels) -> NDArray[np.uint8]:
    tiles = list(to_tiles(to_colour(frames), _STILL_SIDE))
    between = blank(len(tiles[0]), 6)
    return side_by_side(
        [write_label([text], len(tiles[0]), _LABEL_WIDTH), tiles[0], between, *tiles[1:-1], between, tiles[-1]], gap=4
    )
