"""JSON bodies, read strictly and without building a Python object for each number: the one home of simdjson."""

import math
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.errors import BodyTooLarge, InvalidBody, MalformedJson, WrongShape

Json: TypeAlias = Any
"""A value inside a document: str, int, float, bool, None, or a view on an array or object of the document."""

MAX_DEPTH = 4
"""Lists within a list of numbers: (batch, height, width, channels) has as many."""


class JsonObject:
    """The object that a JSON body is, its members by key."""

    def __init__(self, body: bytes, known_keys: Sequence[str], max_values: int) -> None:
        """Parse a body of at most `max_values` values.

        Each takes 20 to 30 bytes while it is read: a body of `0,0,0` takes 20 times its size.

        Raises:
            BodyTooLarge: More values.
            MalformedJson: Not JSON (RFC 8259): bad syntax, NaN, numbers beyond 64 bits, nesting beyond 1,024.
            InvalidBody: Not an object, or one with an unknown key or the same key twice.
        """
        self._brackets = body.count(b"[")
        most_values = len(body)  # each takes a byte at least, so that small bodies need not be counted
        if most_values > max_values and self._brackets + body.count(b",") + body.count(b"{") > max_values:
            raise BodyTooLarge(f"A JSON body may hold {max_values} values; send .npy, or fewer images a request.")
        self._parser = simdjson.Parser()  # kept: what it parsed is views on it
        try:
            document = self._parser.parse(body)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise MalformedJson("The body must be JSON in UTF-8, with finite numbers of at most 64 bits.") from error
        if not isinstance(document, simdjson.Object):
            raise InvalidBody(f"The body must be an object with the keys {', '.join(known_keys)}.")
        # Their number first: simdjson finds each by going through all.
        if len(document) > len(known_keys) or not set(keys := list(document)) <= set(known_keys):
            known = ", ".join(known_keys)
            raise InvalidBody(f"The body has an unknown key, or one twice; it must be an object with the keys {known}.")
        if len(set(keys)) != len(keys):
            raise InvalidBody("The body names a key twice.")
        self._members = {key: document[key] for key in keys}

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def get(self, key: str) -> Json:
        """A member, or None."""
        return self._members.get(key)

    def count_of(self, key: str) -> int:
        """How many elements a member has that must be an array.

        Raises:
            InvalidBody: It is none.
        """
        return len(self._array(key))

    def items_of(self, key: str) -> list[Json]:
        """The elements of a member that must be an array; a Python object each, so mind `count_of` first.

        Raises:
            InvalidBody: It is none.
        """
        return list(self._array(key))

    def arrays(self, items: Sequence[Json], most_numbers: int) -> Iterator[NDArray[np.float64] | WrongShape]:
        """Nested lists of numbers as arrays of their shape, one by one; the refusal in place of one that is none.

        One of more than `most_numbers` is not looked into.
        """
        has_only_such_lists = self._brackets == 1 + sum(_lists_if_even(_shape(item)) for item in items)
        return (_to_array(item, most_numbers, trusted=has_only_such_lists) for item in items)

    def even_array(self, key: str, shapes: Collection[tuple[int, ...]]) -> NDArray[np.float64] | None:
        """A member as one array, `(items, *shape)`, where it holds nothing but numbers in lists of one of the shapes.

        Much faster than item by item; None where anything is otherwise, and only `arrays` can tell what.
        """
        items = self._array(key)
        count = len(items)
        shape = _shape(items[0]) if count else ()
        if shape not in shapes or self._brackets != 1 + count * _lists_if_even(shape):
            return None
        try:
            numbers = np.frombuffer(items.as_buffer(of_type="d"), np.float64)
        except (TypeError, ValueError):
            return None
        is_even = numbers.size == count * math.prod(shape) and all(_is_even(item, shape) for item in items)
        return numbers.reshape(count, *shape) if is_even else None

    def release(self) -> None:
        """Free the document, which takes at least twice the size of its body; its members and views on it are gone."""
        self._members.clear()
        del self._parser

    def _array(self, key: str) -> simdjson.Array:
        value = self._members.get(key)
        if not isinstance(value, simdjson.Array):
            raise InvalidBody(f'"{key}" must be an array.')
        return value


def is_list(value: Json) -> bool:
    """Whether a value is a JSON array."""
    return isinstance(value, simdjson.Array)


def _to_array(value: Json, most_numbers: int, *, trusted: bool) -> NDArray[np.float64] | WrongShape:
    """The array, or the refusal; returned, since a traceback would keep the whole document alive."""
    shape = _shape(value)
    if not shape:
        return WrongShape("got other things than lists of numbers")
    if math.prod(shape) > most_numbers:
        return WrongShape(f"got {list(shape)}")
    try:
        numbers = np.frombuffer(value.as_buffer(of_type="d"), np.float64)
    except (TypeError, ValueError, AttributeError):
        return WrongShape("got other things than lists of numbers")
    if numbers.size != math.prod(shape) or not _is_even(value, shape):
        return WrongShape("got lists of unequal lengths")
    # simdjson flattens whatever is nested, so [1, [2], 3] needs a closer look; counting brackets rules it out cheaply.
    if not trusted and not _is_strictly(value.as_list(), shape):
        return WrongShape("got lists of unequal lengths")
    return numbers.reshape(shape)


def _shape(value: Json) -> tuple[int, ...]:
    """The shape that the first elements of nested lists suggest; `()` for what is no list, or too deep."""
    shape: list[int] = []
    while isinstance(value, simdjson.Array):
        if len(shape) == MAX_DEPTH or len(value) == 0:
            return ()
        shape.append(len(value))
        value = value[0]
    return tuple(shape)


@lru_cache
def _lists_if_even(shape: tuple[int, ...]) -> int:
    """How many lists an array of this shape is made of: 1 for (w,), 1 + h for (h, w), and so on."""
    return sum(math.prod(shape[:depth]) for depth in range(len(shape)))


def _is_even(value: Json, shape: tuple[int, ...]) -> bool:
    if not isinstance(value, simdjson.Array) or len(value) != shape[0]:
        return False
    return len(shape) == 1 or all(_is_even(row, shape[1:]) for row in value)


def _is_strictly(value: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        return isinstance(value, int | float)
    return isinstance(value, list) and len(value) == shape[0] and all(_is_strictly(row, shape[1:]) for row in value)
