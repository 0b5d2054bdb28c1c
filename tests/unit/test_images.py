"""Encoded images to arrays and back, and the arrays themselves."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from service.arrays import flat, to_bytes, to_unit
from service.errors import InvalidImage
from service.images import (
    FORMATS,
    ImageHeader,
    caption,
    decode,
    encode_animation,
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


@given(PICTURES)
def test_a_png_gives_back_the_pixels_that_were_put_in(pixels: Bytes) -> None:
    height, width, channels = pixels.shape
    file = encode_png(pixels)
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


@given(PICTURES.filter(lambda pixels: pixels.size > 3))
def test_resizing_stays_within_a_byte(pixels: Bytes) -> None:
    extremes = np.where(pixels > 127, 255, 0).astype(np.uint8)
    height, width, channels = extremes.shape
    resized = decode(encode_png(extremes), 3 * height, 3 * width, channels)
    centres = resized[1::3, 1::3].astype(int)
    assert (np.abs(centres - extremes) < 128).all()  # no value wraps around from white to black


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    first, second = (Image.new("RGB", (5, 4), colour) for colour in ("#204060", "#f0e0d0"))
    file = _encode(first, kind, save_all=True, append_images=[second], **({"lossless": True} if kind == "WEBP" else {}))
    assert (decode(file, 4, 5, 3) == (0x20, 0x40, 0x60)).all()


def _answers(file: bytes) -> bool:
    """Whether a file is read; what is not must be refused with one line."""
    try:
        read_header(file)
        assert decode(file, 8, 8, 3).shape == (8, 8, 3)
    except InvalidImage as refused:
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
    read = [_answers(file[:length]) for length in range(len(file))]
    assert not any(read[: len(file) // 2])
    assert _answers(file)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_png_with_any_byte_changed_is_read_or_refused(flip: int) -> None:
    file = encode_png(_picture())
    for position in range(len(file)):
        _answers(file[:position] + bytes([file[position] ^ flip]) + file[position + 1 :])


MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x10\x00\x00\x00WEBP", b"BM"]


@given(st.sampled_from(MAGIC[:-1]), st.binary(max_size=200))
def test_noise_is_refused_and_never_raises_anything_else(magic: bytes, noise: bytes) -> None:
    assert not _answers(magic + noise)


@pytest.mark.parametrize("content", [*MAGIC, b"<svg/>", b"%PDF-1.7"])
def test_what_is_no_image_is_refused_with_the_formats_that_are_read(content: bytes) -> None:
    for read in (read_header, lambda file: decode(file, 8, 8, 3)):
        with pytest.raises(InvalidImage) as refused:
            read(content)
        for name in ("PNG", "JPEG", "WEBP", "BMP", "GIF"):
            assert name in str(refused.value)


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


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


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


def _frames(file: bytes) -> tuple[list[Bytes], list[int], Image.Image]:
    image = Image.open(io.BytesIO(file))
    frames, durations = [], []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(np.asarray(image.convert("RGB")))
        durations.append(image.info["duration"])
    return frames, durations, image


@pytest.mark.parametrize("channels", [1, 3])
def test_an_animation_holds_each_frame_for_its_duration_and_loops(channels: int) -> None:
    levels = np.arange(5, dtype=np.uint8) * 50
    given_frames = np.broadcast_to(levels[:, None, None, None], (5, 6, 9, channels)).copy()
    given_frames[:, :3, :, 0] = 255 - levels[:, None, None]
    given_durations = [700, 40, 60, 100, 500]
    frames, durations, image = _frames(encode_animation(given_frames, given_durations))
    assert image.format == "GIF"
    assert image.info["loop"] == 0  # for ever
    assert durations == given_durations
    for frame, expected in zip(frames, given_frames, strict=True):
        np.testing.assert_array_equal(frame, np.broadcast_to(expected, (6, 9, 3)))


def test_frames_that_do_not_change_keep_the_animations_length() -> None:
    still = np.full((4, 5, 5, 1), 9, np.uint8)
    still[3] = 200
    _, durations, _ = _frames(encode_animation(still, [100, 200, 300, 400]))
    assert sum(durations) == 1000


@given(BATCHES, st.integers(1, 4))
def test_enlarging_repeats_pixels_and_invents_none(pixels: Bytes, scale: int) -> None:
    count, height, width, channels = pixels.shape
    large = enlarge(pixels, scale)
    assert large.shape == (count, height * scale, width * scale, channels)
    for row in range(scale):
        for column in range(scale):
            np.testing.assert_array_equal(large[:, row::scale, column::scale], pixels)


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
