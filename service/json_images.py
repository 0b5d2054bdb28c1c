"""The usual JSON body of images, read by a compiled loop: `{"images": ...}` of nothing but numbers, all of them right.

A library that reads any JSON takes three times as long, and keeps the interpreter meanwhile. This takes only what it
surely understands as `JsonObject` does, to the last bit, and declines all else, which is then read there or refused.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.arrays import Pixels
from service.compiled import exact

_Text: TypeAlias = NDArray[np.uint8]

_OPEN, _CLOSE, _OPEN_OBJECT, _CLOSE_OBJECT, _COMMA, _COLON, _POINT, _MINUS, _PLUS, _ZERO, _NINE = np.frombuffer(
    b"[]{},:.-+09", np.uint8
)
_SPACES = tuple(b" \n\r\t")
_SMALL_E, _LARGE_E = np.frombuffer(b"eE", np.uint8)
_IMAGES, _RANGE, _BYTE, _UNIT = (
    np.frombuffer(word, np.uint8) for word in (b'"images"', b'"pixel_range"', b'"byte"', b'"unit"')
)
_TENS = np.array([float(f"1e{exponent}") for exponent in range(61)])
_MOST_EXACT_TEN = 22
"""Powers of ten up to this one are exact in binary64, as are whole numbers up to 2^53 (Clinger 1990)."""
_MOST_EXACT_WHOLE = 2**53
_MOST_DIGITS = 19
"""Which 64 bits hold."""
_DOUBT = 1e-15
"""How far, relatively, two roundings of a number in binary64 may lie apart, and more."""
_SHALLOWEST, _DEEPEST = 2, 4
"""Lists within each other: of flat images, and of images with channels."""


def read_images(body: bytes, shape: tuple[int, int, int], max_images: int, max_values: int) -> Pixels | None:
    """Images of a shape (height, width, channels) in a JSON body -> (batch, height, width, channels), or None.

    None is for whatever is not certain to be accepted: more images, more JSON values, other shapes, other members.
    """
    pixels: Pixels = _read(np.frombuffer(body, np.uint8), *shape, max_images, max_values)
    return pixels.reshape(len(pixels), *shape) if len(pixels) else None


def warm_up() -> None:
    """Compile the loop, or load what was compiled, so that no request waits for it."""
    read_images(b'{"images":[[0]]}', (1, 1, 1), 1, 10)


@exact
def _read(text: _Text, height: int, width: int, channels: int, max_images: int, max_values: int) -> NDArray[np.float32]:
    """The images as rows; none at all where the body is declined."""
    size, none = height * width * channels, np.empty((0, 0), np.float32)
    if len(text) == 0 or text[len(text) - 1] != _CLOSE_OBJECT:  # so that nothing below reads past the end
        return none
    brackets, depth = _look(text)
    lists = 1 if depth == _SHALLOWEST else 1 + height if depth < _DEEPEST else 1 + height + height * width
    count = (brackets - 1) // lists
    is_too_much = count > max_images or count * size + brackets + 2 > max_values
    if not _SHALLOWEST <= depth <= _DEEPEST or count < 1 or is_too_much:
        return none
    lengths = np.empty(_DEEPEST + 1, np.int64)
    lengths[1], lengths[2], lengths[3], lengths[4] = count, height, width, channels
    if depth == _SHALLOWEST:
        lengths[2] = size
    elif depth < _DEEPEST and channels != 1:
        return none
    pixels = np.empty((count, size), np.float32)
    white = 255.0 if _ends_in_byte(text) else 1.0
    is_read = _read_members(text, lengths, depth, white, pixels.reshape(count * size))
    return pixels if is_read else none


@exact
def _look(text: _Text) -> tuple[int, int]:
    """How many lists begin in a text, and how many do so before the first number."""
    brackets = depth = 0
    for byte in text:
        brackets += byte == _OPEN
    for byte in text:
        depth += byte == _OPEN
        if depth and byte != _OPEN and byte not in _SPACES:
            break
    return brackets, depth


@exact
def _ends_in_byte(text: _Text) -> bool:
    """Whether the last member, or the first, seems to be `"pixel_range": "byte"`; `_read_members` makes sure."""
    for start in (len(text) - 1, 64):
        for at in range(max(0, start - 64), start):
            if _follows(text, at, _BYTE):
                return True
    return False


@exact
def _read_members(
    text: _Text, lengths: NDArray[np.int64], depth: int, white: float, pixels: NDArray[np.float32]
) -> bool:
    """Read the whole object; whether it holds images, once, and nothing that contradicts `white`."""
    has_images = has_range = False
    at = _skip(text, 0)
    if text[at] != _OPEN_OBJECT:
        return False
    while True:
        at = _skip(text, at + 1)
        if _follows(text, at, _IMAGES) and not has_images:
            has_images = True
            at = _skip_colon(text, at + len(_IMAGES))
            at = _read_lists(text, at, lengths, depth, white, pixels)
        elif _follows(text, at, _RANGE) and not has_range:
            has_range = True
            at = _skip_colon(text, at + len(_RANGE))
            word = _BYTE if white != 1 else _UNIT
            at = at + len(word) if _follows(text, at, word) else -1
        else:
            return False
        if at < 0:
            return False
        at = _skip(text, at)
        if text[at] == _CLOSE_OBJECT:
            is_all = _skip(text, at + 1) == len(text)
            return is_all and has_images and (has_range or white == 1)
        if text[at] != _COMMA:
            return False


@exact
def _read_lists(
    text: _Text, at: int, lengths: NDArray[np.int64], depth: int, white: float, pixels: NDArray[np.float32]
) -> int:
    """Read lists within lists, each of the length that all of its depth have; where they end, or -1."""
    counts = np.zeros(_DEEPEST + 1, np.int64)
    level = read = 0
    while True:
        while level < depth:  # begin lists, down to one of numbers
            if at < 0 or text[at] != _OPEN:
                return -1
            level += 1
            counts[level] = 0
            at = _skip(text, at + 1)
        end = read + lengths[depth]
        if end > len(pixels):
            return -1
        at = _read_row(text, at, white, pixels[read:end])
        if at < 0:
            return -1
        read = end
        counts[level] = lengths[level]
        while True:  # end lists, up to one that goes on
            at = _skip(text, at)
            if counts[level] != lengths[level] or text[at] != _CLOSE:
                return -1
            at += 1
            level -= 1
            if level == 0:
                return at if read == len(pixels) else -1
            counts[level] += 1
            at = _skip(text, at)
            if text[at] == _COMMA:
                at = _skip(text, at + 1)
                break


@exact
def _read_row(  # noqa: C901, PLR0911, PLR0912  (as it says)
    text: _Text, at: int, white: float, row: NDArray[np.float32]
) -> int:
    """Read the numbers of one list, from 0 to `white`; where the last one ends, or -1.

    All of it is one function: passing an array to another takes longer than reading a number.
    """
    last = len(row) - 1
    for place in range(len(row)):
        whole, shift, start = np.uint64(0), 0, at
        digit = np.uint8(text[np.uint64(at)] - _ZERO)
        while digit < 10:
            whole = whole * np.uint64(10) + np.uint64(digit)
            at += 1
            digit = np.uint8(text[np.uint64(at)] - _ZERO)
        digits = at - start
        if digits == 0 or (digits > 1 and text[start] == _ZERO):
            return -1
        if text[np.uint64(at)] == _POINT:
            at += 1
            point = at
            digit = np.uint8(text[np.uint64(at)] - _ZERO)
            while digit < 10:
                whole = whole * np.uint64(10) + np.uint64(digit)
                at += 1
                digit = np.uint8(text[np.uint64(at)] - _ZERO)
            shift = at - point
            if shift == 0:
                return -1
        if digits + shift > _MOST_DIGITS and _count_digits(text, start) > _MOST_DIGITS:
            return -1
        if text[np.uint64(at)] == _SMALL_E or text[np.uint64(at)] == _LARGE_E:
            at += 1
            is_negative = text[at] == _MINUS
            at += is_negative or text[at] == _PLUS
            point, exponent = at, 0
            digit = np.uint8(text[np.uint64(at)] - _ZERO)
            while digit < 10 and at - point < 3:
                exponent = exponent * 10 + np.int64(digit)  # type: ignore[assignment]  # one int to numba
                at += 1
                digit = np.uint8(text[np.uint64(at)] - _ZERO)
            if at == point or digit < 10:
                return -1
            shift += exponent if is_negative else -exponent
        if not 0 <= shift < len(_TENS):
            return -1
        value = 0.0
        if whole != 0:
            value = np.float64(whole) / _TENS[np.uint64(shift)]
            if value > white:
                return -1
            if (whole > _MOST_EXACT_WHOLE or shift > _MOST_EXACT_TEN) and not _is_certain(value, white):
                return -1
        row[np.uint64(place)] = value if white == 1 else value / white
        if place == last:
            break
        if text[np.uint64(at)] != _COMMA:
            at = _skip(text, at)
            if text[at] != _COMMA:
                return -1
        at += 1
        if text[np.uint64(at)] < _ZERO:  # a space, or nothing good
            at = _skip(text, at)
    return at


@exact
def _count_digits(text: _Text, at: int) -> int:
    """How many digits of a number count: those from the first on that is not 0."""
    digits = 0
    while _ZERO <= text[at] <= _NINE or text[at] == _POINT:
        digits += text[at] != _POINT and (digits > 0 or text[at] != _ZERO)
        at += 1
    return digits


@exact
def _is_certain(value: float, white: float) -> bool:
    """Whether a number that may be rounded otherwise in binary64 is the same in binary32 all the same."""
    less, more = value * (1 - _DOUBT), value * (1 + _DOUBT)
    return more <= white and np.float32(less / white) == np.float32(more / white)


@exact
def _skip(text: _Text, at: int) -> int:
    """Go past spaces; to the end of the text at the most."""
    while at < len(text) and text[np.uint64(at)] in _SPACES:
        at += 1
    return at


@exact
def _skip_colon(text: _Text, at: int) -> int:
    """Go past a colon and the spaces around it; -1 where there is none."""
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == _COLON else -1


@exact
def _follows(text: _Text, at: int, word: _Text) -> bool:
    """Whether a word stands here."""
    if at < 0 or at + len(word) > len(text):
        return False
    for index in range(len(word)):  # noqa: SIM110  (numba knows no `all`)
        if text[at + index] != word[index]:
            return False
    return True
