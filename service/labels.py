"""What clients call the points of a map: the class of each, and its id."""

from typing import Literal

from service.errors import Fault, InvalidBody
from service.json_body import JsonObject

MAX_LENGTH = 200


def read_labels(body: JsonObject, at_most: int) -> tuple[str, ...]:
    """The member `labels` of a body: strings or whole numbers, one a point.

    Raises:
        InvalidBody: More than `at_most`; or pointing at the first that is neither, or has more than `MAX_LENGTH`
            characters.
    """
    return _read(body, "labels", at_most, (str, int), "a string of at most {} characters or a whole number")


def read_ids(body: JsonObject, at_most: int) -> tuple[str, ...]:
    """The member `ids` of a body: strings, one a point.

    Raises:
        InvalidBody: More than `at_most`; or pointing at the first that is none or longer than `MAX_LENGTH`.
    """
    return _read(body, "ids", at_most, (str,), "a string of at most {} characters")


def id_of_file(name: str) -> str:
    """A file's name as an id: without folders and what cannot be printed, and not longer than an id may be."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:MAX_LENGTH]


def check_labels(labels: tuple[str, ...] | None, points: int, noun: Literal["label", "id"] = "label") -> None:
    """Refuse labels, or ids, that are not one a point."""
    if labels is not None and len(labels) != points:
        detail = f"Expected one {noun} a point: {points}, got {len(labels)}."
        raise InvalidBody(detail, [Fault("wrong length", f"#/{noun}s")])


def _read(body: JsonObject, key: str, at_most: int, types: tuple[type, ...], rule: str) -> tuple[str, ...]:
    if body.count_of(key) > at_most:
        raise InvalidBody(f"A request may hold {at_most} {key}, one a point.", [Fault("too many", f"#/{key}")])
    values = body.items_of(key)
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, types) or len(str(value)) > MAX_LENGTH:
            expected = f"expected {rule.format(MAX_LENGTH)}"
            raise InvalidBody(f"{key[:-1].capitalize()} {index}: {expected}.", [Fault(expected, f"#/{key}/{index}")])
    return tuple(map(str, values))
