"""The framing of encoded images, checked before they are decoded, where Pillow checks less than is safe."""

import struct
import zlib

from service.errors import InvalidImage

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_START_OF_SCAN = b"\xff\xda"
_MAX_CHUNKS = 10_000
"""Of a PNG; an encoder writes one for each 8 kB or more. Reading a chunk takes microseconds, however small it is."""
_MAX_SCANS = 50
"""Of a JPEG; progressive ones have about ten. Each is decoded over the whole image, however short it is."""
_CHUNK_HEADER = struct.Struct(">I4s")
_FRAME_BYTES = 12
"""Of each chunk: its length, its type and its CRC."""


def check_framing(file: bytes) -> None:
    """Refuse files that are cut short, altered, or made to take long; what is neither PNG nor JPEG passes.

    Raises:
        InvalidImage: A PNG without its end, with a wrong checksum or far too many chunks; a JPEG of far too many scans.
    """
    if file.startswith(_PNG):
        _check_png(file)
    elif file.startswith(_JPEG) and file.count(_START_OF_SCAN) > _MAX_SCANS:
        raise InvalidImage(f"a JPEG of more than {_MAX_SCANS} scans is not decoded")


def _check_png(file: bytes) -> None:
    """Follow the chunks to the last, IEND (W3C PNG, third edition, section 5.3)."""
    view, start = memoryview(file), len(_PNG)
    for _ in range(_MAX_CHUNKS):
        if start + _FRAME_BYTES > len(file):
            raise InvalidImage("the image data are cut short")
        length, kind = _CHUNK_HEADER.unpack_from(view, start)
        end = start + _FRAME_BYTES + length
        if end > len(file) or zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise InvalidImage("the image data are damaged: a checksum differs, or they are cut short")
        if kind == b"IEND":
            return
        start = end
    raise InvalidImage(f"a PNG of more than {_MAX_CHUNKS} chunks is not decoded")
