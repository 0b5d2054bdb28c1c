"""The real images that every server is asked about, each in the forms that requests carry."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.arrays import BytePixels, Pixels
from training.vision import torchvision_datasets

DECIMALS = 4
"""With how many decimals a client writes a pixel in [0, 1] as JSON."""


@dataclass(frozen=True)
class Picture:
    """One grey image: its bytes (height, width), its numbers as JSON without brackets, and itself as a PNG file."""

    pixels: NDArray[np.uint8]
    numbers: str
    png: bytes

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> "Picture":
        """Write the pixels, shape (height, width), in every form."""
        unit = [round(value / 255, DECIMALS) for value in pixels.ravel().tolist()]
        return cls(pixels, json.dumps(unit, separators=(",", ":"))[1:-1], write_png(pixels))


def load_pictures(data_root: Path, count: int) -> list[Picture]:
    """The first test images of MNIST, from torchvision's layout in `data_root`."""
    images = torchvision_datasets().MNIST(data_root, train=False).data[:count].numpy()
    return [Picture.of(pixels) for pixels in images]


def write_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode grey pixels, shape (height, width), as Pillow does by default."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read_png(body: bytes) -> NDArray[np.uint8]:
    """Decode one PNG file to grey pixels, shape (height, width)."""
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image.convert("L"))


def as_bytes(pictures: Sequence[Picture]) -> BytePixels:
    """The images as one array, shape (n, height, width, 1)."""
    return np.stack([picture.pixels for picture in pictures])[..., None]


def as_written(pictures: Sequence[Picture]) -> Pixels:
    """The numbers that JSON requests carry, in [0, 1], shape (n, height, width, 1)."""
    rows = [json.loads(f"[{picture.numbers}]") for picture in pictures]
    return np.asarray(rows, np.float32).reshape(len(pictures), *pictures[0].pixels.shape, 1)
