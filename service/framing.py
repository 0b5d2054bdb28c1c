"""The framing of encoded images, checked before they are decoded, where Pillow checks less than is safe."""

import re
import struct
import zlib
from itertools import islice

from service.errors import InvalidImage

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_GIF = b"GIF8"
_START_OF_SCAN = b"\xff\xda"
_MAX_CHUNKS = 10_000
"""Of a PNG; an encoder writes one for each 8 kB or more. Reading a chunk takes microseconds, however small it is."""
_MAX_SCANS = 50
"""Of a JPEG; progressive ones have about ten. Each is decoded over the whole image, however short it is."""
_SEGMENTS = re.compile(rb"\xff[\xc0-\xcf\xda-\xfe]")
"""Where a segment of a JPEG may begin; the compressed pixels hold none, other data few by chance."""
_MAX_PARTS = 20_000
_MAX_FILL_PAIRS = 100_000
"""Of fill bytes, 0xFF, of a JPEG; a white thumbnail in its header has 32,000 such pairs."""
_CHUNK_HEADER = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
_PNG_SIZE = struct.Struct(">II")
_SMALL_PIXELS = 2**14
_FEW_CHUNKS = 32
_INFLATED = frozenset({b"zTXt", b"iTXt", b"iCCP"})
"""Chunks that a decoder inflates beside the pixels: text and a colour profile, of a thousand times their bytes."""
_FRAME_BYTES = 12
"""Of each chunk: its length, its type and its CRC."""


def check_framing(file: bytes) -> None:
    """Refuse files that are cut short, altered, or made to take long; what is neither PNG nor JPEG passes.

    Raises:
        InvalidImage: A PNG without its end, with a wrong checksum or far too many chunks; a JPEG of far too many scans
            or segments; a GIF of far too many blocks before its first image.
    """
    if file.startswith(_PNG):
        _check_png(file)
    elif file.startswith(_JPEG):
        _check_jpeg(file)
    elif file.startswith(_GIF):
        _check_gif(file)


def _check_jpeg(file: bytes) -> None:
    if file.count(_START_OF_SCAN) > _MAX_SCANS:
        raise InvalidImage(f"a JPEG of more than {_MAX_SCANS} scans is not decoded")
    if file.count(b"\xff\xff") > _MAX_FILL_PAIRS:
        raise InvalidImage("a JPEG of very many fill bytes is not decoded")
    if sum(1 for _ in islice(_SEGMENTS.finditer(file), _MAX_PARTS + 1)) > _MAX_PARTS:
        raise InvalidImage(f"a JPEG of more than {_MAX_PARTS} segments is not decoded")


def _check_gif(file: bytes) -> None:
    """Follow the blocks of the extensions to the first image; what makes no sense is left to the decoder."""
    start, blocks = 13 + _colour_table_bytes(file), 0
    while file[start : start + 1] == b"!":
        start += 2  # the extension's kind; blocks follow, each after its length, and last an empty one
        while blocks <= _MAX_PARTS and start < len(file) and file[start]:
            start += 1 + file[start]
            blocks += 1
        start += 1
        blocks += 1
        if blocks > _MAX_PARTS:
            raise InvalidImage(f"a GIF of more than {_MAX_PARTS} blocks before its first image is not decoded")


def _colour_table_bytes(file: bytes) -> int:
    """The size of a GIF's global colour table (GIF89a, section 18)."""
    has_table = len(file) > 10 and file[10] & 0x80
    return 3 << ((file[10] & 7) + 1) if has_table else 0


def _check_png(file: bytes) -> None:
    """Follow the chunks to the last, IEND (W3C PNG, third edition, section 5.3)."""
    view, start, profiles = memoryview(file), len(_PNG), 0
    for _ in range(_MAX_CHUNKS):
        if start + _FRAME_BYTES > len(file):
            raise InvalidImage("the image data are cut short")
        length, kind = _CHUNK_HEADER.unpack_from(file, start)
        end = start + _FRAME_BYTES + length
        if end > len(file) or zlib.crc32(view[start + 4 : end - 4]) != _CHECKSUM.unpack_from(file, end - 4)[0]:
            raise InvalidImage("the image data are damaged: a checksum differs, or they are cut short")
        profiles += kind == b"iCCP"
        if profiles > 1:
            raise InvalidImage("a PNG of more than one colour profile is not decoded")
        if kind == b"IEND":
            return
        start = end
    raise InvalidImage(f"a PNG of more than {_MAX_CHUNKS} chunks is not decoded")


def is_quick_png(file: bytes) -> bool:
    """Whether a file says that it is a PNG of at most 2^14 pixels and little else: decoding it takes some 100 us."""
    if not file.startswith(_PNG) or len(file) < _PNG_SIZE.size + 16:
        return False
    width, height = _PNG_SIZE.unpack_from(file, 16)
    return bool(width * height <= _SMALL_PIXELS) and _is_little(file)


def _is_little(file: bytes) -> bool:
    """Whether a PNG has only few chunks, and none that may grow large."""
    start = len(_PNG)
    for _ in range(_FEW_CHUNKS):
        if start + _FRAME_BYTES > len(file):
            return False
        length, kind = _CHUNK_HEADER.unpack_from(file, start)
        if kind in _INFLATED or kind == b"IEND":
            return bool(kind == b"IEND")
        start += _FRAME_BYTES + length
    return False
