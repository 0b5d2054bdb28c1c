"""Arrays to answers: JSON, .npy, PNG, contact sheet, zip."""

import base64
import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from service.arrays import BytePixels, Pixels, to_bytes
from service.contact_sheet import contact_sheet
from service.deadline import Deadline
from service.images import encode_png
from service.media import NPY, PNG
from service.npy import write_npy

ImageForm: TypeAlias = Literal["png", "numbers"]
"""How a JSON answer gives images: base64 of PNG files, or nested lists of numbers in [0, 1]."""

_BLOCK_ROWS = 256
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The same for every file, so that the same answer has the same bytes."""


def write_json(document: object) -> bytes:
    """JSON; arrays of numpy become nested lists."""
    return orjson.dumps(document, default=_in_order, option=orjson.OPT_SERIALIZE_NUMPY)


def rows_in_json(array: NDArray[np.float32]) -> NDArray[np.float32] | orjson.Fragment:
    """A matrix as `write_json` takes it: a large one written already, so that no step keeps the interpreter long."""
    if len(array) <= _BLOCK_ROWS:
        return array
    blocks = (write_json(array[start : start + _BLOCK_ROWS])[1:-1] for start in range(0, len(array), _BLOCK_ROWS))
    return orjson.Fragment(b"[" + b",".join(blocks) + b"]")


def write_zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of files that are compressed already."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), data)
    return buffer.getvalue()


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV in UTF-8 (RFC 4180)."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def plain_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that might be gets an apostrophe (OWASP, CSV injection)."""
    if not text.startswith(("=", "+", "-", "@", "\t", "\r")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def base64_png(pixels: BytePixels) -> str:
    """`(height, width, channels)` bytes -> the base64 of a PNG file."""
    return base64.b64encode(encode_png(pixels, smallest=False)).decode()


def images_in_json(pixels: Pixels, form: ImageForm, deadline: Deadline) -> list[Any]:
    """The images of a batch as a JSON answer holds them, one by one, so that no step keeps the interpreter long."""
    answers: list[Any] = []
    for one, one_in_bytes in zip(pixels, to_bytes(pixels), strict=True):
        deadline.check()
        numbers = one[..., 0] if one.shape[-1] == 1 else one
        answers.append(base64_png(one_in_bytes) if form == "png" else orjson.Fragment(write_json(numbers)))
    return answers


def png_or_contact_sheet(pixels: Pixels) -> bytes:
    """One image as a PNG of its size; several as one PNG with all of them in a grid."""
    as_bytes = to_bytes(pixels)
    one = as_bytes[0] if len(as_bytes) == 1 else contact_sheet(as_bytes)
    return encode_png(one, smallest=False, is_alone=True)


def numbered_pngs(pixels: BytePixels, noun: str, deadline: Deadline) -> Iterable[tuple[str, bytes]]:
    """Names and PNG files of a batch: `image-0000.png`, `image-0001.png`, ..."""
    for index, one in enumerate(pixels):
        deadline.check()
        yield f"{noun}-{index:04d}.png", encode_png(one, smallest=False)


def write_images(
    pixels: Pixels, media_type: str, deadline: Deadline, tables: Mapping[str, bytes] = MappingProxyType({})
) -> bytes:
    """A batch as `.npy`, as one PNG, or as a zip of PNG files with tables beside them."""
    if media_type == NPY:
        return write_npy(pixels)
    if media_type == PNG:
        return png_or_contact_sheet(pixels)
    return write_zip([*numbered_pngs(to_bytes(pixels), "image", deadline), *tables.items()])


def _in_order(value: Any) -> Any:
    """What orjson cannot write as it lies in memory: an array whose rows do not follow each other."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
