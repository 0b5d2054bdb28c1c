"""Frames to an animated file: the one module that knows imageio."""

import struct
import zlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels

LONGEST_HOLD_MS = 65_535
"""What every format can say of one frame."""


class AnimationFormat(StrEnum):
    """A file of many frames: its ending and the end of its media type."""

    GIF = "gif"
    WEBP = "webp"
    APNG = "apng"


_OPTIONS: dict[AnimationFormat, dict[str, Any]] = {
    AnimationFormat.GIF: {"optimize": False},  # else each frame is searched for colours that it does not use
    AnimationFormat.WEBP: {"lossless": True, "quality": 50},  # without loss, this is an effort
    AnimationFormat.APNG: {"compress_level": 2},
}


def encode_animation(
    frames: BytePixels,
    durations_ms: Sequence[int],
    *,
    file_format: AnimationFormat = AnimationFormat.GIF,
    repeat: bool = True,
) -> bytes:
    """`(n_frames, height, width, channels)` -> a file that holds each frame for its duration, for ever or once.

    A hold of more than `LONGEST_HOLD_MS`, repeats of the frame counted, is cut to it. GIF has 256 colours a frame: all
    greys, or the nearest of those that suit it; the others lose nothing.
    """
    frames, holds_ms = _merge_repeats(frames, durations_ms)
    options = _OPTIONS[file_format] | {"loop": 0 if repeat else 1}
    if file_format is AnimationFormat.GIF:
        frames, holds_ms = _with_palettes(frames), _in_hundredths(holds_ms)
        if not repeat:
            del options["loop"]  # a GIF counts the repeats after the first time
    holds = holds_ms.tolist()
    options["duration"] = holds if len(holds) > 1 else holds[0]
    images = list(frames[..., 0] if frames.shape[3] == 1 else frames)
    file = bytes(iio.imwrite("<bytes>", images, extension=f".{file_format}", plugin="pillow", **options))
    if file_format is AnimationFormat.APNG and len(images) == 1:
        return _animate_still(file, options["duration"], options["loop"])
    return file


def _merge_repeats(frames: BytePixels, durations_ms: Sequence[int]) -> tuple[BytePixels, NDArray[np.int64]]:
    """Make one frame of equal neighbours, as Pillow would, which loses durations on the way."""
    changes = (frames[1:] != frames[:-1]).any(axis=(1, 2, 3))
    firsts = np.flatnonzero(np.concatenate([[True], changes]))
    holds_ms = np.add.reduceat(np.asarray(durations_ms, np.int64), firsts)
    return frames[firsts], np.minimum(holds_ms, LONGEST_HOLD_MS)


def _in_hundredths(holds_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Round each moment at which a frame ends to 1/100 s, so that what is lost does not add up."""
    ends = np.rint(np.cumsum(holds_ms) / 10).astype(np.int64)
    return np.maximum(np.diff(ends, prepend=0), 1) * 10


def _with_palettes(frames: BytePixels) -> BytePixels:
    """Bring frames into a form that Pillow makes good palettes for in little time: grey, or colour and opacity."""
    if (frames == frames[..., :1]).all():
        return frames[..., :1]
    # Pillow's choice for RGBA is the octree: 20 times as fast as median cut, its choice for RGB, and no worse here.
    return np.concatenate([frames, np.full_like(frames[..., :1], 255)], axis=3)


def _animate_still(png: bytes, hold_ms: int, plays: int) -> bytes:
    """Make an animation of one frame of a PNG, which Pillow does not (PNG, 3rd edition, sections 11.3.6)."""
    size = png[16:24]  # after the signature, 8 bytes, and the head of the chunk IHDR, which ends at byte 33
    control = _chunk(b"acTL", struct.pack(">II", 1, plays))
    frame = _chunk(b"fcTL", bytes(4) + size + bytes(8) + struct.pack(">HHBB", hold_ms, 1000, 0, 0))
    return png[:33] + control + frame + png[33:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
