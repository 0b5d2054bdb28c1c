"""What a route says of itself in the OpenAPI document: bodies, answers and refusals, which FastAPI cannot see."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any, TypeAlias

from pydantic import BaseModel

from service import errors, schemas
from service.examples import DATA_URIS, IMAGES, LATENTS, NUMBERS
from service.media import CSV, ENCODED_IMAGES, EVENT_STREAM, JSON, MULTIPART, NPY, PNG, PROBLEM, SVG

Spec: TypeAlias = dict[str, Any]
"""A part of an OpenAPI document."""
Responses: TypeAlias = dict[int | str, Spec]

_LABELS: Spec = {"type": "string", "description": "A JSON array with the class of each image."}
_IDS: Spec = {"type": "string", "description": "A JSON array with the id of each image, in place of its file's name."}
_BESIDE: Spec = {"labels": _LABELS, "ids": _IDS}
_BINARY: Spec = {"type": "string", "format": "binary"}
IMAGE_EXAMPLES: Spec = {
    "base64": {"summary": "Encoded images in base64", "value": {"images": IMAGES}},
    "data_uri": {"summary": "Encoded images as data URIs", "value": {"images": DATA_URIS}},
    "numbers": {"summary": "Images as numbers in 0 to 255", "value": {"images": [NUMBERS] * 2, "pixel_range": "byte"}},
}
LATENT_EXAMPLES: Spec = {"latents": {"summary": "Latents", "value": {"latents": LATENTS}}}
REFERENCE_EXAMPLES: Spec = {"reference": {"summary": "The bundle's own sample", "value": {"reference": True}}}

MODEL_REFUSALS = (errors.NoSuchModel, errors.NoSuchVersion, errors.NotReady)
"""What a route refuses that takes `?model=` and `?version=`."""
BODY_REFUSALS = (
    errors.MalformedJson, errors.MalformedArray, errors.MalformedForm, errors.NotAcceptable, errors.SlowBody,
    errors.BodyTooLarge, errors.TooManyImages, errors.UnsupportedMediaType, errors.InvalidBody, errors.InvalidImage,
    errors.ImageTooLarge, errors.WrongShape, errors.OutOfRange, errors.Overloaded, errors.DeadlineExceeded,
)  # fmt: skip
"""What a route refuses that takes a body."""
MAP_REFUSALS = (errors.TooManyPoints, errors.ImpossibleMap, errors.MapFailed)
"""What a route refuses that computes maps."""
_ALWAYS = (errors.InvalidParameter, errors.HeadersTooLarge, errors.InternalError)


def reference_to(model: type[BaseModel]) -> Spec:
    """A reference to the schema of one of the JSON contract's types."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def images_only(body: type[BaseModel]) -> Spec:
    """The request body of a route that takes one image or more."""
    single = {media_type: {"schema": _BINARY} for media_type in ENCODED_IMAGES}
    return _request_body({JSON: _json_body([body], IMAGE_EXAMPLES), **_image_batches(_form(1)), **single})


def images_or(*others: type[BaseModel], images: type[BaseModel], least: int, examples: Spec) -> Spec:
    """The request body of a route that takes several images, at `least` so many, or something else in JSON."""
    form = _form(least, _BESIDE if issubclass(images, schemas.LabelledImagesBody) else {})
    return _request_body({JSON: _json_body([images, *others], examples), **_image_batches(form)})


def latents_only(body: type[BaseModel]) -> Spec:
    """The request body of a route that takes latents."""
    array = {"schema": _BINARY | {"description": "One array of floats, shape (n, latent_dim)."}}
    return _request_body({JSON: _json_body([body], LATENT_EXAMPLES), NPY: array})


def answers(
    media_types: Sequence[str],
    reply: type[BaseModel] | Sequence[type[BaseModel]],
    what: str,
    refusals: Iterable[type[errors.Refusal]],
    headers: Mapping[str, tuple[str, str]] = {},
) -> Responses:
    """The answers of a negotiated route: one in each media type, with its own headers, and its refusals.

    Args:
        media_types: In the order in which they are preferred.
        reply: The type of the JSON answer, or each of several.
        what: The answer in words.
        refusals: What the route refuses, beside what every route may.
        headers: By name, a description and an example.
    """
    text = {CSV, SVG, EVENT_STREAM}
    content = {name: {"schema": {"type": "string"} if name in text else _BINARY} for name in media_types}
    content[JSON] = {"schema": _any_of([reply] if isinstance(reply, type) else reply)}
    own = {name: _header(*texts) for name, texts in headers.items()}
    ok = {"description": what, "content": content, "headers": _HEADERS | _MODEL_HEADERS | own}
    return {200: ok, **refused(*refusals)}


def json_answer(reply: type[BaseModel], what: str, *refusals: type[errors.Refusal]) -> Responses:
    """The answers of a route that speaks JSON only."""
    ok = {"description": what, "content": {JSON: {"schema": reference_to(reply)}}, "headers": _HEADERS}
    return {200: ok, **refused(*refusals)}


def kept_answer(
    media_type: str, what: str, *refusals: type[errors.Refusal], reply: type[BaseModel] | None = None
) -> Responses:
    """The answers of a route that gives what does not change: whole, or 304 where the client has it.

    Args:
        media_type: The only one.
        what: The answer in words.
        refusals: What the route refuses, beside what every route may.
        reply: The type of a JSON answer.
    """
    schema = _BINARY if media_type == PNG else {"type": "string"}
    content = {media_type: {"schema": schema if reply is None else reference_to(reply)}}
    headers = _HEADERS | _NAMING_HEADERS | _KEPT_HEADERS
    unchanged = {"description": "The client has it already, as `If-None-Match` says.", "headers": headers}
    return {200: {"description": what, "content": content, "headers": headers}, 304: unchanged, **refused(*refusals)}


def text_answer(what: str) -> Responses:
    """The answer of a route that speaks plain text."""
    ok = {"description": what, "content": {"text/plain": {"schema": {"type": "string"}}}, "headers": _HEADERS}
    return {200: ok, **refused()}


def refused(*refusals: type[errors.Refusal]) -> Responses:
    """The documentation of refusals, those that every route may give included, by status."""
    kinds: list[type[errors.Refusal]] = sorted({*refusals, *_ALWAYS}, key=lambda kind: (kind.status, kind.slug))
    return {
        int(status): _refusal(status, list(of_status)) for status, of_status in groupby(kinds, lambda kind: kind.status)
    }


def _refusal(status: HTTPStatus, kinds: Sequence[type[errors.Refusal]]) -> Spec:
    examples = {kind.slug: {"summary": kind.title, "value": _example(kind)} for kind in kinds}
    headers = _HEADERS | _REFUSAL_HEADERS.get(status, {})
    return {
        "description": "; ".join(kind.title for kind in kinds) + ".",
        "content": {PROBLEM: {"schema": reference_to(schemas.Problem), "examples": examples}},
        "headers": headers,
    }


def _example(kind: type[errors.Refusal]) -> Spec:
    return {
        "type": f"/problems/{kind.slug}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": kind.__doc__,
        "request_id": "8f14e45fceea467a9b36f7b6f1b0c9d2",
        "errors": [],
    }


def _json_body(bodies: Sequence[type[BaseModel]], examples: Spec) -> Spec:
    return {"schema": _any_of(bodies), "examples": examples}


def _any_of(models: Sequence[type[BaseModel]]) -> Spec:
    return reference_to(models[0]) if len(models) == 1 else {"anyOf": [reference_to(model) for model in models]}


def _request_body(content: Spec) -> Spec:
    return {"requestBody": {"required": True, "content": content}}


def _image_batches(form: Spec) -> Spec:
    array = _BINARY | {"description": "One array: uint8 in 0 to 255, or floats in [0, 1]."}
    return {NPY: {"schema": array}, MULTIPART: {"schema": form}}


def _form(least: int, more: Mapping[str, Spec] = {}) -> Spec:
    files = {"type": "array", "minItems": least, "items": _BINARY}
    images = files | {"description": "Encoded images, under any field name."}
    properties = {"images": images, **more}
    return {"type": "object", "properties": properties, "required": ["images"], "additionalProperties": False}


def _header(description: str, example: str) -> Spec:
    return {"description": description, "schema": {"type": "string"}, "example": example}


_HEADERS = {"X-Request-ID": _header("The id that the request came with, or a new one.", "8f14e45fceea467a")}
_NAMING_HEADERS = {
    "X-Model": _header("The model that answered.", "digits"),
    "X-Model-Version": _header("Its version.", "1"),
}
_KEPT_HEADERS = {"ETag": _header("What tells this content from any other.", '"5d41402abc4b2a76b9719d911017c592"')}
_MODEL_HEADERS = _NAMING_HEADERS | {
    "Vary": _header("The answer depends on this request header.", "Accept"),
}
_RETRY_AFTER = {"Retry-After": _header("Seconds after which to try again.", "1")}
_CLOSE = {"Connection": _header("The rest of the body is not read.", "close")}
_REFUSAL_HEADERS = {
    HTTPStatus.REQUEST_TIMEOUT: _CLOSE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _CLOSE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {"Accept-Post": _header("The media types that are read.", "application/json")},
    HTTPStatus.TOO_MANY_REQUESTS: _RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: _RETRY_AFTER,
}
