"""The frame of a PNG file, checked as the standard says and Pillow does not (W3C PNG, third edition, section 5.3)."""

import struct
import zlib

from service.errors import InvalidImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4s")
_FRAME_BYTES = 12
"""Of each chunk: its length, its type and its CRC."""


def check_png(file: bytes) -> None:
    """Refuse a PNG that is cut short or whose bytes were altered, as its chunks' checksums show.

    Raises:
        InvalidImage: A chunk's CRC differs, or the last chunk, IEND, is missing.
    """
    view, start, kind = memoryview(file), len(SIGNATURE), b""
    while kind != b"IEND":
        if start + _FRAME_BYTES > len(file):
            raise InvalidImage("the image data are cut short")
        length, kind = _HEADER.unpack_from(view, start)
        end = start + _FRAME_BYTES + length
        if end > len(file) or zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise InvalidImage("the image data are damaged: a checksum differs")
        start = end
