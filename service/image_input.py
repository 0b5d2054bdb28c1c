"""Images as clients send them, to pixels of the model's size: every form, one rule."""

import binascii
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels, Pixels
from service.deadline import Deadline
from service.errors import MAX_FAULTS, Fault, InvalidBody, InvalidImage, OutOfRange, Refusal, TooManyImages, WrongShape
from service.images import decode_plain_to_unit, decode_to_unit
from service.json_body import Json, JsonObject, is_list
from service.json_images import read_images
from service.manifest import ImageFormat
from service.media import ENCODED_IMAGES

PIXEL_RANGES = {"unit": 1.0, "byte": 255.0}
"""The values of `pixel_range`, with the number that is white."""
_DATA_URI = re.compile(r"data:([a-z/+.-]+);base64,")

Item = TypeVar("Item")


@dataclass(frozen=True)
class ImageReader:
    """Turns images of any form into pixels of one model's size, within the limits."""

    image: ImageFormat
    max_images: int
    max_image_pixels: int

    def from_files(self, files: Sequence[bytes], deadline: Deadline) -> Pixels:
        """Encoded files of any supported format -> (batch, height, width, channels), resized to the model's size.

        Raises:
            InvalidImage, ImageTooLarge: Pointing at the files that cannot be decoded.
        """
        return self._collect(files, self._decode, deadline)

    def from_file(self, file: bytes) -> Pixels:
        """One encoded file -> (1, height, width, channels), as `from_files` does it of several.

        Raises:
            InvalidImage, ImageTooLarge: It cannot be decoded.
        """
        pixels: Pixels = self._decode(file)[None]
        return pixels

    def from_plain_file(self, file: bytes) -> Pixels | None:
        """One PNG of the plainest kind and the model's size, as `from_file` reads it; None for any other file."""
        image = self.image
        plain = decode_plain_to_unit(file, image.height, image.width, image.channels, self.max_image_pixels)
        return None if plain is None else plain[None]

    def from_json(self, body: JsonObject, deadline: Deadline) -> Pixels:
        """The member `images` of a body: base64, data URIs or numbers, also mixed.

        Raises:
            InvalidBody: No images, or a `pixel_range` that is none.
            InvalidImage, ImageTooLarge, WrongShape, OutOfRange: Pointing at the images that are wrong.
        """
        pixels = self.from_numbers(body)
        if pixels is not None:
            return pixels
        white = _white(body)
        items = body.items_of("images")
        lists = [item for item in items if is_list(item)]
        arrays = body.arrays(lists, math.prod(self._shapes[0]))
        if not lists:
            body.release()
        return self._collect(
            items,
            lambda item: self._from_list(next(arrays), white) if is_list(item) else self._from_text(item),
            deadline,
        )

    def from_numbers(self, body: JsonObject) -> Pixels | None:
        """The member `images` where all of it is numbers, and right; None where a closer look is needed.

        Raises:
            InvalidBody: No images, or a `pixel_range` that is none.
        """
        white = _white(body)
        self._check_count(body.count_of("images"))
        array = body.even_array("images", self._shapes)
        return self._scaled(array, white) if array is not None and _is_within(array, white) else None

    def from_plain_json(self, body: bytes, max_values: int, most: int) -> Pixels | None:
        """A JSON body of at most `max_values` values that holds numbers only, and is right; None for any other.

        It gives what `from_json` gives of the same body, if that holds `most` images at the most.
        """
        image = self.image
        return read_images(body, (image.height, image.width, image.channels), min(most, self.max_images), max_values)

    def from_array(self, array: NDArray[Any]) -> Pixels | BytePixels:
        """An array of uint8 in 0 to 255 or floats in [0, 1], shaped (n, height, width[, channels]) or (n, pixels).

        Bytes stay bytes, and stay where they lie if they lie in order.

        Raises:
            WrongShape: Of another shape or dtype.
            OutOfRange: Not all numbers are in range; the faults point at the images.
        """
        image = self.image
        if array.shape[1:] not in self._shapes:
            raise WrongShape(f"Expected an array {self._expected('n')}, got {list(array.shape)}.")
        self._check_count(len(array))
        pixels = array.reshape(len(array), image.height, image.width, image.channels)
        if array.dtype == np.uint8:
            return np.ascontiguousarray(pixels)
        if array.dtype.kind != "f":
            raise WrongShape("Expected an array of uint8 (0 to 255) or of floats (0 to 1).")
        if not _is_within(pixels, 1.0):
            values = pixels.reshape(len(pixels), -1)
            outside = np.flatnonzero(~((values >= 0) & (values <= 1)).all(axis=1))
            faults = [Fault(_range_rule(1.0), f"#/images/{index}") for index in outside[:MAX_FAULTS]]
            raise OutOfRange(f"{_range_rule(1.0).capitalize()} as floats.", faults)
        return pixels.astype(np.float32)

    def _collect(
        self, items: Sequence[Item], convert: Callable[[Item], NDArray[np.float32]], deadline: Deadline
    ) -> Pixels:
        """Convert every item into its place of one array; refuse with up to `MAX_FAULTS` faults."""
        self._check_count(len(items))
        image = self.image
        pixels = np.empty((len(items), image.height, image.width, image.channels), np.float32)
        failures: list[tuple[int, type[Refusal], str]] = []  # no exceptions: their tracebacks would keep the body
        for index, item in enumerate(items):
            deadline.check()
            try:
                pixels[index] = convert(item)
            except Refusal as refusal:
                failures.append((index, type(refusal), refusal.detail))
                if len(failures) == MAX_FAULTS:
                    break
        if failures:
            raise _all(failures, len(items))
        return pixels

    def _decode(self, file: bytes) -> NDArray[np.float32]:
        image = self.image
        return decode_to_unit(file, image.height, image.width, image.channels, self.max_image_pixels)

    def _from_text(self, item: Json) -> NDArray[np.float32]:
        if not isinstance(item, str):
            raise InvalidBody("expected a base64 string, a data URI, or nested lists of numbers")
        return self._decode(decode_base64(item))

    def _from_list(self, array: NDArray[np.float64] | WrongShape, white: float) -> NDArray[np.float32]:
        if isinstance(array, WrongShape):
            raise WrongShape(f"expected numbers {self._expected()}, {array.detail}")
        if array.shape not in self._shapes:
            raise WrongShape(f"expected numbers {self._expected()}, got {list(array.shape)}")
        if not _is_within(array, white):
            raise OutOfRange(_range_rule(white))
        one: NDArray[np.float32] = self._scaled(array[None], white)[0]
        return one

    def _scaled(self, array: NDArray[np.float64], white: float) -> Pixels:
        """Numbers in [0, white], whole images in any of the shapes -> (batch, height, width, channels)."""
        image = self.image
        pixels: Pixels = (array if white == 1 else array / white).astype(np.float32)
        return pixels.reshape(len(array), image.height, image.width, image.channels)

    @cached_property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes in which the numbers of one image may come."""
        image = self.image
        full = (image.height, image.width, image.channels)
        without_channels = [(image.height, image.width)] if image.channels == 1 else []
        return (full, *without_channels, (image.height * image.width * image.channels,))

    def _expected(self, *batch: str) -> str:
        """The shapes in words: `shaped [28, 28], [28, 28, 1] or [784]`."""
        full, *others = (f"[{', '.join([*batch, *map(str, shape)])}]" for shape in self._shapes)
        return f"shaped {', '.join([full, *others[:-1]])} or {others[-1]}"

    def _check_count(self, count: int) -> None:
        check_count(count, self.max_images, "images")


def _white(body: JsonObject) -> float:
    pixel_range = body.get("pixel_range") if "pixel_range" in body else "unit"
    if not isinstance(pixel_range, str) or pixel_range not in PIXEL_RANGES:
        raise InvalidBody('"pixel_range" must be "unit" (numbers in [0, 1]) or "byte" (0 to 255).')
    return PIXEL_RANGES[pixel_range]


def check_count(count: int, at_most: int, noun: str) -> None:
    """Refuse empty batches and too large ones."""
    if count == 0:
        raise InvalidBody(f"The body holds no {noun}; send at least one.")
    if count > at_most:
        raise TooManyImages(f"A request may hold {at_most} {noun}; send the others in further requests.")


def decode_base64(text: str) -> bytes:
    """The file in a base64 string, or in a data URI with base64 (RFC 2397, RFC 4648).

    Raises:
        InvalidImage: Neither, or a data URI of another media type than an image's that is read.
    """
    if text.startswith("data:"):
        match = _DATA_URI.match(text)
        if match is None or match[1] not in ENCODED_IMAGES:
            raise InvalidImage(f"expected a base64 data URI of {', '.join(ENCODED_IMAGES)}")
        text = text[match.end() :]
    try:
        return binascii.a2b_base64(text, strict_mode=True)  # as b64decode does, without its copy of the text
    except (binascii.Error, ValueError) as error:
        raise InvalidImage("expected base64 of an encoded image (the standard alphabet, padded, no spaces)") from error


def _all(failures: Sequence[tuple[int, type[Refusal], str]], count: int) -> Refusal:
    """One refusal for several images: of the first one's kind, with a fault for each."""
    faults = [Fault(detail, f"#/images/{index}") for index, _, detail in failures]
    index, kind, detail = failures[0]
    return kind(f"Image {index} of {count} (counted from 0): {detail}.", faults)


def _is_within(array: NDArray[Any], white: float) -> bool:
    """Whether all numbers lie in [0, white]; NaN does not."""
    # argmin and argmax find NaN first, and take a third of the time of min and max where there are few numbers.
    return bool(array.item(array.argmin()) >= 0 and array.item(array.argmax()) <= white)


def _range_rule(white: float) -> str:
    advice = ' (for 0 to 255 send "pixel_range": "byte")' if white == 1 else ""
    return f"numbers must be finite and within 0 and {white:g}{advice}"
