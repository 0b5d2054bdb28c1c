"""Small PNGs of the plainest kind, read and written several times as fast as Pillow does: the home of imagecodecs.

It binds libspng, a PNG codec that takes a tenth of Pillow's time for an image of 28 by 28.
"""

import struct
import zlib

import imagecodecs
import numpy as np
from numpy.typing import NDArray

_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_HEADER = struct.Struct(">IIBBBBB")
_DATA_START = 33
"""Where the chunk after IHDR begins."""
_CHUNK = struct.Struct(">I4s")
_CHANNELS = {0: 1, 2: 3}
"""Of the colour types grey and RGB, which have neither a palette nor transparency."""
_MOST_VALUES = 2**16
_MOST_FILTER = 4
_PACKET_BYTES = 1_000
"""What a packet of Ethernet has room for beside the headers of an answer and the frame of a PNG."""


def decode_plain(file: bytes) -> NDArray[np.uint8] | None:
    """Decode a small grey or RGB PNG of 8 bits -> (height, width, channels); None for any that is not surely well.

    It takes only files that every decoder reads alike: without interlacing, palette, transparency or any chunk
    beside IHDR, IDAT and IEND, with compressed data of exactly the length that they must have. Their checksums are
    checked before (`check_framing`). Everything else is left to Pillow, with its meanings and its refusals.
    """
    if not file.startswith(_START) or len(file) < _DATA_START:
        return None
    width, height, depth, colour, compression, filters, interlace = _HEADER.unpack_from(file, len(_START))
    channels = _CHANNELS.get(colour)
    if (depth, compression, filters, interlace) != (8, 0, 0, 0) or channels is None:
        return None
    row = 1 + width * channels
    data = _data(file)
    if not (width and height and height * row <= _MOST_VALUES) or data is None or not _is_whole(data, height, row):
        return None
    try:
        pixels: NDArray[np.uint8] = imagecodecs.spng_decode(file)
    except imagecodecs.SpngError:
        return None
    return pixels.reshape(height, width, channels)


def encode(pixels: NDArray[np.uint8], *, is_alone: bool = False) -> bytes:
    """`(height, width[, 3])` bytes -> a PNG file, soon rather than small.

    One that is sent alone is not compressed where it fits into a packet anyway: that takes four fifths of the time.
    """
    level = 0 if is_alone and len(pixels) + pixels.size <= _PACKET_BYTES else 1
    return bytes(imagecodecs.spng_encode(pixels, level=level))


def _data(file: bytes) -> bytes | None:
    """The contents of all IDAT chunks, where nothing else lies between IHDR and the end of the file."""
    parts, start = [], _DATA_START
    while start + 12 <= len(file):
        length, kind = _CHUNK.unpack_from(file, start)
        start += 12 + length
        if kind == b"IDAT":
            parts.append(file[start - length - 4 : start - 4])
        else:
            return b"".join(parts) if kind == b"IEND" and length == 0 and start == len(file) else None
    return None


def _is_whole(data: bytes, height: int, row: int) -> bool:
    """Whether data decompress to rows of just this size, each with a filter that there is (W3C PNG, section 9)."""
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(data, height * row + 1)
    except zlib.error:
        return False
    is_all = len(rows) == height * row and stream.eof and not stream.unused_data
    return is_all and max(rows[::row]) <= _MOST_FILTER
