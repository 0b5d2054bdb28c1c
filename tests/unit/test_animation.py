"""Animations, read back with Pillow: frames, durations, pixels and repeats."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageFile

from service.animation import LONGEST_HOLD_MS, AnimationFormat, encode_animation

Bytes = NDArray[np.uint8]

FORMATS = list(AnimationFormat)
LOSSLESS = [AnimationFormat.WEBP, AnimationFormat.APNG]
BATCHES = hnp.arrays(
    np.uint8, st.tuples(st.integers(2, 6), st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))
)


def _read(file: bytes) -> tuple[Bytes, list[int], ImageFile.ImageFile]:
    """A file's frames in RGB, how long each is held, and the open image."""
    image = Image.open(io.BytesIO(file))
    frames, durations = [], []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(np.asarray(image.convert("RGB")))
        durations.append(round(image.info["duration"]))
    return np.stack(frames), durations, image


def _distinct(count: int, channels: int, side: int = 9) -> Bytes:
    """Frames of which no two are equal."""
    frames = np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)
    frames[:, 0, 0] = np.arange(count)[:, None]
    return frames


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_animation_holds_each_frame_for_its_duration_and_loops(file_format: AnimationFormat, channels: int) -> None:
    levels = np.arange(5, dtype=np.uint8) * 50
    given_frames = np.broadcast_to(levels[:, None, None, None], (5, 6, 9, channels)).copy()
    given_frames[:, :3, :, 0] = 255 - levels[:, None, None]
    given_durations = [700, 40, 60, 100, 500]
    frames, durations, image = _read(encode_animation(given_frames, given_durations, file_format=file_format))
    assert image.get_format_mimetype() == f"image/{file_format}"
    assert image.info["loop"] == 0  # for ever
    assert durations == given_durations
    np.testing.assert_array_equal(frames, np.broadcast_to(given_frames, (5, 6, 9, 3)))


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_animation_can_be_played_once(file_format: AnimationFormat) -> None:
    file = encode_animation(_distinct(3, 1), [50] * 3, file_format=file_format, repeat=False)
    assert _read(file)[2].info.get("loop") == {"gif": None}.get(file_format, 1)
    assert b"NETSCAPE" not in file


@given(BATCHES, st.sampled_from(LOSSLESS))
def test_webp_and_apng_lose_nothing(frames: Bytes, file_format: AnimationFormat) -> None:
    frames[:, 0, 0] = np.arange(len(frames))[:, None]
    read, _, _ = _read(encode_animation(frames, [50] * len(frames), file_format=file_format))
    np.testing.assert_array_equal(read, np.broadcast_to(frames, read.shape))


@given(BATCHES)
def test_a_gif_of_greys_loses_nothing(frames: Bytes) -> None:
    frames[:, 0, 0] = np.arange(len(frames))[:, None]
    for greys in (frames[..., :1], frames[..., :1].repeat(3, axis=3)):
        read, _, _ = _read(encode_animation(greys, [50] * len(frames)))
        np.testing.assert_array_equal(read, np.broadcast_to(greys, read.shape))


def test_a_gif_of_colours_comes_close_and_keeps_its_white() -> None:
    corners = np.random.default_rng(0).integers(0, 256, (4, 5, 5, 3), np.uint8)
    frames = np.stack([np.asarray(Image.fromarray(corner).resize((80, 80))) for corner in corners])
    framed = np.pad(frames, [(0, 0), (12, 12), (12, 12), (0, 0)], constant_values=255)
    read, _, _ = _read(encode_animation(framed, [50] * 4))
    assert np.abs(read.astype(int) - framed).mean() < 6
    assert (read[:, :12] >= 253).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(20, 900)), min_size=1, max_size=12), st.sampled_from(FORMATS))
def test_equal_neighbours_are_one_frame_of_their_summed_duration(
    levels_and_durations: list[tuple[int, int]], file_format: AnimationFormat
) -> None:
    levels, durations = zip(*levels_and_durations, strict=True)
    frames = np.full((len(levels), 4, 5, 1), 0, np.uint8) + np.array(levels, np.uint8)[:, None, None, None] * 100
    read, holds, _ = _read(encode_animation(frames, durations, file_format=file_format))
    expected = [0]
    for position, duration in enumerate(durations):
        if position and levels[position] != levels[position - 1]:
            expected.append(0)
        expected[-1] += duration
    assert len(read) == len(expected)
    if len(read) > 1 or file_format is not AnimationFormat.WEBP:  # a WebP of one frame is a still image
        ends, expected_ends = np.cumsum(holds), np.cumsum(expected)
        assert (np.abs(ends - expected_ends) <= (5 if file_format is AnimationFormat.GIF else 0)).all()


@given(st.lists(st.integers(20, 500), min_size=2, max_size=40))
def test_what_a_gif_rounds_of_a_duration_does_not_add_up(durations: list[int]) -> None:
    _, holds, _ = _read(encode_animation(_distinct(len(durations), 1, side=2), durations))
    assert (np.abs(np.cumsum(holds) - np.cumsum(durations)) <= 5).all()


def test_a_gif_never_holds_a_frame_for_no_time() -> None:
    _, holds, _ = _read(encode_animation(_distinct(4, 1), [1, 2, 3, 4]))
    assert min(holds) == 10


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_hold_that_no_format_can_say_is_cut(file_format: AnimationFormat) -> None:
    frames = _distinct(2, 1)
    _, holds, _ = _read(encode_animation(frames, [10**7, 100], file_format=file_format))
    assert holds == pytest.approx([LONGEST_HOLD_MS, 100], abs=5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("repeat", [True, False])
@pytest.mark.parametrize("file_format", FORMATS)
def test_one_frame_is_a_file_of_its_format(file_format: AnimationFormat, repeat: bool, channels: int) -> None:
    frame = np.full((1, 6, 7, channels), 30, np.uint8)
    frame[:, 2:4] = 220
    file = encode_animation(frame, [340], file_format=file_format, repeat=repeat)
    read, holds, image = _read(file)
    assert image.get_format_mimetype() == f"image/{file_format}"
    np.testing.assert_array_equal(read, np.broadcast_to(frame, read.shape))
    if file_format is AnimationFormat.APNG:
        assert (holds, image.info["loop"]) == ([340], 0 if repeat else 1)
