"""Class labels of the points of a map, as clients send them."""

from service.errors import Fault, InvalidBody
from service.json_body import JsonObject

MAX_LENGTH = 200


def read_labels(body: JsonObject, at_most: int) -> tuple[str, ...]:
    """The member `labels` of a body: strings or whole numbers, one a point.

    Raises:
        InvalidBody: More than `at_most`; or pointing at the first that is neither, or has more than `MAX_LENGTH`
            characters.
    """
    if body.count_of("labels") > at_most:
        raise InvalidBody(f"A request may hold {at_most} labels, one a point.", [Fault("too many", "#/labels")])
    labels = body.items_of("labels")
    for index, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, str | int) or len(str(label)) > MAX_LENGTH:
            rule = f"expected a string of at most {MAX_LENGTH} characters or a whole number"
            raise InvalidBody(f"Label {index}: {rule}.", [Fault(rule, f"#/labels/{index}")])
    return tuple(map(str, labels))


def check_labels(labels: tuple[str, ...] | None, points: int) -> None:
    """Refuse labels that are not one a point."""
    if labels is not None and len(labels) != points:
        raise InvalidBody(
            f"Expected one label a point: {points}, got {len(labels)}.", [Fault("wrong length", "#/labels")]
        )
