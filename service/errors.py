"""Every failure that Hourglass names, as one tree.

HourglassError
├── InvalidBundle              a bundle that is incomplete, altered, or of a format this version does not read
├── TrainingError              training cannot go on (its kinds are in `training/errors.py`)
└── Refusal                    what a client of the service is told; each has a status and a stable slug
    ├── MalformedJson          400  the body is not JSON
    ├── MalformedArray         400  the body is not a .npy file of a plain array
    ├── MalformedForm          400  the body is not multipart/form-data
    ├── NoSuchPath             404  nothing is served at this path
    ├── NoSuchModel            404  no model of this name is served
    ├── NoSuchVersion          404  the model has no such version
    ├── MethodNotAllowed       405  the path does not answer this method
    ├── NotAcceptable          406  none of the media types of `Accept` is offered
    ├── SlowBody               408  the body did not arrive in time
    ├── BodyTooLarge           413  the body has more bytes than are taken
    ├── TooManyImages          413  the request holds more images or latents than are taken
    ├── TooManyPoints          413  more points than a map may have
    ├── UnsupportedMediaType   415  the body's `Content-Type` (or `Content-Encoding`) is not read
    ├── InvalidParameter       422  a query parameter is unknown or out of bounds
    ├── InvalidBody            422  the body's structure is not the one that the route takes
    ├── InvalidImage           422  an encoded image cannot be decoded
    ├── ImageTooLarge          422  an encoded image has more pixels than are decoded
    ├── WrongShape             422  numbers of another shape than the model's
    ├── OutOfRange             422  numbers that are not finite or outside their range
    ├── ImpossibleMap          422  too few points for t-SNE, or for the perplexity asked for
    ├── Overloaded             429  the queue is full
    ├── HeadersTooLarge        431  the request's headers have more bytes than are taken
    ├── InternalError          500  a defect of the service
    ├── NotReady               503  no model is loaded yet
    ├── MapFailed              503  the process that computed a map ended early
    └── DeadlineExceeded       504  the answer was not ready in time
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


class HourglassError(Exception):
    """A failure whose message is one line that tells the reader what to change."""


class InvalidBundle(HourglassError):
    """A bundle is incomplete, altered, or of a format this version does not read."""


class TrainingError(HourglassError):
    """Training cannot go on."""


MAX_FAULTS = 10
"""Faults that one refusal lists."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request, and where it stands."""

    detail: str
    pointer: str | None = None
    """A JSON pointer as a fragment (`#/images/3`); images of any kind of body are counted as in JSON."""
    parameter: str | None = None
    """The name of a query parameter."""


class Refusal(HourglassError):
    """A failure that a client of the service is told, as a problem document (RFC 9457)."""

    status: ClassVar[HTTPStatus]
    slug: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = headers or {}


class MalformedJson(Refusal):
    """The body is not JSON."""

    status, slug, title = HTTPStatus.BAD_REQUEST, "malformed-json", "The body is not valid JSON"


class MalformedArray(Refusal):
    """The body is not a .npy file of a plain array."""

    status, slug, title = HTTPStatus.BAD_REQUEST, "malformed-npy", "The body is not a valid .npy file"


class MalformedForm(Refusal):
    """The body is not multipart/form-data."""

    status, slug, title = HTTPStatus.BAD_REQUEST, "malformed-multipart", "The body is not valid multipart/form-data"


class NoSuchPath(Refusal):
    """Nothing is served at this path."""

    status, slug, title = HTTPStatus.NOT_FOUND, "not-found", "Nothing is served at this path"


class NoSuchModel(Refusal):
    """No model of this name is served."""

    status, slug, title = HTTPStatus.NOT_FOUND, "unknown-model", "No model of this name is served"


class NoSuchVersion(Refusal):
    """The model has no such version."""

    status, slug, title = HTTPStatus.NOT_FOUND, "unknown-version", "The model has no such version"


class MethodNotAllowed(Refusal):
    """The path does not answer this method."""

    status, slug, title = HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not answer this method"


class NotAcceptable(Refusal):
    """None of the media types of `Accept` is offered."""

    status, slug, title = HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", "None of the accepted media types is offered"


class SlowBody(Refusal):
    """The body did not arrive in time."""

    status, slug, title = HTTPStatus.REQUEST_TIMEOUT, "slow-body", "The body did not arrive in time"


class BodyTooLarge(Refusal):
    """The body has more bytes than are taken."""

    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large"


class TooManyImages(Refusal):
    """The request holds more images or latents than are taken."""

    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-images", "Too many images in one request"


class TooManyPoints(Refusal):
    """More points than a map may have."""

    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-points", "Too many points for a map"


class UnsupportedMediaType(Refusal):
    """The body's `Content-Type` (or `Content-Encoding`) is not read."""

    status, slug = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"
    title = "The body's media type is not read here"


class InvalidParameter(Refusal):
    """A query parameter is unknown or out of bounds."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-parameter", "A query parameter is not valid"


class InvalidBody(Refusal):
    """The body's structure is not the one that the route takes."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-body", "The body is not what this route takes"


class InvalidImage(Refusal):
    """An encoded image cannot be decoded."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-image", "An image cannot be decoded"


class ImageTooLarge(Refusal):
    """An encoded image has more pixels than are decoded."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "image-too-large", "An image has too many pixels"


class WrongShape(Refusal):
    """Numbers of another shape than the model's."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-shape", "Numbers of the wrong shape"


class OutOfRange(Refusal):
    """Numbers that are not finite or outside their range."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "out-of-range", "Numbers out of range"


class ImpossibleMap(Refusal):
    """Too few points for t-SNE, or for the perplexity asked for."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "impossible-map", "No map can be made of these points"


class Overloaded(Refusal):
    """The queue is full."""

    status, slug, title = HTTPStatus.TOO_MANY_REQUESTS, "overloaded", "The service is busy"


class HeadersTooLarge(Refusal):
    """The request's headers have more bytes than are taken."""

    status, slug = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large"
    title = "The headers are too large"


class InternalError(Refusal):
    """A defect of the service."""

    status, slug, title = HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "The service has a defect"


class NotReady(Refusal):
    """No model is loaded yet."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "The service is not ready"


class MapFailed(Refusal):
    """The process that computed a map ended early."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "map-failed", "The map could not be computed"


class DeadlineExceeded(Refusal):
    """The answer was not ready in time."""

    status, slug, title = HTTPStatus.GATEWAY_TIMEOUT, "deadline-exceeded", "The answer was not ready in time"
