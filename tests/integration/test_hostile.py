"""Hostile requests: whatever is sent, the answer is a small problem document, soon, and without the input in it."""

import base64
import contextlib
import gzip
import io
import itertools
import json
import re
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx2 as httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from service.errors import Refusal
from service.npy import write_npy
from service.schemas import Problem
from service.settings import Settings
from tests.integration.conftest import Server, StartServer, wait_until

JSON, NPY, PNG = "application/json", "application/x-npy", "image/png"
ROUTES = ("/encode", "/decode", "/reconstruct", "/interpolate", "/tsne")
IMAGE_ROUTES = ("/encode", "/reconstruct", "/interpolate?steps=2", "/tsne?iterations=250")
CANARY = "canary-5f1d"
BOUNDARY = "boundary-4711"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
LARGEST_BODY = 32 * 2**20
PROBLEM_KEYS = {"type", "title", "status", "detail", "request_id", "errors"}
SLUGS = {kind.slug: kind for kind in Refusal.__subclasses__()}
Body: TypeAlias = tuple[str, bytes]
"""A Content-Type and content."""


@dataclass(frozen=True)
class Attack:
    """One request that must be refused by every route."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def on(self, client: httpx.Client, route: str) -> httpx.Response:
        return client.post(route, content=self.content, headers={"Content-Type": self.content_type} | self.headers)


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def pictures(count: int) -> list[Image.Image]:
    return [Image.fromarray(one) for one in noise(count, 8, 8, 3)]


def chunk(name: bytes, content: bytes = b"", crc_flips: int = 0) -> bytes:
    crc = zlib.crc32(name + content) ^ crc_flips
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def png(width: int, height: int, data: bytes, *more: bytes, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG file whose header need not fit its data."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND")


def webp(width: int, height: int) -> bytes:
    """An extended WebP of a size, in which there is no image."""
    canvas = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    content = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas
    return b"RIFF" + struct.pack("<I", len(content)) + content


def gif(width: int, height: int, *, frame: tuple[int, int] = (8, 8)) -> bytes:
    size = struct.pack("<HH", width, height)
    image = b",\0\0\0\0" + struct.pack("<HH", *frame) + b"\0\x02\x02\x4c\x01\0"
    return b"GIF89a" + size + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + image + b";"


def with_size(bmp_or_jpeg: bytes, place: int, size: bytes) -> bytes:
    return bmp_or_jpeg[:place] + size + bmp_or_jpeg[place + len(size) :]


BLACK = bytes(4097) * 4096
WAVES: dict[str, Any] = {"progressive": True}
EVEN: dict[str, Any] = {"lossless": True, "quality": 0}
SMALL = encoded(Image.fromarray(noise(8, 8)), "PNG")
GOOD = encoded(Image.fromarray(noise(3, 3)), "PNG")


def valid_images() -> dict[str, bytes]:
    """Images that are unusual, and whole."""
    first, *others = pictures(3)
    grey, palette = Image.fromarray(noise(8, 8)), first.quantize(8)
    animated: dict[str, Any] = {"save_all": True, "append_images": others}
    return {
        "a small PNG": SMALL,
        "an animated PNG": encoded(first, "PNG", **animated),
        "an animated GIF": encoded(first, "GIF", **animated),
        "an animated WebP": encoded(first, "WEBP", lossless=True, **animated),
        "a PNG of 16 bits": encoded(Image.fromarray(noise(8, 8).astype(np.uint16) * 257), "PNG"),
        "a JPEG in CMYK": encoded(first.convert("CMYK"), "JPEG"),
        "a progressive JPEG": encoded(first, "JPEG", progressive=True),
        "a PNG with a palette and transparency": encoded(palette, "PNG", transparency=0),
        "a GIF with transparency": encoded(palette, "GIF", transparency=0),
        "a PNG of 1 bit": encoded(grey.convert("1"), "PNG"),
        "a grey PNG with opacity": encoded(grey.convert("LA"), "PNG"),
        "a PNG of one pixel": encoded(Image.new("L", (1, 1)), "PNG"),
        "a PNG of one long row": encoded(Image.new("L", (5000, 1)), "PNG"),
        "a BMP": encoded(first, "BMP"),
    }


VALID_IMAGES = valid_images()


def bytes_needed(image: bytes) -> int:
    """How many bytes must be there: all, or of a GIF, which has no table of contents, the data of the first frame."""
    first_frame = re.search(rb"^GIF.*?,\0{4}\x08\0\x08\0.*?(?=\0!\xf9\x04|\0;$)", image, re.DOTALL)
    return len(first_frame[0]) if first_frame else len(image)


def broken_images() -> dict[str, bytes]:
    """Images that cannot be decoded, or must not be."""
    jpeg, bmp = encoded(pictures(1)[0], "JPEG"), encoded(pictures(1)[0], "BMP")
    frame_header = jpeg.index(b"\xff\xc0") + 5
    ihdr, idat = SMALL[8:33], SMALL[33:-12]
    return {
        "no bytes": b"", "one byte": b"\x89", "text": CANARY.encode(), "zeros": bytes(1000), "HTML": b"<html>" * 50,
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PDF": b"%PDF-1.7\n",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0", "TIFF": encoded(pictures(1)[0], "TIFF"),
        "ICO": encoded(pictures(1)[0], "ICO"), "PPM": b"P6 8 8 255 " + bytes(192), "a zip": b"PK\x03\x04" + bytes(100),
        "gzip": gzip.compress(SMALL), "a signature": SMALL[:8],
        "a wrong CRC of IHDR": SMALL[:32] + bytes([SMALL[32] ^ 1]) + SMALL[33:],
        "a wrong CRC of IDAT": SMALL[:-13] + bytes([SMALL[-13] ^ 1]) + SMALL[-12:],
        "a wrong CRC of IEND": SMALL[:-1] + bytes([SMALL[-1] ^ 1]),
        "no IHDR": SMALL[:8] + SMALL[33:],
        "no IDAT": SMALL[:33] + SMALL[-12:], "no IEND": SMALL[:8] + ihdr + idat,
        "a chunk longer than the file": SMALL[:33] + b"\x7f\xff\xff\xffIDAT" + SMALL[41:],
        "a chunk of negative length": SMALL[:33] + b"\xff\xff\xff\xffIDAT" + SMALL[41:],
        "no deflate stream": SMALL[:33] + chunk(b"IDAT", b"x" * 99) + chunk(b"IEND"),
        "a PNG of zero width": png(0, 8, bytes(8)), "a PNG of zero height": png(8, 0, b""),
        "3 bits": png(8, 8, bytes(72), bits=3), "an unknown colour type": png(8, 8, bytes(72), colour=5),
        "a palette that is not there": png(8, 8, b"\0" + b"\xff" * 71, colour=3)[:60],
        "a text chunk with the canary, cut":
            SMALL[:33] + chunk(b"tEXt", f"{CANARY}\0{CANARY}".encode()) + SMALL[33:-20],
        "a PNG of 2^31 pixels a side": png(2**31 - 1, 2**31 - 1, bytes(100)),
        "a PNG of 2^32 pixels": png(65_536, 65_536, b"\0"),
        "a text bomb": png(8, 8, bytes(72), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))),
        "an international text bomb":
            png(8, 8, bytes(72), chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(50_000_000), 9))),
        "a colour profile bomb": png(8, 8, bytes(72), chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))),
        "a GIF of 2^32 pixels": gif(65_535, 65_535), "a GIF whose frame is larger": gif(8, 8, frame=(65_535, 65_535)),
        "a GIF of zero width": gif(0, 8, frame=(0, 8)), "a WebP of 2^28 pixels": webp(16_384, 16_384),
        "an empty WebP": webp(8, 8), "a WebP of 2^32 pixels": webp(65_536, 65_536),
        "a WebP that is too long": b"RIFF\xff\xff\xff\xffWEBPVP8L",
        "a JPEG of 2^32 pixels": with_size(jpeg, frame_header, b"\xff\xff\xff\xff"),
        "a JPEG of zero height": with_size(jpeg, frame_header, b"\0\0\0\x08"),
        "a JPEG without data": jpeg[: frame_header + 15],
        "a JPEG of 2 components": with_size(jpeg, frame_header + 4, b"\x02"),
        "a BMP of 2^62 pixels": with_size(bmp, 18, b"\xff\xff\xff\x7f" * 2),
        "a BMP of zero width": with_size(bmp, 18, bytes(4)),
        "a BMP of negative width": with_size(bmp, 18, b"\xf8\xff\xff\xff"),
        "a BMP of 7 bits": with_size(bmp, 28, b"\x07\0"),
        "a BMP whose data lie elsewhere": with_size(bmp, 10, b"\xff\xff\xff\x7f"),
    }  # fmt: skip


def form(*files: bytes, name: str = "a.png", boundary: str = BOUNDARY) -> bytes:
    disposition = f'Content-Disposition: form-data; name="images"; filename="{name}"'.encode()
    parts = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), disposition, file) for file in files]
    return b"".join(parts) + b"--%s--\r\n" % boundary.encode()


def with_labels(labels: bytes, *headers: str) -> bytes:
    """A form with one image, and labels."""
    lines = [f"--{BOUNDARY}", 'Content-Disposition: form-data; name="labels"', *headers, "", ""]
    return "\r\n".join(lines).encode() + labels + b"\r\n" + form(GOOD)


def text_of(file: bytes) -> str:
    return base64.b64encode(file).decode()


def in_every_form(file: bytes) -> Iterator[Body]:
    """One image in each kind of body; among good ones where a body holds several, as walks and maps need them."""
    yield PNG, file
    yield JSON, json.dumps({"images": [text_of(GOOD), text_of(file), text_of(GOOD), text_of(GOOD)]}).encode()
    uris = [f"data:image/webp;base64,{text_of(one)}" for one in (GOOD, GOOD, GOOD, file)]
    yield JSON, json.dumps({"images": uris}).encode()
    yield FORM, form(file, GOOD, GOOD, GOOD)


def image_attacks() -> Iterator[Attack]:
    for name, file in broken_images().items():
        for index, (content_type, content) in enumerate(in_every_form(file)):
            yield Attack(f"{name} ({index})", content_type, content)


def json_attacks() -> Iterator[Attack]:
    good = json.dumps(text_of(GOOD))
    not_json = {
        "no bytes": b"", "a space": b" ", "text": CANARY.encode(), "an open object": b'{"images": [',
        "NaN": b'{"images": [NaN]}', "Infinity": b'{"latents": [[Infinity]]}', "1e999": b'{"images": [[1e999]]}',
        "-1e999": b'{"latents": [[-1e999]]}', "30 digits": b'{"images": [[123456789012345678901234567890]]}',
        "trailing garbage": b'{"images": []} ' + CANARY.encode(), "invalid UTF-8": b'{"images": ["\xff\xfe"]}',
        "a lone surrogate": b'{"images": ["\\ud800"]}', "UTF-16": '{"images": []}'.encode("utf-16"),
        "deep lists": b"[" * 100_000, "deep objects": b'{"images":' * 100_000,
        "deep images": b'{"images": ' + b"[" * 5000 + b"]" * 5000 + b"}", "a NUL": b"\0" * 1000,
        "a comment": b"{/**/}",
    }  # fmt: skip
    for name, content in not_json.items():
        yield Attack(f"JSON: {name}", JSON, content, 400)
    structures = {
        "a list": "[1]", "null": "null", "a number": "1e5", "a string": f'"{CANARY}"', "an empty object": "{}",
        "an unknown key": f'{{"{CANARY}": 1}}', "an unknown key beside": f'{{"images": [{good}], "{CANARY}": 1}}',
        "a key twice": f'{{"images": [{good}], "images": [{good}]}}',
        "a key twice in disguise": '{"images": [], "image\\u0073": []}',
        "a key with a NUL": '{"images\\u0000": [[1]]}', "both": f'{{"images": [{good}], "latents": [[1]]}}',
        "images: null": '{"images": null}', "images: text": f'{{"images": "{CANARY}"}}',
        "images: an object": '{"images": {"0": 1}}', "no images": '{"images": []}', "no latents": '{"latents": []}',
        "latents: null": '{"latents": null}', "an image of null": '{"images": [null]}',
        "an image of true": '{"images": [true]}', "an image of 1": '{"images": [1]}',
        "an object for an image": f'{{"images": [{{"{CANARY}": 1}}]}}', "an empty image": '{"images": [[]]}',
        "an empty text": '{"images": [""]}', "text that is no base64": f'{{"images": ["{CANARY} !"]}}',
        "base64 in lines": f'{{"images": ["{text_of(GOOD)[:8]}\\n{text_of(GOOD)[8:]}"]}}',
        "cut base64": f'{{"images": ["{text_of(GOOD)[:-3]}"]}}',
        "a URL": f'{{"images": ["http://127.0.0.1:1/{CANARY}.png"]}}', "a path": '{"images": ["/etc/passwd"]}',
        "a file URL": '{"images": ["file:///etc/passwd"]}',
        "a data URI of text": f'{{"images": ["data:text/html;base64,{text_of(GOOD)}"]}}',
        "a data URI without base64": '{"images": ["data:image/png,%89PNG"]}',
        "an open data URI": '{"images": ["data:"]}',
        "a data URI of a bomb of letters": f'{{"images": ["data:{"a" * 10**6}"]}}',
        "a ragged image": '{"images": [[[0, 0], [0]]]}', "a hidden list": '{"images": [[0, [0], 0]]}',
        "an image of the wrong size": '{"images": [[0, 0]]}', "text in an image": f'{{"images": [["{CANARY}"]]}}',
        "a deep image": f'{{"images": [{"[" * 500}0{"]" * 500}]}}',
        "a negative pixel": json.dumps({"images": [[-1.0] * 64]}),
        "a pixel above white": json.dumps({"images": [[1e308] * 64]}),
        "a pixel range of its own": f'{{"images": [{good}], "pixel_range": "{CANARY}"}}',
        "a pixel range of null": f'{{"images": [{good}], "pixel_range": null}}',
        "a pixel range of a list": f'{{"images": [{good}], "pixel_range": ["unit"]}}',
        "a short latent": '{"latents": [[1]]}', "a nested latent": json.dumps({"latents": [[[1]] * 6]}),
        "a latent of text": f'{{"latents": ["{CANARY}"]}}',
        "a latent beyond 32 bits": json.dumps({"latents": [[1e300] * 6] * 5}),
        "a latent with an object": f'{{"latents": [[{{"{CANARY}": 1}}]]}}', "no reference": '{"reference": false}',
        "reference: 1": '{"reference": 1}', "reference: text": f'{{"reference": "{CANARY}"}}',
        "labels alone": f'{{"labels": ["{CANARY}"]}}',
        "labels of the reference": f'{{"reference": true, "labels": ["{CANARY}"]}}',
        "too few labels": f'{{"images": [{good}, {good}, {good}, {good}], "labels": ["{CANARY}"]}}',
        "a label of a list": f'{{"images": [{good}, {good}, {good}, {good}], "labels": [["{CANARY}"], 1, 1, 1]}}',
        "a label of 1.5": f'{{"images": [{good}, {good}, {good}, {good}], "labels": [1.5, 1, 1, 1]}}',
        "a label of true": f'{{"images": [{good}, {good}, {good}, {good}], "labels": [true, 1, 1, 1]}}',
        "a long label": f'{{"images": [{good}, {good}, {good}, {good}], "labels": ["{CANARY * 20}", 1, 1, 1]}}',
        "many faults": json.dumps({"images": [CANARY] * 5000}),
        "many wrong shapes": json.dumps({"images": [[1, 2]] * 5000}),
        "many short latents": json.dumps({"latents": [[1]] * 5000}),
        "many large latents": json.dumps({"latents": [[1e300] * 6] * 5000}),
        "10,001 images": json.dumps({"images": [""] * 10_001}),
        "10,001 latents": json.dumps({"latents": [[0] * 6] * 10_001}),
        "10,001 labels": json.dumps({"images": [text_of(GOOD)], "labels": [1] * 10_001}),
        "100,000 keys": "{" + ",".join(f'"{CANARY}{key}":0' for key in range(100_000)) + "}",
        "100,000 times a key": "{" + ",".join('"images":0' for _ in range(100_000)) + "}",
    }  # fmt: skip
    for name, document in structures.items():
        yield Attack(f"JSON: {name}", JSON, document.encode())


MAX_VALUES: int = Settings.model_fields["max_json_values"].default
HALF = (MAX_VALUES - 10) // 2
LARGE_ATTACKS: dict[str, Callable[[], Body]] = {
    "a body of zeros": lambda: (JSON, b'{"images":[[' + b"0," * (LARGEST_BODY // 2 - 20) + b"0]]}"),
    "a body of lists": lambda: (JSON, b'{"latents":[' + b"[]," * (LARGEST_BODY // 3 - 20) + b"[]]}"),
    "a body of labels": lambda: (JSON, b'{"labels":[' + b"0," * (LARGEST_BODY // 2 - 20) + b"0]}"),
    "as many numbers as are read": lambda: (JSON, b'{"images":[[' + b"0        ," * (MAX_VALUES - 10) + b"0]]}"),
    "as many images as are read": lambda: (JSON, b'{"images":[' + b"0," * (MAX_VALUES - 10) + b"0]}"),
    "as many rows as are read": lambda: (JSON, b'{"images":[[' + b"[0]," * HALF + b"[0]]]}"),
    "as many latents as are read": lambda: (JSON, b'{"latents":[' + b"[]," * HALF + b"[]]}"),
    "as many labels as are read": lambda: (JSON, b'{"images":[""],"labels":[' + b"0," * (MAX_VALUES - 10) + b"0]}"),
    "one long text": lambda: (JSON, b'{"images":["' + b"A" * (LARGEST_BODY - 100) + b'"]}'),
    "one long label": lambda: (FORM, with_labels(b'["' + b"A" * (LARGEST_BODY - 1000))),
    "one long file": lambda: (FORM, form(bytes(LARGEST_BODY - 1000))),
    "one long image": lambda: (PNG, bytes(LARGEST_BODY)), "one long array": lambda: (NPY, bytes(LARGEST_BODY)),
    "a byte too many": lambda: (PNG, bytes(LARGEST_BODY + 1)),
    "a PNG of 400 million pixels": lambda: (PNG, png(20_000, 20_000, bytes(20_000 * 2501), bits=1)),
    "a cut PNG of 16 million pixels": lambda: (PNG, png(4096, 4096, BLACK)[:-30]),
    "a PNG of 16 million pixels without its last row": lambda: (PNG, png(4096, 4096, BLACK[:-4097])),
    "a cut PNG of 16 million colours": lambda: (PNG, encoded(Image.new("RGB", (4096, 4096)), "PNG")[:-30]),
    "a cut GIF of 16 million pixels": lambda: ("image/gif", encoded(Image.new("P", (4096, 4096)), "GIF")[:-30]),
    "a cut JPEG of 16 million pixels":
        lambda: ("image/jpeg", encoded(Image.new("RGB", (4096, 4096)), "JPEG", **WAVES)[:-30]),
    "a cut WebP of 16 million pixels":
        lambda: ("image/webp", encoded(Image.new("RGB", (4096, 4096)), "WEBP", **EVEN)[:-30]),
    "a GIF of 100 million pixels": lambda: ("image/gif", encoded(Image.new("P", (10_000, 10_000)), "GIF")),
    "a WebP of 67 million pixels": lambda: ("image/webp", encoded(Image.new("RGB", (16_383, 4096)), "WEBP", **EVEN)),
}  # fmt: skip
"""The largest bodies that are read, made of what costs the most, and small files of many pixels; made when wanted."""


def array_attacks() -> Iterator[Attack]:
    whole = write_npy(np.zeros((2, 3), np.float32))
    arrays: dict[str, NDArray[Any]] = {
        "objects": np.array([CANARY, None], object), "text": np.array([CANARY]),
        "complex numbers": np.zeros((4, 64), complex), "truths": np.zeros((4, 64), bool),
        "whole numbers": np.zeros((4, 64), np.int32), "a structure": np.zeros(4, "f4,f4"),
        "no dimension": np.zeros((), np.float32), "one dimension": np.zeros(64, np.float32),
        "no rows": np.zeros((0, 64), np.float32), "no columns": np.zeros((4, 0), np.float32),
        "the wrong size": np.zeros((4, 65), np.float32), "five axes": np.zeros((4, 1, 8, 8, 1)),
        "NaN": np.full((4, 64), np.nan, np.float32), "infinity": np.full((4, 6), np.inf),
        "a number below 0": np.full((4, 64), -1e-3), "a number above 1": np.full((4, 64), 1.001),
        "numbers beyond 32 bits": np.full((4, 6), 1e300), "too many": np.zeros((10_001, 64), np.uint8),
    }  # fmt: skip
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        yield Attack(f".npy: {name}", NPY, buffer.getvalue())
    headers = {
        "a huge shape": "(1000000000000,)", "a shape beyond 64 bits": f"({2**70}, {2**70})",
        "a negative side": "(-1, 64)", "a hundred axes": f"({'1, ' * 100})",
        "huge sides of nothing": f"(0, {2**62}, {2**62})", "a shape of truth": "(True,)",
    }  # fmt: skip
    for name, shape in headers.items():
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
        yield Attack(f".npy: {name}", NPY, b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + bytes(4), 400)
    for length in range(len(whole)):
        yield Attack(f".npy: cut after {length} bytes", NPY, whole[:length], 400)
    for name, content in {
        "a pickle": b"\x80\x04\x95\x10\0\0\0", "a zip": b"PK\x03\x04",
        "code": b"\x93NUMPY\x01\0\x20\0__import__('os').system('true')\n",
        "deep code": b"\x93NUMPY\x01\0\xff\x0f" + b"(" * 4095, "a header of 4 GB": b"\x93NUMPY\x02\0\xff\xff\xff\xff{",
    }.items():  # fmt: skip
        yield Attack(f".npy: {name}", NPY, content, 400)


def form_attacks() -> Iterator[Attack]:
    whole = form(b"x", b"y")
    contents = {
        "no bytes": b"", "no form": CANARY.encode() * 100, "another boundary": form(GOOD, boundary=CANARY),
        "no final boundary": whole[:-8], "no parts": form(),
        "no headers": b"--%s\r\n\r\n\r\n" % BOUNDARY.encode() + form(),
        "an unknown field": with_labels(b"1").replace(b"labels", CANARY.encode()),
        "10,001 files": form(*[b""] * 10_001),
        "10,001 fields": form(*[b""] * 10_001).replace(b'; filename="a.png"', b""),
        "a long header": whole.replace(b"a.png", b"a" * 10**6),
        "labels that are no JSON": with_labels(CANARY.encode()),
        "labels that break out": with_labels(b'[1], "images": []'),
        "labels twice": with_labels(b"[1]")[: -len(form(GOOD))] + with_labels(b"[1]"),
        "two labels for one": with_labels(b"[1, 2]"),
        "labels in hex": with_labels(b"00", "Content-Type: text/plain; charset=hex"),
        "labels in Latin-1": with_labels(b'["\xe9"]'),
        "labels with a surrogate": with_labels(b'["\\ud800"]', "Content-Type: text/plain; charset=unicode_escape"),
        "many headers": whole.replace(b"\r\n\r\nx", b"\r\nA: b" * 10_000 + b"\r\n\r\nx"),
    }  # fmt: skip
    for name, content in contents.items():
        yield Attack(f"form: {name}", FORM, content)
    for name in (
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\boot.ini",
        "C:\\canary.png",
        "%2e%2e%2fpasswd",
        "a\0b",
        f"{CANARY}.png",
    ):
        yield Attack(f"form: the file name {name!r}", FORM, form(CANARY.encode(), name=name), None)
    for length in range(len(whole) - 2):
        yield Attack(f"form: cut after {length} bytes", FORM, whole[:length])
    for parameter in ("", "; boundary=", "; boundary=" + "x" * 71, '; boundary="', '; a="' * 2000):
        yield Attack(f"form: the parameter {parameter[:20]!r}", f"multipart/form-data{parameter}", whole)


def header_attacks() -> Iterator[Attack]:
    document = json.dumps({"images": [text_of(GOOD)] * 4}).encode()
    for content_type in (
        "", ";", "text/plain", "text/html", "application/xml", "application/octet-stream",
        "application/x-www-form-urlencoded", "image/svg+xml", "image/tiff", "image/*", "*/*",
        "multipart/mixed; boundary=x", "application/json, image/png", "application/jsonx", f"text/{CANARY}",
        "x" * 4000, "application/vnd.api+json", "application/x-numpy", "json",
    ):  # fmt: skip
        yield Attack(f"the media type {content_type[:30]!r}", content_type, document, 415)
    for coding in ("gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "gzip, identity", CANARY, "x" * 4000):
        headers = {"Content-Encoding": coding}
        yield Attack(f"the content coding {coding[:20]!r}", JSON, gzip.compress(document), 415, headers)
    for accept in (
        "text/html",
        "application/json;q=0, */*;q=0",
        f"text/{CANARY}",
        "garbage",
        "*/*;q=0",
        "image/*;q=0, */*;q=0.0",
    ):
        yield Attack(f"the wish for {accept!r}", JSON, document, 406, {"Accept": accept})


SMALL_ATTACKS = [*image_attacks(), *json_attacks(), *array_attacks(), *form_attacks(), *header_attacks()]


def assert_refused(response: httpx.Response, canary: str = CANARY) -> Problem:
    assert 400 <= response.status_code < 500, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.content) < 8192
    problem = Problem.model_validate_json(response.content)
    document = response.json()
    assert document.keys() == PROBLEM_KEYS
    assert all(fault.keys() <= {"detail", "pointer", "parameter"} for fault in document["errors"])
    assert problem.status == response.status_code == SLUGS[problem.type.removeprefix("/problems/")].status
    assert problem.request_id == response.headers["x-request-id"]
    assert problem.detail
    assert canary not in response.text + str(response.headers)
    return problem


def soon(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """An answer that takes less than a second, at least once in three times: the machine may have other work."""
    for _ in range(3):
        began = time.monotonic()
        response = ask()
        if time.monotonic() - began < 1:
            return response
    raise AssertionError("no answer came within a second")


@pytest.mark.parametrize("attack", SMALL_ATTACKS, ids=lambda attack: attack.name)
def test_every_route_refuses_a_hostile_body(client: TestClient, attack: Attack) -> None:
    for route in ROUTES:
        problem = assert_refused(soon(partial(attack.on, client, route)))
        assert attack.status in {None, problem.status} or (route == "/decode" and problem.status in {400, 415, 422})


@pytest.mark.parametrize("name", LARGE_ATTACKS)
def test_every_route_refuses_the_largest_bodies_soon(client: TestClient, name: str) -> None:
    attack = Attack(name, *LARGE_ATTACKS[name]())
    for route in ROUTES:
        assert_refused(soon(partial(attack.on, client, route)))


@pytest.mark.parametrize("route", IMAGE_ROUTES)
@pytest.mark.parametrize("name", VALID_IMAGES)
def test_an_unusual_image_that_is_whole_is_taken(client: TestClient, name: str, route: str) -> None:
    for content_type, content in [*in_every_form(VALID_IMAGES[name])][1:]:
        response = client.post(route, content=content, headers={"Content-Type": content_type})
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("name", VALID_IMAGES)
def test_an_image_cut_at_any_byte_is_refused_in_every_form(client: TestClient, name: str) -> None:
    image = VALID_IMAGES[name]
    end = bytes_needed(image)
    lengths = range(end) if end < 300 else sorted({*range(0, end, 7), *range(end - 30, end)})
    forms, routes = itertools.cycle(range(4)), itertools.cycle(IMAGE_ROUTES)
    for length, index, route in zip(lengths, forms, routes, strict=False):
        content_type, content = [*in_every_form(image[:length])][index]
        attack = Attack(f"{name} cut after {length} bytes", content_type, content, 422)
        assert_refused(soon(partial(attack.on, client, route)))


def test_a_small_png_cut_at_any_byte_is_refused_by_every_route_in_every_form(client: TestClient) -> None:
    for length in range(len(SMALL)):
        for (content_type, content), route in itertools.product(in_every_form(SMALL[:length]), IMAGE_ROUTES):
            attack = Attack(f"cut after {length} bytes", content_type, content)
            assert assert_refused(soon(partial(attack.on, client, route))).status in {
                415,
                422,
            }  # 415 where one image is not enough


def test_a_small_png_with_any_byte_changed_is_refused(client: TestClient) -> None:
    for place in range(len(SMALL)):
        changed = SMALL[:place] + bytes([SMALL[place] ^ 0xFF]) + SMALL[place + 1 :]
        assert_refused(client.post("/encode", content=changed, headers={"Content-Type": PNG}))


def test_a_refusal_points_at_the_broken_images_and_lists_at_most_ten(client: TestClient) -> None:
    broken = json.dumps({"images": [text_of(GOOD), CANARY, text_of(GOOD), *[CANARY] * 50]})
    problem = assert_refused(client.post("/encode", content=broken, headers={"Content-Type": JSON}))
    assert [fault.pointer for fault in problem.errors] == [
        "#/images/1",
        *(f"#/images/{index}" for index in range(3, 12)),
    ]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "C:\\boot.ini", "%2e%2e%2fpasswd", "", "a\0b", "x" * 3000],
)
def test_the_content_of_a_file_decides_and_not_its_name(client: TestClient, name: str) -> None:
    response = client.post("/encode", content=form(GOOD, name=name), headers={"Content-Type": FORM})
    assert response.status_code == 200
    plain = client.post("/encode", content=form(GOOD), headers={"Content-Type": FORM})
    assert response.content == plain.content


QUERIES = [
    f"{CANARY}=1", f"model={CANARY}!", "model=../../etc/passwd", "model=", "model=%00", "model=%FF",
    f"model={'x' * 5000}", f"model=digits&{CANARY}", "version=0", "version=-1", "version=2", "version=1.5",
    f"version={CANARY}", "version=", "version=" + "9" * 5000, "version=1e3", "version=0x1", "version=%D9%A1%00",
    "version=2147483648", "=", f"=&{CANARY}", "%00=1", "images[]=1", "Model=digits",
]  # fmt: skip
OPTIONS = {
    "/decode": [f"images={CANARY}", "images=", "images=PNG"],
    "/reconstruct": [
        f"images={CANARY}", "threshold=nan", "threshold=inf", "threshold=-1", "threshold=1.1", "threshold=",
        f"threshold={CANARY}", "threshold=1e999",
    ],
    "/interpolate": [
        "steps=1", "steps=241", "steps=1e9", "steps=" + "9" * 5000, "steps=", "space=pixels", f"space={CANARY}",
        "method=cubic", "loop=2", "boomerang=perhaps", "duration_ms=9", "duration_ms=10001", "hold_ms=-1",
        "hold_ms=60001", "scale=0", "scale=129", "scale=1.5", "steps=240&scale=128", "enlargement=none",
    ],
    "/tsne": [
        "dimensions=1", "dimensions=4", "perplexity=0", "perplexity=nan", "perplexity=inf", "perplexity=-1",
        "perplexity=1.01", "perplexity=1e999", "perplexity=", "iterations=249", "iterations=2001", "seed=-1",
        "seed=4294967296", f"seed={CANARY}", f"space={CANARY}", "perplexity=10001",
    ],
}  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_a_query_that_is_not_in_the_documentation_is_refused(client: TestClient, route: str) -> None:
    key, value = ("latents", [[0.0] * 6] * 4) if route == "/decode" else ("images", [text_of(GOOD)] * 4)
    for query in [*QUERIES, *OPTIONS.get(route, [])]:
        problem = assert_refused(soon(partial(client.post, f"{route}?{query}", json={key: value})))
        assert problem.status in {404, 422}, query


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/ENCODE", 404), ("POST", "/encode/", 404), ("POST", "/encode%00", 404), ("POST", f"/{CANARY}", 404),
        ("GET", "/encode", 405), ("PUT", "/encode", 405), ("DELETE", "/decode", 405), ("PATCH", "/tsne", 405),
        ("OPTIONS", "/tsne", 405), ("POST", "/models", 405), ("POST", "/health/ready", 405), ("TRACE", "/encode", 405),
        ("CANARY", "/encode", 405), ("POST", "/", 405), ("GET", f"/models/{CANARY}", 404),
        ("GET", "/models/../../etc/passwd", 404), ("GET", "/models/%2e%2e%2f%2e%2e", 404), ("GET", "/models/A", 422),
        ("GET", f"/problems/{CANARY}", 404), ("GET", "/problems/" + "x" * 5000, 422),
        ("GET", "/static/..%2f..%2fapp.py", 404), ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/swagger-ui/..%2f..%2fetc%2fpasswd", 404), ("GET", "/static/", 404), ("POST", "/static/docs.js", 405),
        ("GET", f"/health/live?{CANARY}=1", 422), ("GET", f"/models?{CANARY}=1", 422), ("GET", "/.env", 404),
        ("GET", "/docs/", 404),
    ],
)  # fmt: skip
def test_paths_and_methods_that_are_not_served_are_refused(
    client: TestClient, method: str, path: str, status: int
) -> None:
    assert assert_refused(client.request(method, path)).status == status


def peak_kilobytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found
    return int(found[1])


@pytest.mark.timeout(300)
def test_the_whole_corpus_takes_less_than_200_mb_beside_the_idle_service(server: StartServer) -> None:
    running = server()
    pid = running.process.pid
    with running.client() as client:
        for route in IMAGE_ROUTES:
            for content_type, content in in_every_form(SMALL):
                client.post(route, content=content, headers={"Content-Type": content_type})
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        except PermissionError:
            pytest.skip("the peak of memory cannot be reset here")
        idle = peak_kilobytes(pid)
        large = (Attack(name, *make()) for name, make in LARGE_ATTACKS.items())
        for attack in itertools.chain(SMALL_ATTACKS, large):
            assert 400 <= attack.on(client, "/encode").status_code < 500, attack.name
            rise = (peak_kilobytes(pid) - idle) / 1024
            assert rise < 200, f"{attack.name}: {rise:.0f} MB"
        assert client.get("/health/ready").status_code == 200
    running.stop()


@pytest.fixture(scope="module")
def limited(server: StartServer) -> Iterator[Server]:
    """A server that takes small bodies only, and waits half a second for them."""
    running = server(HOURGLASS_MAX_BODY_BYTES="50000", HOURGLASS_BODY_TIMEOUT_S="0.5", HOURGLASS_MAP_PROCESSES="0")
    yield running
    running.stop()


@contextlib.contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    """A connection on which anything can be sent; who reads from it waits ten seconds at most."""
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port or 80), timeout=10) as open_connection:
        yield open_connection


def head(*headers: str, path: str = "/encode", content_type: str = PNG) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {content_type}", *headers, "", ""]).encode()


def answer(open_connection: socket.socket) -> httpx.Response:
    """What is answered until the other side closes the connection."""
    received = b"".join(iter(lambda: open_connection.recv(65_536), b""))
    head, _, content = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return httpx.Response(int(status_line.split()[1]), headers=headers, content=content)


def gauge(server: Server, name: str) -> float:
    with server.client() as client:
        found = re.search(rf"^{name} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    assert found
    return float(found[1])


def holds_nothing(server: Server) -> bool:
    return gauge(server, "hourglass_buffered_bytes") == 0 and gauge(server, "hourglass_queue_images") == 0


@pytest.mark.parametrize("length", ["50001", "1000000000000", "9" * 18])
@pytest.mark.parametrize("more", [[], ["Expect: 100-continue"]])
def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(
    limited: Server, length: str, more: list[str]
) -> None:
    with connection(limited) as client:
        client.sendall(head(f"Content-Length: {length}", *more))
        response = answer(client)
    assert assert_refused(response).status == 413
    assert response.headers["connection"] == "close"


def test_a_body_in_chunks_is_refused_once_it_is_too_large(limited: Server) -> None:
    with connection(limited) as client:
        client.sendall(head("Transfer-Encoding: chunked"))
        for _ in range(6):
            client.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")  # and no end of it
        response = answer(client)
    assert assert_refused(response).status == 413


@pytest.mark.parametrize("start", [b"", SMALL[:50]])
@pytest.mark.parametrize("framing", ["Content-Length: 140", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_refused_in_time(limited: Server, framing: str, start: bytes) -> None:
    began = time.monotonic()
    with connection(limited) as client:
        client.sendall(head(framing) + (b"%x\r\n" % 140 if "chunked" in framing else b"") + start)
        response = answer(client)
    assert 0.4 < time.monotonic() - began < 5
    assert assert_refused(response).status == 408
    assert response.headers["connection"] == "close"


def test_a_body_that_comes_byte_by_byte_is_refused_in_time(limited: Server) -> None:
    with connection(limited) as client:
        client.sendall(head("Content-Length: 40000"))
        client.settimeout(0.02)
        received = b""
        for _ in range(1000):
            client.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                received = client.recv(65_536)
                break
    assert received.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"x", b"x" * 49_999])
@pytest.mark.parametrize("framing", ["Content-Length: 50000", "Transfer-Encoding: chunked"])
def test_a_client_that_leaves_early_leaves_nothing_behind(limited: Server, framing: str, sent: bytes) -> None:
    for _ in range(5):
        with connection(limited) as client:
            client.sendall(head(framing) + (b"c350\r\n" if "chunked" in framing else b"") + sent)
    wait_until(lambda: holds_nothing(limited))
    with limited.client() as client_after:
        assert client_after.post("/encode", content=SMALL, headers={"Content-Type": PNG}).status_code == 200
    assert "Traceback" not in limited.log


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: x"], ["Content-Length: -1"], ["Content-Length: 1.5"], ["Content-Length: +5"],
        ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5, 6"], ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"], ["Content-Length: 0x10"], ["Content-Length: " + "9" * 30],
        ["Content-Length: " + "9" * 5000], ["Bad Header: x"], ["\x00: x"],
    ],
)  # fmt: skip
def test_framing_that_makes_no_sense_is_refused_and_the_connection_closed(limited: Server, headers: list[str]) -> None:
    with connection(limited) as client:
        client.sendall(head(*headers) + b"zz\r\nhello")
        response = answer(
            client
        )  # what cannot be read as HTTP never reaches the application: uvicorn answers in plain text
    assert response.status_code in {400, 408}
    with limited.client() as client_after:
        assert client_after.get("/health/live").status_code == 200


def test_a_refused_body_does_not_become_the_next_request(limited: Server) -> None:
    smuggled = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with connection(limited) as client:
        client.sendall(head("Content-Length: 60000") + smuggled * 20)
        response = answer(client)
    assert assert_refused(response).status == 413
    assert b"HTTP/1.1" not in response.content
