"""Encoded images to arrays and back: the one module that knows Pillow and imageio."""

import io
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageDraw, ImageFont

from service.arrays import BytePixels
from service.errors import InvalidImage

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF"}
"""The file endings that are read, with Pillow's name of each format."""

# What Pillow raises for a damaged file, format by format; Image.open and load document no closed list.
_DECODING_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)  # as Pillow's documentation advises

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each of EXIF's orientations (CIPA DC-008, tag 274)."""

_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "F"})


@dataclass(frozen=True)
class ImageHeader:
    """What an encoded image says of itself before it is decoded: its size in pixels and whether it has colour."""

    height: int
    width: int
    in_colour: bool


def read_header(file: bytes | Path) -> ImageHeader:
    """Read the size and the mode of an encoded image without decoding it.

    Raises:
        InvalidImage: It is in none of `FORMATS`, or damaged.
    """
    with _open(file) as image:
        # A palette may hold greys only; counting it as colour costs two more channels, never information.
        height, width = (image.width, image.height) if _orientation(image) > 4 else (image.height, image.width)
        return ImageHeader(height, width, image.mode not in _GREY_MODES)


def decode(file: bytes | Path, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Decode the first frame of an encoded image -> (height, width, channels), 0 to 255.

    The orientation that a camera noted is applied, transparency is laid over white, 16-bit greys are scaled to
    8 bits, and other sizes are resampled with an antialiasing filter.

    Raises:
        InvalidImage: It is in none of `FORMATS`, or damaged.
    """
    with _open(file) as image:
        try:
            image.load()
            turn = _TURNS.get(_orientation(image))
            upright = image if turn is None else image.transpose(turn)
        except _DECODING_ERRORS as error:
            raise InvalidImage(f"the image data are damaged ({_reason(error)})") from error
        converted = _convert(upright, "L" if channels == 1 else "RGB")
        if converted.size != (width, height):
            converted = converted.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(converted, np.uint8).reshape(height, width, channels)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """`(height, width, channels)` bytes -> a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(_drop_grey_axis(pixels)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def encode_animation(frames: BytePixels, durations_ms: Sequence[int]) -> bytes:
    """`(n_frames, height, width, channels)` -> a GIF that loops; each frame is held for its duration."""
    frames_without_grey_axis = [_drop_grey_axis(frame) for frame in frames]
    encoded = iio.imwrite(
        "<bytes>", frames_without_grey_axis, extension=".gif", plugin="pillow", duration=list(durations_ms), loop=0
    )
    return bytes(encoded)


def enlarge(pixels: BytePixels, scale: int) -> BytePixels:
    """Repeat every pixel -> (batch, height * scale, width * scale, channels)."""
    return pixels.repeat(scale, axis=1).repeat(scale, axis=2)


def caption(pixels: BytePixels, text: str, font_size: int = 14) -> BytePixels:
    """Write one line above every image of a batch -> (batch, height + strip, width, channels), black on white."""
    count, _, width, channels = pixels.shape
    strip = Image.new("L", (width, font_size + 8), 255)
    ImageDraw.Draw(strip).text((width / 2, 3), text, fill=0, font=ImageFont.load_default(font_size), anchor="mt")
    line = np.repeat(np.asarray(strip)[None, :, :, None], channels, axis=3)
    return np.concatenate([np.repeat(line, count, axis=0), pixels], axis=1)


def _open(file: bytes | Path) -> Image.Image:
    try:
        return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=sorted(set(FORMATS.values())))
    except _DECODING_ERRORS as error:
        raise InvalidImage(f"not a readable image of {', '.join(sorted(set(FORMATS.values())))}") from error


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Bring any Pillow mode to L or RGB."""
    if image.mode in {"I", "I;16", "I;16B"}:
        return Image.fromarray((np.asarray(image, np.int64) // 257).clip(0, 255).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert(mode)


def _orientation(image: Image.Image) -> int:
    """The orientation that a camera noted in an image's EXIF block; 1, upright, where none makes sense."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DECODING_ERRORS:
        return 1


def _drop_grey_axis(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _reason(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
