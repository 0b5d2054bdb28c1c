"""Small PNGs of the plainest kind, read and written ten times as fast as Pillow does: the home of imagecodecs.

It binds libspng, which writes them; they are read by zlib and a compiled loop.
"""

import struct
import zlib
from functools import lru_cache
from typing import NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from service.compiled import exact

_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_HEADER = struct.Struct(">IIBBBBB")
_DATA_START = 33
"""Where the chunk after IHDR begins."""
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_CHUNK, _CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
_CHANNELS = {0: 1, 2: 3}
"""Of the colour types grey and RGB, which have neither a palette nor transparency."""
_MOST_VALUES, _MOST_PARTS = 2**16, 31
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4
"""The filters that a row may have, beside 0 for none (W3C PNG, section 9)."""
_NOTHING = np.int64(0)
"""What stands beside and above an image."""
_PACKET_BYTES = 1_000
"""What a packet of Ethernet has room for beside the headers of an answer and the frame of a PNG."""


def decode_plain(file: bytes) -> NDArray[np.uint8] | None:
    """Decode a small grey or RGB PNG of 8 bits -> (height, width, channels); None for any that is not surely well.

    It takes only files that every decoder reads alike: without interlacing, palette, transparency or any chunk
    beside IHDR, IDAT and IEND, of right checksums, and with compressed data of exactly the length that they must have.
    Everything else is left to Pillow, with its meanings and its refusals.
    """
    if (found := _inflate(file)) is None:
        return None
    shape, rows = found
    pixels = np.empty(shape, np.uint8)
    return pixels if _unfilter(rows, shape.row_bytes, shape.channels, pixels.reshape(-1)) else None


def decode_plain_to_unit(file: bytes) -> NDArray[np.float32] | None:
    """As `decode_plain`, with numbers in [0, 1] as `to_unit` makes them."""
    if (found := _inflate(file)) is None:
        return None
    shape, rows = found
    numbers = np.empty(shape, np.float32)
    return numbers if _unfilter_to_unit(rows, shape.row_bytes, shape.channels, numbers.reshape(-1)) else None


def warm_up() -> None:
    """Compile the loops, or load what was compiled, so that no request waits for it."""
    file = encode(np.zeros((1, 1, 3), np.uint8))
    decode_plain(file)
    decode_plain_to_unit(file)


def encode(pixels: NDArray[np.uint8], *, is_alone: bool = False) -> bytes:
    """`(height, width[, 3])` bytes -> a PNG file, soon rather than small.

    One that is sent alone is not compressed where it fits into a packet anyway: that takes four fifths of the time.
    """
    level = 0 if is_alone and len(pixels) + pixels.size <= _PACKET_BYTES else 1
    return bytes(imagecodecs.spng_encode(pixels, level=level))


class _Shape(NamedTuple):
    """Of an image, as its first chunk gives it."""

    height: int
    width: int
    channels: int

    @property
    def row_bytes(self) -> int:
        """Of a row, without that which names its filter."""
        return self.width * self.channels


@lru_cache(maxsize=256)
def _read_start(start: bytes) -> _Shape | None:
    """What the signature and the first chunk say, where it is well: the same for all images of a kind."""
    if not start.startswith(_START) or len(start) < _DATA_START:
        return None
    width, height, depth, colour, compression, filters, interlace = _HEADER.unpack_from(start, len(_START))
    channels = _CHANNELS.get(colour)
    is_right = zlib.crc32(start[12:-4]) == _CHECKSUM.unpack(start[-4:])[0]
    if not is_right or (depth, compression, filters, interlace) != (8, 0, 0, 0) or channels is None:
        return None
    shape = _Shape(height, width, channels)
    return shape if height * width > 0 and height * (1 + shape.row_bytes) <= _MOST_VALUES else None


def _inflate(file: bytes) -> tuple[_Shape, NDArray[np.uint8]] | None:
    """The shape of an image and its rows, filtered and flat, if the file holds just these."""
    if (shape := _read_start(file[:_DATA_START])) is None or (data := _data(file)) is None:
        return None
    size, stream = shape.height * (1 + shape.row_bytes), zlib.decompressobj()
    try:
        rows = stream.decompress(data, size + 1)
    except zlib.error:
        return None
    if len(rows) != size or not stream.eof or stream.unused_data:
        return None
    return shape, np.frombuffer(rows, np.uint8)


def _data(file: bytes) -> bytes | None:
    """The contents of all IDAT chunks, where only few of them lie between IHDR and the end, and checksums are right."""
    parts, start, last = list[bytes](), _DATA_START, len(file) - len(_END)
    while start < last and len(parts) < _MOST_PARTS:
        length, kind = _CHUNK.unpack_from(file, start)
        end = start + 8 + length
        chunk = file[start + 4 : end]
        if kind != b"IDAT" or end + 4 > last or zlib.crc32(chunk) != _CHECKSUM.unpack_from(file, end)[0]:
            return None
        parts.append(chunk[4:])
        start = end + 4
    return b"".join(parts) if start == last and file.endswith(_END) else None


@exact
def _unfilter(  # noqa: C901  (a loop for each filter: one for all takes twice as long)
    rows: NDArray[np.uint8], size: int, channels: int, pixels: NDArray[np.uint8]
) -> bool:
    """Undo the filter of every row of `size` bytes, named by the byte before it; whether there are such filters.

    Sums of bytes are taken modulo 256, as they are stored. Both arrays are flat: where a pixel's neighbours lie is
    counted in bytes from it.
    """
    read = 0
    for y in range(len(pixels) // size):
        kind = rows[read]
        read += 1
        start = y * size
        for x in range(size):
            pixels[np.uint64(start + x)] = rows[np.uint64(read + x)]
        read += size
        row = pixels[start : start + size]
        if kind == _SUB:
            for x in range(channels, size):
                row[np.uint64(x)] += row[np.uint64(x - channels)]
        elif kind == _UP:
            for x in range(size if y else 0):
                row[np.uint64(x)] += pixels[np.uint64(start + x - size)]
        elif kind == _AVERAGE:
            for x in range(size):
                left = np.int64(row[np.uint64(x - channels)]) if x >= channels else _NOTHING
                above = np.int64(pixels[np.uint64(start + x - size)]) if y else _NOTHING
                row[np.uint64(x)] += (left + above) // 2
        elif kind == _PAETH:
            for x in range(size):
                left = np.int64(row[np.uint64(x - channels)]) if x >= channels else _NOTHING
                above = np.int64(pixels[np.uint64(start + x - size)]) if y else _NOTHING
                corner = np.int64(pixels[np.uint64(start + x - size - channels)]) if y and x >= channels else _NOTHING
                row[np.uint64(x)] += _nearest(left, above, corner)
        elif kind != 0:
            return False
    return True


@exact
def _unfilter_to_unit(rows: NDArray[np.uint8], size: int, channels: int, numbers: NDArray[np.float32]) -> bool:
    """As `_unfilter`, and bring the bytes to scale: in one call, since to call takes as long as to compute."""
    pixels = np.empty(len(numbers), np.uint8)
    is_right = _unfilter(rows, size, channels, pixels)
    for place in range(len(pixels)):
        numbers[place] = np.float32(pixels[place]) / np.float32(255)
    return is_right


@exact
def _nearest(left: np.int64, above: np.int64, corner: np.int64) -> np.int64:
    """Which neighbour is nearest to `left + above - corner`, and of several the first (Paeth 1991)."""
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner
