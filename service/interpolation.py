"""Walks through images: the path in latent space, the blend of pixels, and the pictures of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels, Pixels, to_bytes
from service.comparison import side_by_side
from service.images import enlarge
from service.latent import Method, there_and_back
from service.maps import Space, SpaceChoice

Enlargement = Literal["nearest", "smooth"]
_SHOWN_SIDE = 128
_TITLES = ("pixels", "latent")


@dataclass(frozen=True)
class Walk:
    """What an interpolation is asked to be."""

    space: SpaceChoice
    steps: int
    method: Method
    boomerang: bool
    duration_ms: int
    hold_ms: int

    def durations_ms(self, stops: int) -> list[int]:
        """How long each frame is shown: longer where it is one of the given images, rather than repeated."""
        count = (stops - 1) * (self.steps - 1) + 1
        held = max(self.hold_ms, self.duration_ms)
        forth = [held if index % (self.steps - 1) == 0 else self.duration_ms for index in range(count)]
        return [*forth, *forth[-2::-1]] if self.boomerang else forth


@dataclass(frozen=True)
class Frames:
    """The frames of a walk in each of its spaces, image space first, shape (n_frames, height, width, channels) each."""

    by_space: dict[Space, Pixels]
    durations_ms: Sequence[int]

    @classmethod
    def of(cls, walk: Walk, by_space: dict[Space, Pixels], stops: int) -> "Frames":
        """Frames of one way through `stops` images, turned back where the walk is a boomerang."""
        turned = {space: there_and_back(frames) if walk.boomerang else frames for space, frames in by_space.items()}
        return cls(turned, walk.durations_ms(stops))

    def pictures(self, scale: int, enlargement: Enlargement) -> BytePixels:
        """Enlarged frames; of two spaces side by side, labelled -> (n_frames, height, width, channels)."""
        enlarged = [
            enlarge(to_bytes(frames), scale, smooth=enlargement == "smooth") for frames in self.by_space.values()
        ]
        return enlarged[0] if len(enlarged) == 1 else side_by_side(enlarged[0], enlarged[1], _TITLES)

    def array(self) -> NDArray[np.float32]:
        """The frames as they are: (n_frames, height, width, channels), of both spaces (2, n_frames, ...)."""
        spaces = list(self.by_space.values())
        return spaces[0] if len(spaces) == 1 else np.stack(spaces)


def fitting_scale(height: int, width: int) -> int:
    """The scale at which an image can be seen well: its longer side about 128 pixels."""
    return max(1, _SHOWN_SIDE // max(height, width))
