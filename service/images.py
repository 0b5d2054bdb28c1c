"""Encoded images to arrays and back: the one module that knows Pillow."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageDraw, ImageFont, WebPImagePlugin

from service import png
from service.arrays import BytePixels, to_unit
from service.errors import ImageTooLarge, InvalidImage
from service.framing import check_framing

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF"}
"""The file endings that are read, with Pillow's name of each format."""

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
_DRAFT_GAP = 4
"""How many times larger than asked for a JPEG is decoded at the least: its own shrinking is rough."""
_PART_PIXELS = 1 << 20
"""How many pixels are converted at a time: what is made on the way stays small beside the image itself."""

Box = tuple[float, float, float, float]


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


def decode(
    file: bytes | Path, height: int, width: int, channels: int, max_pixels: int | None = None
) -> NDArray[np.uint8]:
    """Decode the first frame of an encoded image -> (height, width, channels), 0 to 255.

    The orientation that a camera noted is applied, transparency is laid over white, 16-bit greys are scaled to
    8 bits, and other sizes are resampled with an antialiasing filter. Shrinking takes 8 bytes of memory a pixel beside
    the file and a fixed 16 MB; 12 bytes where it is a WebP or a PNG of few and long rows.

    Raises:
        InvalidImage: It is in none of `FORMATS`, or damaged.
        ImageTooLarge: By its header it has more than `max_pixels` pixels; they are not decoded.
    """
    data = file if isinstance(file, bytes) else _read(file)
    if max_pixels is None or height * width <= max_pixels:
        plain = png.decode_plain(data)
        if plain is not None and plain.shape == (height, width, channels):
            return plain
    return _decode_with_pillow(data, height, width, channels, max_pixels)


def decode_to_unit(file: bytes, height: int, width: int, channels: int, max_pixels: int) -> NDArray[np.float32]:
    """As `decode`, with numbers in [0, 1]."""
    plain = decode_plain_to_unit(file, height, width, channels, max_pixels)
    return to_unit(_decode_with_pillow(file, height, width, channels, max_pixels)) if plain is None else plain


def decode_plain_to_unit(
    file: bytes, height: int, width: int, channels: int, max_pixels: int
) -> NDArray[np.float32] | None:
    """As `decode_to_unit`, of a PNG of the plainest kind that has this size already; None for any other file."""
    if height * width <= max_pixels:
        plain = png.decode_plain_to_unit(file)
        if plain is not None and plain.shape == (height, width, channels):
            return plain
    return None


def _decode_with_pillow(
    data: bytes, height: int, width: int, channels: int, max_pixels: int | None
) -> NDArray[np.uint8]:
    check_framing(data)
    with _open(data, max_pixels) as image, _refusing_damage():
        stored, box = _load(image, _DRAFT_GAP * max(height, width))
        orientation = _orientation(image)
        size = (height, width) if orientation > 4 else (width, height)
        flat = _flatten(stored, "L" if channels == 1 else "RGB")
        if flat.size != size:
            flat = flat.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=3.0)
        upright = flat.transpose(_TURNS[orientation]) if orientation in _TURNS else flat
        return np.asarray(upright, np.uint8).reshape(height, width, channels)


def encode_png(pixels: NDArray[np.uint8], *, smallest: bool = True, is_alone: bool = False) -> bytes:
    """`(height, width, channels)` bytes -> a PNG file, the smallest or the soonest; `is_alone` as in `png.encode`."""
    if not smallest:
        return png.encode(_drop_grey_axis(pixels), is_alone=is_alone)
    buffer = io.BytesIO()
    Image.fromarray(_drop_grey_axis(pixels)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def enlarge(pixels: BytePixels, scale: int, *, smooth: bool = False) -> BytePixels:
    """Repeat every pixel, or draw smoothly between them -> (batch, height * scale, width * scale, channels)."""
    if not smooth:
        return pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    _, height, width, channels = pixels.shape
    size = (width * scale, height * scale)
    images = (Image.fromarray(_drop_grey_axis(image)).resize(size, Image.Resampling.BICUBIC) for image in pixels)
    shape = (height * scale, width * scale, channels)
    return np.stack([np.asarray(image).reshape(shape) for image in images])


def shrink(pixels: BytePixels, height: int, width: int) -> BytePixels:
    """`(batch, *, *, channels) -> (batch, height, width, channels)`, each pixel the mean of those it stands for."""
    images = (Image.fromarray(_drop_grey_axis(image)).resize((width, height), Image.Resampling.BOX) for image in pixels)
    shape = (height, width, pixels.shape[-1])
    return np.stack([np.asarray(image).reshape(shape) for image in images])


def caption(pixels: BytePixels, text: str, font_size: int = 14) -> BytePixels:
    """Write one line above every image of a batch -> (batch, height + strip, width, channels), black on white."""
    count, _, width, channels = pixels.shape
    strip = Image.new("L", (width, font_size + 8), 255)
    ImageDraw.Draw(strip).text((width / 2, 3), text, fill=0, font=ImageFont.load_default(font_size), anchor="mt")
    line = np.repeat(np.asarray(strip)[None, :, :, None], channels, axis=3)
    return np.concatenate([np.repeat(line, count, axis=0), pixels], axis=1)


def caption_width(text: str, font_size: int = 14) -> int:
    """How wide an image must be, in pixels, for `caption` to show the whole text."""
    return math.ceil(ImageFont.load_default(font_size).getlength(text)) + 2


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage("the file cannot be read") from error


def _open(file: bytes | Path, max_pixels: int | None = None) -> Image.Image:
    """Read the header of an image, of at most `max_pixels`; where that is None, of what Pillow holds to be safe."""
    names = sorted(set(FORMATS.values()))
    try:
        image = Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=names)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = f"the image has more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise InvalidImage(message) if max_pixels is None else _too_large(message, max_pixels) from error
    except Exception as error:  # see _refusing_damage
        raise InvalidImage(f"not a readable image of {', '.join(names)}") from error
    if max_pixels is not None and (count := image.width * image.height) > max_pixels:
        image.close()
        raise _too_large(f"the image has {count:,} pixels ({image.width} x {image.height})", max_pixels)
    return image


def _too_large(message: str, max_pixels: int) -> ImageTooLarge:
    return ImageTooLarge(f"{message}; at most {max_pixels:,} are taken: send it smaller")


@contextmanager
def _refusing_damage() -> Iterator[None]:
    """Call the file damaged, whatever goes wrong: Pillow documents no closed list of what it raises for such files.

    What it says is not repeated, as it may quote the file.
    """
    try:
        yield
    except Exception as error:
        raise InvalidImage("the image data are damaged or cut short") from error


def _load(image: Image.Image, least_side: int) -> tuple[Image.Image, Box | None]:
    """Decode the first frame, a JPEG only as finely as is needed -> it, and where it holds the image if not as a whole.

    Of a WebP, libwebp holds the frame twice. Pillow would copy it twice more while that lives; here it does once.
    """
    if isinstance(image, WebPImagePlugin.WebPImageFile):
        data, mode = image._get_next()[0], image.rawmode
        del image._decoder
        return Image.frombuffer(mode, image.size, data, "raw", mode, 0, 1), None
    drafted = image.draft(None, (least_side, least_side))
    image.load()
    return image, drafted and drafted[1]


def _flatten(image: Image.Image, mode: str) -> Image.Image:
    """Bring any Pillow mode to an L or RGB without transparency, part by part."""
    if image.mode == mode and not image.has_transparency_data:
        return image
    flat = Image.new(mode, image.size)
    for box in _parts(*image.size):
        flat.paste(_convert(image.crop(box), mode), box)
    return flat


def _parts(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    columns = min(width, _PART_PIXELS)
    rows = _PART_PIXELS // columns
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode in {"I", "I;16", "I;16B"}:
        levels = np.asarray(image).astype(np.int32)
        levels[levels == image.info.get("transparency", -1)] = 65535
        return Image.fromarray((levels // 257).clip(0, 255).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert(mode)


def _orientation(image: Image.Image) -> int:
    """The orientation that a camera noted in an image's EXIF block; 1, upright, where none makes sense."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # see _refusing_damage; an image without a usable block is none the worse
        return 1


def _drop_grey_axis(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
