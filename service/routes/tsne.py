"""POST /tsne: images, latents or the bundle's own sample in; out, t-SNE maps of them."""

from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from typing import Annotated, Any, Literal, cast

import numpy as np
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from service.arrays import Features, Pixels, flat, to_unit
from service.dependencies import MapExchangeDep, Unset
from service.errors import Fault, InvalidParameter, TooManyPoints
from service.exchange import Exchange
from service.inputs import Inputs, Kind
from service.labels import check_labels
from service.map_stream import MapStream
from service.maps import MIN_POINTS, MapAnswer, MapJob, PictureFormat, Space, SpaceChoice, check
from service.media import CSV, EVENT_STREAM, JSON, MAP_ANSWERS, PNG, SVG
from service.outputs import write_csv, write_json
from service.route_docs import BODY_REFUSALS, MAP_REFUSALS, MODEL_REFUSALS, REFERENCE_EXAMPLES, answers, images_or
from service.schemas import LabelledImagesBody, LabelledLatentsBody, ReferenceBody, TsneReply
from service.served import ServedModel
from service.settings import DEFAULT_ITERATIONS, MOST_ITERATIONS, Settings

router = APIRouter(tags=["latent space"], default_response_class=Response)

_PICTURES: dict[str, PictureFormat] = {PNG: "png", SVG: "svg"}
_AXES = "xyz"


class Options(BaseModel):
    """The query parameters of `/tsne`."""

    space: SpaceChoice = Field("both", description="Which space to lay out.")
    dimensions: int = Field(2, ge=2, le=3, description="Dimensions of the map.")
    perplexity: Annotated[float, Field(ge=1, le=10_000, allow_inf_nan=False)] | Unset = Field(
        None,
        description="About how many neighbours each point minds, at most (points - 1) / 3; unset, 30 or as many.",
    )
    iterations: int = Field(
        DEFAULT_ITERATIONS, ge=250, le=MOST_ITERATIONS, description="Gradient steps, 250 of early exaggeration."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="The same seed and points give the same map.")
    progress: Literal["numbers", "coordinates"] = Field(
        "numbers", description="What a stream tells of progress: numbers, or the coordinates so far too."
    )


@router.post(
    "/tsne",
    responses=answers(
        MAP_ANSWERS,
        TsneReply,
        "Coordinates and numbers, a table of coordinates, or a plot.",
        {*MODEL_REFUSALS, *BODY_REFUSALS, *MAP_REFUSALS},
    ),
    openapi_extra=images_or(
        LabelledLatentsBody, ReferenceBody, images=LabelledImagesBody, least=MIN_POINTS, examples=REFERENCE_EXAMPLES
    ),
)
async def tsne(exchange: MapExchangeDep, options: Annotated[Options, Query()]) -> Response:
    """Lay points out in two or three dimensions, so that near neighbours stay near, in image space and latent space.

    Takes images, latents (in image space: what they decode to) or `{"reference": true}`, the bundle's sample of test
    images. With labels each map says how well the classes keep apart. A client that leaves stops the computation.

    As `text/event-stream` the answer tells how far it has come: `progress` events, and in the end one `result`, whose
    data is the JSON answer, or `problem`, whose data is a problem document.
    """
    media_type, maps = exchange.negotiate(MAP_ANSWERS), exchange.parts.maps
    _check_options(options, exchange.parts.settings)
    exchange.parts.map_pool.check_running()
    async with exchange.inputs(frozenset(Kind)) as inputs:
        key = await exchange.parts.workers.run(lambda: _key(exchange.model, inputs, options))
        maps.check_place(key)
        job = await _job(exchange, inputs, options, _PICTURES.get(media_type))
    if media_type == EVENT_STREAM:  # its places in the queue of images are free again
        write = partial(_write, JSON, exchange.model, job)
        return MapStream(exchange, key, job, write, with_coordinates=options.progress == "coordinates")
    with exchange.in_time():
        answer = await maps.answer(key, job, _digest(key, media_type, options.model_dump_json()))
        return await exchange.answer(media_type, lambda: _write(media_type, exchange.model, job, answer))


def _check_options(options: Options, settings: Settings) -> None:
    if options.iterations > settings.max_map_iterations:
        rule = f"at most {settings.max_map_iterations} are allowed here"
        raise InvalidParameter(f"iterations: {rule}.", [Fault(rule, parameter="iterations")])


def _key(model: ServedModel, inputs: Inputs, options: Options) -> bytes:
    """What tells apart requests whose maps differ."""
    asked = options.model_dump_json(include={"space", "dimensions", "perplexity", "iterations", "seed"})
    files = model.bundle.manifest.files
    return _digest(*files.values(), asked, inputs.kind, repr(inputs.labels), inputs.pixels, inputs.latents)


def _digest(*parts: str | bytes | Features | Pixels) -> bytes:
    """A hash of several things, in which none can pass for a part of another."""
    whole = blake2b(digest_size=32)
    for part in parts:
        if isinstance(part, np.ndarray):
            content = np.ascontiguousarray(part).reshape(-1).data
        else:
            content = memoryview(part.encode() if isinstance(part, str) else part)
        whole.update(content.nbytes.to_bytes(8, "big"))
        whole.update(content)
    return whole.digest()


async def _job(exchange: Exchange, inputs: Inputs, options: Options, picture: PictureFormat | None) -> MapJob:
    """The job of a map; refuses what cannot be laid out before the models compute anything."""
    model, reference = exchange.model, exchange.model.bundle.reference
    is_reference = inputs.kind == Kind.REFERENCE
    count = len(reference.images) if is_reference else inputs.count
    at_most = exchange.parts.settings.max_map_points
    if count > at_most:
        raise TooManyPoints(f"A map may have {at_most} points, got {count}.")
    check(count, options.perplexity)
    check_labels(inputs.labels, count)
    spaces = await _spaces(exchange, inputs, options.space)
    labels = _reference_labels(model) if is_reference else inputs.labels
    dimensions = cast(Literal[2, 3], options.dimensions)
    return MapJob(spaces, labels, dimensions, options.perplexity, options.iterations, options.seed, picture)


async def _spaces(exchange: Exchange, inputs: Inputs, space: SpaceChoice) -> dict[Space, Features]:
    """The points as vectors of each space that was asked for."""
    model, pixels, latents = exchange.model, inputs.pixels, inputs.latents
    if inputs.kind == Kind.REFERENCE:
        pixels, latents = to_unit(model.bundle.reference.images), model.bundle.reference.latents
    spaces: dict[Space, Features] = {}
    if space in {"image", "both"}:
        images = pixels if len(pixels) else await model.decode(latents, exchange.deadline)
        spaces["image"] = flat(images)
    if space in {"latent", "both"}:
        spaces["latent"] = latents if len(latents) else await model.encode(pixels, exchange.deadline)
    return spaces


def _reference_labels(model: ServedModel) -> tuple[str, ...] | None:
    labels, classes = model.bundle.reference.labels, model.bundle.manifest.dataset.classes
    return None if labels is None else tuple(classes[label] for label in labels)


def _write(media_type: str, model: ServedModel, job: MapJob, answer: MapAnswer) -> bytes:
    if answer.picture is not None:
        return answer.picture
    if media_type == CSV:
        return _write_csv(job, answer)
    maps = [
        {
            "space": space,
            "coordinates": found.coordinates,
            "kl_divergence": found.quality.kl_divergence,
            "perplexity": found.quality.perplexity,
            "trustworthiness": found.quality.trustworthiness,
            "separability": _separability(found.quality.knn_accuracy, found.quality.silhouette),
        }
        for space, found in answer.maps.items()
    ]
    return write_json({"model": model.name, "version": model.version, "labels": job.labels, "maps": maps})


def _separability(knn_accuracy: float | None, silhouette: float | None) -> dict[str, float | None] | None:
    return None if knn_accuracy is None else {"knn_accuracy": knn_accuracy, "silhouette": silhouette}


def _write_csv(job: MapJob, answer: MapAnswer) -> bytes:
    """One row a point: its index, its label where there are some, its place on each map."""
    columns = [f"{space}_{axis}" for space in answer.maps for axis in _AXES[: job.dimensions]]
    places = [found.coordinates.tolist() for found in answer.maps.values()]

    def rows() -> Iterator[list[Any]]:
        for index, by_map in enumerate(zip(*places, strict=True)):
            label = [] if job.labels is None else [job.labels[index]]
            yield [index, *label, *(number for place in by_map for number in place)]

    return write_csv(["index", *([] if job.labels is None else ["label"]), *columns], rows())
