"""Encoded images to arrays and back, and the arrays themselves."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from service.arrays import flat, to_bytes, to_unit
from service.errors import ImageTooLarge, InvalidImage
from service.images import (
    FORMATS,
    ImageHeader,
    caption,
    caption_width,
    decode,
    encode_png,
    enlarge,
    read_header,
)

Bytes = NDArray[np.uint8]

PICTURES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3])))
BATCHES = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))
)


def _picture(height: int = 8, width: int = 8, channels: int = 3) -> Bytes:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def _encode(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


@given(PICTURES, st.booleans(), st.booleans())
def test_a_png_gives_back_the_pixels_that_were_put_in(pixels: Bytes, smallest: bool, is_alone: bool) -> None:
    height, width, channels = pixels.shape
    file = encode_png(pixels, smallest=smallest, is_alone=is_alone)
    assert read_header(file) == ImageHeader(height, width, in_colour=channels == 3)
    np.testing.assert_array_equal(decode(file, *pixels.shape), pixels)


@given(PICTURES)
def test_every_lossless_format_gives_back_the_pixels_that_were_put_in(pixels: Bytes) -> None:
    height, width, channels = pixels.shape
    plain = pixels if channels == 3 else pixels[..., 0]
    for kind, options in (("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("GIF", {})):
        file = _encode(plain, kind, **options)
        header = read_header(file)
        assert (header.height, header.width) == (height, width)
        np.testing.assert_array_equal(decode(file, *pixels.shape), pixels)


def test_the_smallest_png_is_smaller_than_the_soonest() -> None:
    smooth = np.asarray(Image.fromarray(_picture(4, 4)).resize((64, 64)))
    assert len(encode_png(smooth, smallest=True)) < len(encode_png(smooth, smallest=False))


def test_a_png_that_is_sent_alone_fits_into_a_packet_or_is_compressed() -> None:
    for side in (1, 28, 31, 32, 64, 500):
        black = np.zeros((side, side, 1), np.uint8)
        alone, among_others = (len(encode_png(black, smallest=False, is_alone=is_alone)) for is_alone in (True, False))
        assert alone == among_others or alone < 1_100


MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "WEBP": ["L", "LA", "P", "RGB", "RGBA", "CMYK"],
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
    "GIF": ["1", "L", "LA", "P", "RGB", "RGBA"],
}
"""What Pillow writes of each format without loss of levels; it reads them in more modes yet."""


def test_the_formats_that_are_tried_are_those_that_are_read() -> None:
    assert set(MODES) == set(FORMATS.values())


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_of_every_format_is_read(kind: str, mode: str, channels: int) -> None:
    smooth = Image.fromarray(_picture(2, 2)).resize((16, 16))
    if mode == "I;16":
        smooth = smooth.convert("L")
    deep = Image.fromarray(np.asarray(smooth.convert("L"), np.uint16) * 257)
    source = deep if mode == "I;16" else smooth.convert(mode)
    pixels = decode(_encode(source, kind, **({"lossless": True} if kind == "WEBP" else {})), 16, 16, channels)
    assert pixels.shape == (16, 16, channels)
    assert pixels.dtype == np.uint8
    seen = smooth if mode == "I;16" else source
    expected = np.asarray(seen.convert("L" if channels == 1 else "RGB")).reshape(pixels.shape)
    assert np.abs(pixels.astype(int) - expected).mean() < 20


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    path = tmp_path / "no-ending"
    path.write_bytes(encode_png(_picture()))
    np.testing.assert_array_equal(decode(path, 8, 8, 3), _picture())
    assert read_header(path) == read_header(path.read_bytes())


def test_colour_becomes_grey_by_luminance_and_grey_becomes_equal_channels() -> None:
    green_red_blue = np.eye(3, dtype=np.uint8)[None, [1, 0, 2]] * 255
    green, red, blue = decode(encode_png(green_red_blue), 1, 3, 1).ravel().tolist()
    assert 255 > green > red > blue > 0
    grey = _picture(channels=1)
    np.testing.assert_array_equal(decode(encode_png(grey), 8, 8, 3), np.repeat(grey, 3, axis=2))


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(4))))
def test_transparency_is_laid_over_white(pixels: Bytes) -> None:
    height, width = pixels.shape[:2]
    colour, alpha = pixels[..., :3].astype(float), pixels[..., 3:] / 255
    over_white = colour * alpha + 255 * (1 - alpha)
    assert np.abs(decode(_encode(pixels), height, width, 3) - over_white).max() <= 1
    over_white_grey = colour[..., :1] * alpha + 255 * (1 - alpha)
    grey = decode(_encode(Image.fromarray(pixels[..., [0, 3]], "LA")), height, width, 1)
    assert np.abs(grey - over_white_grey).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind: str) -> None:
    palette = Image.new("P", (4, 1))
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 0, 200])
    for column, index in enumerate([0, 1, 2, 0]):
        palette.putpixel((column, 0), index)
    pixels = decode(_encode(palette, kind, transparency=0), 1, 4, 3)
    assert pixels[0].tolist() == [[255, 255, 255], [200, 0, 0], [0, 0, 200], [255, 255, 255]]


@pytest.mark.parametrize(("mode", "key"), [("L", 10), ("RGB", (10, 10, 10))])
def test_a_transparent_colour_is_white(mode: str, key: Any) -> None:
    image = Image.new(mode, (2, 1), key)
    image.putpixel((1, 0), 20 if mode == "L" else (20, 20, 20))
    assert decode(_encode(image, transparency=key), 1, 2, 1).ravel().tolist() == [255, 20]


def test_a_transparent_16_bit_grey_is_white() -> None:
    levels = np.array([[0, 257, 40 * 257]], np.uint16)
    for channels in (1, 3):
        pixels = decode(_encode(levels, transparency=257), 1, 3, channels)
        assert pixels[0, :, 0].tolist() == [0, 255, 40]


@pytest.mark.parametrize("size", [(1500, 1000), (1_100_000, 1), (1, 1_100_000)])
def test_a_large_image_is_converted_without_a_seam(size: tuple[int, int]) -> None:
    grey, alpha = np.random.default_rng(0).integers(0, 256, (2, size[1], size[0]), np.uint8)
    file = _encode(Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]), compress_level=1)
    over_white = 255 - (255.0 - grey) * alpha / 255
    assert np.abs(decode(file, size[1], size[0], 1)[..., 0] - over_white).max() <= 1


def test_16_bit_greys_are_scaled_so_that_black_and_white_stay() -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for channels in (1, 3):
        pixels = decode(_encode(levels * 257), 16, 16, channels)
        np.testing.assert_array_equal(pixels, np.repeat(levels[..., None], channels, axis=2))
    assert not read_header(_encode(levels * 257)).in_colour


UPRIGHT: dict[int, Callable[[Bytes], Bytes]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}
"""What each of EXIF's orientations asks for (CIPA DC-008, tag 274)."""


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_the_orientation_that_a_camera_noted_is_applied(orientation: int, kind: str) -> None:
    stored = np.kron(np.eye(6, dtype=np.uint8)[:2] * 90 + 80, np.ones((8, 8), np.uint8))[..., None].repeat(3, axis=2)
    stored[:8, 40:] = 0  # nothing that a turn or a mirroring leaves as it was
    exif = Image.Exif()
    exif[274] = orientation
    upright = UPRIGHT[orientation](stored)
    file = _encode(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    pixels = decode(file, *upright.shape)
    assert np.abs(pixels.astype(int) - upright).max() < (16 if kind == "JPEG" else 1)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_an_image_is_turned_the_same_when_it_is_shrunk(orientation: int) -> None:
    stored = np.asarray(Image.fromarray(_picture(3, 5)).resize((120, 60)))
    exif = Image.Exif()
    exif[274] = orientation
    upright = np.ascontiguousarray(UPRIGHT[orientation](stored))
    turned, expected = (decode(file, 9, 14, 3).astype(int) for file in (_encode(stored, exif=exif), _encode(upright)))
    assert np.abs(turned - expected).max() <= 1


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_size_in_a_header_is_that_of_the_upright_image(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    assert read_header(_encode(_picture(4, 9), "JPEG", exif=exif)) == ImageHeader(9, 4, in_colour=True)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (40, 7), (200, 200)])
def test_another_size_is_resampled_to_exactly_the_one_asked_for(size: tuple[int, int]) -> None:
    file = encode_png(np.full((20, 30, 3), 99, np.uint8))
    np.testing.assert_array_equal(decode(file, *size, 3), np.full((*size, 3), 99))


def test_shrinking_averages_and_does_not_pick_pixels() -> None:
    checks = (np.indices((96, 96)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    shrunk = decode(encode_png(checks), 12, 12, 1)
    assert np.abs(shrunk.astype(int) - 127.5).max() < 16


@pytest.mark.parametrize("size", [(773, 653), (240, 230)])  # sides that are no multiples of a block
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_that_is_decoded_coarsely_looks_as_if_it_were_not(channels: int, size: tuple[int, int]) -> None:
    detailed = Image.fromarray(_picture(24, 24)).resize(size)
    file = _encode(detailed, "JPEG", quality=95)
    with Image.open(io.BytesIO(file)) as whole:
        fair = whole.convert("L" if channels == 1 else "RGB").resize((28, 20), Image.Resampling.BICUBIC)
    difference = np.abs(decode(file, 20, 28, channels) - np.asarray(fair, int).reshape(20, 28, channels))
    assert difference.max() <= 8
    assert difference.mean() < 0.8


@given(PICTURES.filter(lambda pixels: pixels.size > 3))
def test_resizing_stays_within_a_byte(pixels: Bytes) -> None:
    extremes = np.where(pixels > 127, 255, 0).astype(np.uint8)
    height, width, channels = extremes.shape
    resized = decode(encode_png(extremes), 3 * height, 3 * width, channels)
    centres = resized[1::3, 1::3].astype(int)
    assert (np.abs(centres - extremes) < 128).all()  # no value wraps around from white to black


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    first, second = (Image.new("RGB", (5, 4), colour) for colour in ("#204060", "#f0e0d0"))
    file = _encode(first, kind, save_all=True, append_images=[second], **({"lossless": True} if kind == "WEBP" else {}))
    assert (decode(file, 4, 5, 3) == (0x20, 0x40, 0x60)).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_an_animation_no_other_frame_is_decoded(kind: str) -> None:
    first, second = _picture(20, 20), _picture(20, 20)[::-1]
    file = _encode(Image.fromarray(first), kind, save_all=True, append_images=[Image.fromarray(second)])
    damaged = file[:-300] + bytes(300)
    np.testing.assert_array_equal(decode(damaged, 20, 20, 3), decode(file, 20, 20, 3))


def _answers(file: bytes) -> bool:
    """Whether a file is read; what is not must be refused with one line."""
    try:
        read_header(file)
        assert decode(file, 8, 8, 3, max_pixels=1_000_000).shape == (8, 8, 3)
    except (InvalidImage, ImageTooLarge) as refused:
        message = str(refused)
    else:
        return True
    assert message
    assert "\n" not in message
    return False


@pytest.mark.parametrize("kind", sorted(set(FORMATS.values())))
@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_file_cut_at_any_byte_is_read_or_refused(kind: str, mode: str) -> None:
    if (kind, mode) == ("JPEG", "P"):
        mode = "CMYK"
    file = _encode(Image.fromarray(_picture()).convert(mode), kind)
    read = [length for length in range(len(file)) if _answers(file[:length])]
    assert all(length > len(file) // 2 for length in read)
    assert _answers(file)
    for length in read:  # nothing of the pixels was missing
        np.testing.assert_array_equal(decode(file[:length], 8, 8, 3), decode(file, 8, 8, 3))


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_png_with_any_byte_changed_is_read_or_refused(flip: int) -> None:
    file = encode_png(_picture())
    for position in range(len(file)):
        _answers(file[:position] + bytes([file[position] ^ flip]) + file[position + 1 :])


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _with_right_checksums(file: bytes) -> bytes:
    """A PNG whose chunks are as they are, and vouched for."""
    mended, position = file[:8], 8
    while position + 12 <= len(file):
        length = int.from_bytes(file[position : position + 4])
        mended += _chunk(file[position + 4 : position + 8], file[position + 8 : position + 8 + length])
        position += 12 + length
    return mended


@cache
def _small_files() -> dict[str, bytes]:
    """One file of every mode of every format, an animation, and what else has a decoder of its own."""
    picture = Image.fromarray(_picture(9, 11))
    files = {
        f"{kind} {mode}": _encode(picture.convert(mode), kind)
        for kind, modes in MODES.items()
        for mode in modes
        if mode != "I;16"
    }
    exif = Image.Exif()
    exif[274] = 6
    return files | {
        "PNG I;16": _encode(_picture(9, 11, 1)[..., 0].astype(np.uint16) * 200),
        "PNG key": _encode(picture, transparency=(1, 2, 3)),
        "PNG palette": _encode(picture.convert("P"), transparency=bytes(range(256))),
        "PNG exif": _encode(picture, exif=exif),
        "JPEG exif": _encode(picture, "JPEG", exif=exif),
        "JPEG progressive": _encode(picture.convert("CMYK"), "JPEG", progressive=True),
        "WEBP lossless": _encode(picture, "WEBP", lossless=True),
        **{
            f"{kind} animation": _encode(picture, kind, save_all=True, append_images=[picture.rotate(180)])
            for kind in ("GIF", "WEBP", "PNG")
        },
    }


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255), st.booleans()), min_size=1, max_size=12)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's on metadata; in the service they do not stop it either
@settings(max_examples=500)
@given(st.sampled_from(sorted(_small_files())), CHANGES, st.booleans())
def test_a_damaged_file_is_read_or_refused(
    name: str, changes: list[tuple[float, int, bool]], right_checksums: bool
) -> None:
    file = bytearray(_small_files()[name])
    for where, byte, in_head in changes:
        file[int(where * (min(len(file), 60) - 1 if in_head else len(file) - 1))] = byte
    if name.startswith("PNG") and right_checksums:
        file[8:] = _with_right_checksums(bytes(file))[8:]
    _answers(bytes(file))


@pytest.mark.parametrize(
    "error",
    [
        *(MemoryError, RecursionError, OverflowError, ZeroDivisionError, AttributeError, KeyError),
        *(NotImplementedError, AssertionError, struct.error, zlib.error, UnicodeDecodeError("utf-8", b"", 0, 1, "bad")),
    ],
    ids=repr,
)
@pytest.mark.parametrize("stage", ["_open", "load"])
def test_whatever_pillow_raises_is_a_refusal(
    error: type[Exception] | Exception, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, stage, fail)
    with pytest.raises(InvalidImage):
        decode(encode_png(_picture()), 7, 8, 3)  # of its own size it would not come to Pillow


MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x10\x00\x00\x00WEBP", b"BM"]


@given(st.sampled_from(MAGIC[:-1]), st.binary(max_size=200))
def test_noise_is_refused_and_never_raises_anything_else(magic: bytes, noise: bytes) -> None:
    assert not _answers(magic + noise)


@pytest.mark.parametrize("content", [*MAGIC[:1], *MAGIC[2:], b"<svg/>", b"%PDF-1.7"])
def test_what_is_no_image_is_refused_with_the_formats_that_are_read(content: bytes) -> None:
    for read in (read_header, lambda file: decode(file, 8, 8, 3)):
        with pytest.raises(InvalidImage) as refused:
            read(content)
        for name in ("PNG", "JPEG", "WEBP", "BMP", "GIF"):
            assert name in str(refused.value)


def test_a_png_of_which_any_byte_is_missing_or_altered_is_refused() -> None:
    file = encode_png(np.arange(256, dtype=np.uint8).reshape(16, 16, 1))
    for place in range(len(file)):
        for broken in (file[:place], file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]):
            with pytest.raises((InvalidImage, ImageTooLarge)):
                decode(broken, 16, 16, 1, max_pixels=1_000_000)


def test_a_jpeg_that_repeats_a_scan_for_ever_is_refused_at_once() -> None:
    """Each scan is decoded over the whole image, so that a small file could take hours."""
    file = _encode(Image.fromarray(_picture(64, 64)), "JPEG", progressive=True)
    last_scan = file.rindex(b"\xff\xda")
    assert decode(file, 8, 8, 3).shape == (8, 8, 3)
    with pytest.raises(InvalidImage, match="scans"):
        decode(file[:-2] + file[last_scan:-2] * 100 + file[-2:], 8, 8, 3)


def test_a_png_of_very_many_chunks_is_refused_at_once() -> None:
    file = encode_png(_picture())
    empty = struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))
    with pytest.raises(InvalidImage, match="chunks"):
        decode(file[:33] + empty * 20_000 + file[33:], 8, 8, 3)


def _with_very_many_parts(kind: str) -> bytes:
    """An intact image with millions of empty or tiny parts before its pixels, each of which costs time to read."""
    file = _encode(Image.fromarray(_picture()), kind)
    if kind == "GIF":
        return file[: file.index(b",")] + b"!\xfe" + b"\x01a" * 2_000_000 + b"\x00" + file[file.index(b",") :]
    return file[:2] + b"\xff\xfe\x00\x02" * 1_000_000 + file[2:]


@pytest.mark.parametrize("kind", ["GIF", "JPEG"])
def test_an_image_of_very_many_parts_is_refused_at_once(kind: str) -> None:
    with pytest.raises(InvalidImage, match="more than"):
        decode(_with_very_many_parts(kind), 8, 8, 3)


def test_a_jpeg_of_fill_bytes_and_a_png_of_profiles_are_refused_at_once() -> None:
    jpeg, png = _encode(Image.fromarray(_picture()), "JPEG"), encode_png(_picture())
    profile = struct.pack(">I4sI", 0, b"iCCP", zlib.crc32(b"iCCP"))
    for file in (jpeg[:2] + b"\xff" * 1_000_000 + jpeg[2:], png[:33] + profile * 2 + png[33:]):
        with pytest.raises(InvalidImage):
            decode(file, 8, 8, 3)


def test_a_large_gif_with_a_comment_is_read() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2500, 2500), np.uint8)  # 25,000 blocks of pixels
    assert decode(_encode(Image.fromarray(noise), "GIF", comment=b"a comment"), 8, 8, 1).shape == (8, 8, 1)


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM", "TGA"])
def test_other_formats_that_pillow_knows_are_refused(kind: str) -> None:
    with pytest.raises(InvalidImage):
        decode(_encode(_picture(16, 16), kind), 16, 16, 3)


def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no.png", tmp_path):
        with pytest.raises(InvalidImage):
            decode(path, 8, 8, 3)
        with pytest.raises(InvalidImage):
            read_header(path)


def _claims(height: int, width: int) -> bytes:
    """A small PNG that says to be large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return MAGIC[1] + _chunk(b"IHDR", header) + pixels + _chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "side",
    [
        pytest.param(10_000),
        20_000,
        2**31 - 1,
    ],
)
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(InvalidImage):
        read_header(_claims(side, side))
    with pytest.raises(InvalidImage):
        decode(_claims(side, side), 8, 8, 3)


def test_too_many_pixels_are_refused_by_the_header_with_both_numbers() -> None:
    """The file holds no pixels: whoever decoded it would call it damaged."""
    with pytest.raises(ImageTooLarge, match=r"6,000,000 pixels .*3000 x 2000.* at most 1,000,000 "):
        decode(_claims(2000, 3000), 8, 8, 3, max_pixels=1_000_000)
    with pytest.raises(InvalidImage):
        decode(_claims(2000, 3000), 8, 8, 3, max_pixels=6_000_000)


@pytest.mark.parametrize("kind", sorted(set(FORMATS.values())))
def test_as_many_pixels_as_are_taken_are_decoded(kind: str) -> None:
    file = _encode(_picture(7, 9), kind)
    assert decode(file, 7, 9, 3, max_pixels=63).shape == (7, 9, 3)
    with pytest.raises(ImageTooLarge):
        decode(file, 7, 9, 3, max_pixels=62)


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_more_pixels_than_pillow_opens_are_too_many_too(side: int) -> None:
    with pytest.raises(ImageTooLarge, match="at most 1,000,000 "):
        decode(_claims(side, side), 8, 8, 3, max_pixels=1_000_000)


def _large_file(kind: str, mode: str, width: int, **options: Any) -> bytes:
    """2^24 pixels of one colour."""
    if mode == "I;16":
        return _encode(np.full((2**24 // width, width), 30_000, np.uint16), kind, **options)
    return _encode(Image.new("RGBA", (width, 2**24 // width), (90, 120, 200, 128)).convert(mode), kind, **options)


# VmHWM and not ru_maxrss, which a child process begins with the peak of its parent.
MEASURE = """
import sys
from pathlib import Path
from service.images import decode

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

small, large = (Path(name).read_bytes() for name in sys.argv[1:])
decode(small, 2, 2, 3)
before = peak()
decode(large, 28, 28, 3, max_pixels=2**24)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("kind", "mode", "width", "options", "limit_mb"),
    [
        pytest.param("PNG", "RGBA", 4096, {}, 160, id="PNG RGBA"),
        pytest.param("PNG", "RGBA", 2**24, {}, 210, id="PNG of one row"),
        pytest.param("PNG", "LA", 4096, {}, 160, id="PNG LA"),
        pytest.param("PNG", "RGB", 4096, {"transparency": (1, 2, 3)}, 160, id="PNG RGB with a transparent colour"),
        pytest.param("PNG", "I;16", 4096, {}, 160, id="PNG of 16 bits"),
        pytest.param("GIF", "P", 4096, {"transparency": 3}, 160, id="GIF with transparency"),
        pytest.param("JPEG", "CMYK", 4096, {"progressive": True}, 160, id="JPEG CMYK progressive"),
        pytest.param("WEBP", "RGBA", 4096, {"lossless": True, "method": 0}, 210, id="WEBP RGBA"),
        pytest.param(
            "WEBP",
            "RGB",
            4096,
            {"save_all": True, "append_images": [Image.new("RGB", (4096, 4096))]},
            210,
            id="WEBP animation",
        ),
    ],
)
def test_a_large_image_is_decoded_in_bounded_memory(
    kind: str, mode: str, width: int, options: dict[str, Any], limit_mb: int, tmp_path: Path
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(_encode(_picture(), kind))
    large.write_bytes(_large_file(kind, mode, width, **options))
    command = [sys.executable, "-c", MEASURE, str(small), str(large)]
    measured = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert int(measured.stdout) < limit_mb * 10**6


def _jpeg_with_exif(tags: bytes) -> bytes:
    """A JPEG whose EXIF block holds these 12-byte entries, well formed or not."""
    block = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(tags) // 12) + tags + bytes(4)
    return _encode(_picture(), "JPEG", exif=block)


SIDEWAYS = struct.pack(">HHIHH", 274, 3, 1, 6, 0)


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(
            struct.pack(">HHII", 270, 2, 400, 5000),
            id="beyond the file",
            marks=pytest.mark.filterwarnings("ignore:Tag data larger than file:UserWarning"),  # Pillow's, on opening
        ),
        pytest.param(struct.pack(">HHI4s", 282, 2, 4, b"abc\0"), id="text for a number"),
    ],
)
def test_odd_exif_beside_the_orientation_does_no_harm(tag: bytes) -> None:
    plain = decode(_jpeg_with_exif(SIDEWAYS), 8, 8, 3)
    for tags in (tag + SIDEWAYS, SIDEWAYS + tag):
        np.testing.assert_array_equal(decode(_jpeg_with_exif(tags), 8, 8, 3), plain)


@given(BATCHES, st.integers(1, 4))
def test_enlarging_repeats_pixels_and_invents_none(pixels: Bytes, scale: int) -> None:
    count, height, width, channels = pixels.shape
    large = enlarge(pixels, scale)
    assert large.shape == (count, height * scale, width * scale, channels)
    for row in range(scale):
        for column in range(scale):
            np.testing.assert_array_equal(large[:, row::scale, column::scale], pixels)


@given(BATCHES, st.integers(1, 4))
def test_smooth_enlarging_keeps_shape_and_brightness(pixels: Bytes, scale: int) -> None:
    count, height, width, channels = pixels.shape
    large = enlarge(pixels, scale, smooth=True)
    assert large.dtype == np.uint8
    assert large.shape == (count, height * scale, width * scale, channels)
    plain = np.full_like(pixels, 77)
    assert (enlarge(plain, scale, smooth=True) == 77).all()


def test_smooth_enlarging_draws_between_pixels() -> None:
    halves = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1)
    across = enlarge(halves, 8, smooth=True)[0, 0, :, 0].astype(int)
    assert (np.diff(across) >= 0).all()
    assert ((across > 30) & (across < 225)).sum() >= 4


@given(st.text("abgjlqwyW -1", min_size=1, max_size=20), st.integers(8, 24))
def test_a_caption_fits_into_its_width(text: str, font_size: int) -> None:
    width = caption_width(text, font_size)
    narrow, wide = (
        (caption(np.empty((1, 0, columns, 1), np.uint8), text, font_size) < 255).sum()
        for columns in (width, width + 60)
    )
    assert narrow == wide


@pytest.mark.parametrize("channels", [1, 3])
def test_a_caption_is_black_on_white_above_every_image(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 20, 90, channels), np.uint8)
    captioned = caption(pixels, "latent path", font_size=12)
    assert captioned.dtype == np.uint8
    strip = captioned[:, :-20]
    np.testing.assert_array_equal(captioned[:, -20:], pixels)
    assert (strip == strip[:1, ..., :1]).all()  # the same for all, and grey
    assert strip.min() < 64
    assert (strip[:, [0, -1]] == 255).all()
    assert (strip[:, :, [0, -1]] == 255).all()
    assert strip.mean() > 128


def test_captions_of_one_font_size_are_equally_high_and_say_different_things() -> None:
    pixels = np.zeros((1, 4, 90, 1), np.uint8)
    first, second, empty = caption(pixels, "pixels"), caption(pixels, "latents gj"), caption(pixels, "")
    assert first.shape == second.shape == empty.shape
    assert not np.array_equal(first, second)
    assert (empty[:, :-4] == 255).all()
    for captioned in (first, second):  # in the middle
        ink = np.flatnonzero((captioned[0, :-4, :, 0] < 128).any(axis=0))
        assert abs((ink[0] + ink[-1]) / 2 - 45) < 3
    assert caption(pixels, "pixels", font_size=20).shape[1] > first.shape[1]


def test_every_byte_survives_being_a_number() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    numbers = to_unit(every)
    assert numbers.dtype == np.float32
    assert numbers.shape == every.shape
    assert (numbers.min(), numbers.max()) == (0, 1)
    assert (np.diff(numbers.ravel()) > 0).all()
    np.testing.assert_array_equal(to_bytes(numbers), every)


@given(hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(-2, 3, width=32)))
def test_numbers_become_the_nearest_byte_and_are_clipped(numbers: NDArray[np.float32]) -> None:
    pixels = to_bytes(numbers)
    assert pixels.dtype == np.uint8
    clipped = np.minimum(np.maximum(numbers, 0), 1)
    assert (np.abs(pixels / 255 - clipped) <= 0.5 / 255 + 1e-6).all()


def test_flat_keeps_each_image_in_one_row_without_copying() -> None:
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.float32).reshape(2, 3, 4, 3)
    features = flat(pixels)
    assert features.shape == (2, 36)
    assert np.shares_memory(features, pixels)
    np.testing.assert_array_equal(features[1], pixels[1].ravel())
