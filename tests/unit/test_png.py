"""The quick way with plain PNGs gives what Pillow gives, whatever the file, and says no to what it is not sure of."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service import png
from service.arrays import to_unit
from service.errors import ImageTooLarge, Refusal
from service.images import decode, decode_to_unit

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2}
CASES, IN_ONE_TEST = 1500, 100
MAX_PIXELS = 10_000


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def flip(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


@dataclass(frozen=True)
class Case:
    """A file, and the size of the model that it is decoded for."""

    file: bytes
    height: int
    width: int
    channels: int


class Maker:
    """Makes PNGs by chance: most are whole and plain, the others have one or two things that are not."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def case(self) -> Case:
        height, width, channels = self._random.randint(1, 12), self._random.randint(1, 12), self._random.choice([1, 3])
        stream = self._stream(self._rows(height, 1 + width * channels))
        data = b"".join(chunk(b"IDAT", part) for part in self._split(stream))
        extra = chunk(*self._random.choice(EXTRA_CHUNKS)) if self._one_in(15) else b""
        before, after = (extra, b"") if self._one_in(2) else (b"", extra)
        end = chunk(b"IEND", b"x" if self._one_in(50) else b"")
        file = SIGNATURE + self._header(height, width, channels) + before + data + after + end
        return Case(self._damaged(file), *self._target(height, width), channels)

    def _one_in(self, count: int) -> bool:
        return self._random.random() < 1 / count

    def _rows(self, height: int, size: int) -> bytes:
        """Filtered rows; one in a hundred has a filter that there is not."""
        filters = [self._random.randint(5, 255) if self._one_in(100) else self._random.randint(0, 4)] * height
        if self._one_in(2):
            filters = [self._random.randint(0, 4) for _ in range(height)]
        rows = b"".join(bytes([one]) + self._random.randbytes(size - 1) for one in filters)
        if self._one_in(15):
            return rows[: self._random.randint(0, len(rows))]
        return rows + self._random.randbytes(self._random.randint(1, 9)) if self._one_in(15) else rows

    def _stream(self, rows: bytes) -> bytes:
        """Compressed rows; the checksums of the chunks are made later, and right, for what is changed here."""
        stream = zlib.compress(rows, self._random.randint(0, 9))
        change = self._random.random()
        if change < 0.08:
            return flip(stream, self._random.randrange(len(stream)), self._random.randrange(8))
        if change < 0.14:
            return stream[: self._random.randint(0, len(stream))]
        if change < 0.18:
            return stream + self._random.randbytes(3)
        return flip(stream, len(stream) - 1, 0) if change < 0.21 else stream

    def _split(self, stream: bytes) -> list[bytes]:
        if not self._one_in(3):
            return [stream]
        place = self._random.randint(0, len(stream))
        return [stream[:place], b"", stream[place:]]

    def _header(self, height: int, width: int, channels: int) -> bytes:
        usual = [width, height, 8, COLOUR_TYPES[channels], 0, 0, 0]
        unusual = [
            self._random.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, width + 1, width * 2]),
            self._random.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, height + 1, height * 2]),
            self._random.choice([1, 2, 4, 7, 16]), self._random.randint(0, 7), 1, 1, self._random.randint(1, 2),
        ]  # fmt: skip
        fields = [other if self._one_in(50) else one for one, other in zip(usual, unusual, strict=True)]
        return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))

    def _damaged(self, file: bytes) -> bytes:
        """The file, or one with a flipped bit, cut short, or with bytes after its end."""
        change = self._random.random()
        if change < 0.04:
            return flip(file, self._random.randrange(len(file)), self._random.randrange(8))
        if change < 0.06:
            return file[: self._random.randint(0, len(file))]
        return file + self._random.randbytes(4) if change < 0.1 else file

    def _target(self, height: int, width: int) -> tuple[int, int]:
        return (height + 1, width) if self._one_in(20) else (height, width)


EXTRA_CHUNKS = (
    (b"tEXt", b"a\0b"),
    (b"tRNS", b"\0\0"),
    (b"tRNS", b"\0\1\0\2\0\3"),
    (b"PLTE", b"\0\1\2"),
    (b"gAMA", struct.pack(">I", 45455)),
    (b"sBIT", b"\4"),
    (b"bKGD", b"\0\0"),
    (b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    (b"acTL", struct.pack(">II", 1, 0)),
    (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
    (b"IEND", b""),
    (b"aBCd", b"private"),
    (b"ABCd", b"critical and unknown"),
)


def outcome(case: Case, read: Callable[..., NDArray[Any]] = decode) -> object:
    """The pixels, or the refusal, in a form that can be compared."""
    try:
        pixels = read(case.file, case.height, case.width, case.channels, MAX_PIXELS)
    except Refusal as refusal:
        return type(refusal), refusal.detail
    return pixels.shape, pixels.dtype, pixels.tobytes()


def cases(seed: int) -> list[Case]:
    maker = Maker(seed)
    return [maker.case() for _ in range(IN_ONE_TEST)]


@pytest.mark.parametrize("seed", range(CASES // IN_ONE_TEST))
def test_the_quick_way_gives_what_pillow_gives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cases(seed)
    with_it = [outcome(case) for case in made]
    monkeypatch.setattr(png, "decode_plain", lambda _: None)
    without = [outcome(case) for case in made]
    for case, quick, slow in zip(made, with_it, without, strict=True):
        assert quick == slow, case


@pytest.mark.parametrize("seed", range(CASES // IN_ONE_TEST))
def test_numbers_are_the_bytes_brought_to_scale(seed: int) -> None:
    for case in cases(seed):
        assert outcome(case, decode_to_unit) == outcome(case, lambda *args: to_unit(decode(*args))), case
        assert (png.decode_plain_to_unit(case.file) is None) == (png.decode_plain(case.file) is None), case


def test_many_of_these_files_take_the_quick_way_and_many_do_not() -> None:
    """And many of the latter are refused, and many are not, else the test above would say little."""
    made = [case for seed in range(CASES // IN_ONE_TEST) for case in cases(seed)]
    quick = [case for case in made if png.decode_plain(case.file) is not None]
    refused = [case for case in made if isinstance(outcome(case)[0], type)]  # type: ignore[index]
    assert len(made) * 0.25 < len(quick) < len(made) * 0.75
    assert len(made) * 0.1 < len(refused)
    assert len(made) - len(quick) - len(refused) > len(made) * 0.05


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def file_of(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


SHAPES = [(1, 1), (8, 8), (28, 28), (1, 300), (300, 1), (6, 10, 3), (32, 32, 3), (1, 1, 3), (255, 256), (100, 200, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_encoded_is_read_back_by_itself_and_by_pillow(shape: tuple[int, ...]) -> None:
    pixels = noise(*shape)
    file = png.encode(pixels)
    decoded = png.decode_plain(file)
    assert decoded is not None
    np.testing.assert_array_equal(decoded.reshape(shape), pixels)
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("shape", SHAPES)
def test_files_of_pillow_are_decoded_quickly(shape: tuple[int, ...]) -> None:
    pixels = noise(*shape)
    decoded = png.decode_plain(file_of(pixels))
    assert decoded is not None
    np.testing.assert_array_equal(decoded.reshape(shape), pixels)


def test_large_files_are_left_to_pillow() -> None:
    assert png.decode_plain(file_of(noise(300, 300))) is None


@pytest.mark.parametrize("target", [(8, 8), (20, 20)])
def test_a_plain_file_of_more_pixels_than_are_taken_is_refused(target: tuple[int, int]) -> None:
    file = file_of(noise(20, 20))
    assert png.decode_plain(file) is not None
    with pytest.raises(ImageTooLarge):
        decode(file, *target, 1, max_pixels=399)
    assert decode(file, *target, 1, max_pixels=400).shape == (*target, 1)


def test_any_cut_of_a_plain_file_is_left_to_pillow() -> None:
    file = file_of(noise(5, 5))
    assert png.decode_plain(file) is not None
    for length in range(len(file)):
        assert png.decode_plain(file[:length]) is None


def test_a_small_image_in_very_many_parts_is_left_to_be_refused() -> None:
    rows = zlib.compress(bytes(3))
    file = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 0, 0, 0, 0)) + b"%b" + chunk(b"IDAT", rows)
    few, many = (file.replace(b"%b", chunk(b"IDAT") * count) + chunk(b"IEND") for count in (30, 31))
    assert png.decode_plain(few) is not None
    assert png.decode_plain(many) is None
