"""What is read on the event loop is read quickly, or left to a thread."""

import io
import json
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.deadline import Deadline
from service.framing import is_quick_png
from service.inputs import IMAGES, LATENTS, QUICK_BYTES, BodyReader, InputLimits, Inputs, Kind
from service.manifest import ImageFormat
from service.media import JSON, NPY, PNG

QUICK_S = 0.01
"""Fifty times as long as it should take."""
FORMAT, LIMITS = ImageFormat(height=8, width=8, channels=1, range=(0.0, 1.0)), InputLimits(10_000, 2**20, 10**6)


def reader(takes: frozenset[Kind], latent_dim: int = 2) -> BodyReader:
    return BodyReader.of(takes, FORMAT, latent_dim, LIMITS)


def seconds(work: Callable[[], object]) -> float:
    """How much processor time a call takes at its best."""
    times = []
    for _ in range(5):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(*chunks: bytes, mode: str = "L", size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG with chunks before its pixels."""
    buffer = io.BytesIO()
    Image.new(mode, size, 7 if mode == "L" else None).save(buffer, "PNG")
    file = buffer.getvalue()
    return file[:33] + b"".join(chunks) + file[33:]


MEGABYTE = zlib.compress(b"x" * 2**20, 9)
TEXT = chunk(b"zTXt", b"name\0\0" + MEGABYTE)
HOSTILE = {
    "compressed texts": png_with(*[TEXT] * 28),
    "compressed international texts": png_with(*[chunk(b"iTXt", b"name\0\1\0\0\0" + MEGABYTE)] * 28),
    "a compressed profile": png_with(chunk(b"iCCP", b"name\0\0" + MEGABYTE)),
    "many chunks": png_with(*[chunk(b"heXa")] * 2_600),
    "many texts": png_with(*[chunk(b"tEXt", b"a\0b")] * 2_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_png_that_takes_long_is_left_to_a_thread(name: str) -> None:
    file = HOSTILE[name]
    assert len(file) <= QUICK_BYTES
    assert seconds(lambda: reader(IMAGES).read_quickly(PNG, file)) < QUICK_S
    assert reader(IMAGES).read_quickly(PNG, file) is None
    np.testing.assert_array_equal(reader(IMAGES).read(PNG, file, Deadline.after(60)).pixels, np.float32(7 / 255))


USUAL = {
    "plain": png_with(),
    "of another size": png_with(size=(20, 9)),
    "with a text": png_with(chunk(b"tEXt", b"a\0b")),
    "transparent": png_with(mode="RGBA"),
    "of a palette": png_with(mode="P"),
    "with a gamma": png_with(chunk(b"gAMA", bytes([0, 0, 177, 143])), chunk(b"pHYs", bytes(9))),
}


@pytest.mark.parametrize("name", USUAL)
def test_a_small_png_that_is_usual_is_read_at_once(name: str) -> None:
    quickly = reader(IMAGES).read_quickly(PNG, USUAL[name])
    assert quickly is not None
    np.testing.assert_array_equal(quickly.pixels, reader(IMAGES).read(PNG, USUAL[name], Deadline.after(60)).pixels)


def test_a_png_that_is_cut_short_is_not_quick() -> None:
    assert is_quick_png(png_with())
    assert not any(is_quick_png(png_with()[:-length]) for length in range(1, len(png_with())))


def latents(count: int, latent_dim: int) -> bytes:
    return json.dumps({"latents": [[0.5] * latent_dim] * count}, separators=(",", ":")).encode()


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 16])
@pytest.mark.parametrize("last", ["", ",[]", ",null", ",[[0.5]]"])
def test_latents_in_json_never_take_long(latent_dim: int, last: str) -> None:
    count = (QUICK_BYTES - 30) // (4 * latent_dim + 2)
    body = latents(count, latent_dim)[:-2] + last.encode() + b"]}"
    assert len(body) <= QUICK_BYTES
    assert seconds(lambda: reader(LATENTS, latent_dim).read_quickly(JSON, body)) < QUICK_S


@pytest.mark.parametrize("count", [1, 10, 256, 257, 5_000])
def test_latents_in_json_are_read_as_they_are(count: int) -> None:
    sent = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    body = json.dumps({"latents": sent.tolist()}).encode()
    inputs = reader(LATENTS).read_quickly(JSON, body)
    assert (inputs is not None) == (count <= 256)
    for read in (inputs, reader(LATENTS).read(JSON, body, Deadline.after(60))):
        if read is not None:
            np.testing.assert_array_equal(read.latents, sent)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("takes", "media_type", "body"),
    [
        (LATENTS, JSON, latents(11, 2)),
        (LATENTS, NPY, npy(np.zeros((11, 2), np.float32))),
        (IMAGES, JSON, json.dumps({"images": np.zeros((11, 64)).tolist()}).encode()),
        (IMAGES, NPY, npy(np.zeros((11, 8, 8), np.uint8))),
    ],
)
def test_what_holds_more_than_is_wanted_is_not_read(takes: frozenset[Kind], media_type: str, body: bytes) -> None:
    def read(most: int) -> Inputs | None:
        return reader(takes).read_quickly(media_type, body, most)

    assert read(10) is None
    enough = read(11)
    assert enough is not None
    assert enough.size == 11
