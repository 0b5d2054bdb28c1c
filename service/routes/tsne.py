"""POST /tsne: images, latents or the bundle's own sample in; out, t-SNE maps of them."""

from functools import partial
from hashlib import blake2b
from typing import Annotated, Literal, cast

import numpy as np
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from service.answer import Answer
from service.arrays import BytePixels, Features, Pixels, flat, to_bytes, to_unit
from service.dependencies import MapExchangeDep, Unset
from service.errors import Fault, InvalidParameter, TooManyPoints
from service.exchange import Exchange
from service.inputs import Inputs, Kind
from service.labels import check_labels
from service.map_answers import write_maps, write_placements
from service.map_stream import MapStream
from service.maps import MIN_POINTS, MapJob, PictureFormat, PointStyle, Space, SpaceChoice, Theme, check
from service.media import EVENT_STREAM, JSON, MAP_ANSWERS, PLACEMENT_ANSWERS, PNG, SVG
from service.route_docs import BODY_REFUSALS, MAP_REFUSALS, MODEL_REFUSALS, REFERENCE_EXAMPLES, answers, images_or
from service.schemas import LabelledImagesBody, LabelledLatentsBody, PlacementReply, ReferenceBody, TsneReply
from service.served import ServedModel
from service.settings import DEFAULT_ITERATIONS, MOST_ITERATIONS, Settings

router = APIRouter(tags=["latent space"], default_response_class=Response)

_PICTURES: dict[str, PictureFormat] = {PNG: "png", SVG: "svg"}
_PLACED = frozenset({Kind.IMAGES, Kind.LATENTS, Kind.IDS})
_OF_NEW_MAPS = ("perplexity", "iterations", "seed", "progress", "theme", "points")
"""What says nothing of points that are put on a known map."""


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
    theme: Theme = Field("light", description="Paper and ink of a picture.")
    points: PointStyle = Field(
        "dots", description="What a picture draws at each place: a dot, or the image, as many as have room."
    )
    onto: Literal["reference"] | Unset = Field(
        None, description="Put the points on the known map of the reference sample's latents; none is computed."
    )
    optimise: bool = Field(
        False, description="With `onto`: move each point by t-SNE's gradient from the median of its neighbours."
    )


@router.post(
    "/tsne",
    responses=answers(
        MAP_ANSWERS,
        (TsneReply, PlacementReply),
        "Coordinates and numbers, a table of coordinates, or a plot; with `onto` placements, or a table of them.",
        {*MODEL_REFUSALS, *BODY_REFUSALS, *MAP_REFUSALS},
    ),
    openapi_extra=images_or(
        LabelledLatentsBody, ReferenceBody, images=LabelledImagesBody, least=MIN_POINTS, examples=REFERENCE_EXAMPLES
    ),
)
async def tsne(exchange: MapExchangeDep, options: Annotated[Options, Query()]) -> Response:
    """Lay points out in two or three dimensions, so that near neighbours stay near, in image space and latent space.

    Takes images, latents (in image space: what they decode to) or `{"reference": true}`, the bundle's sample of test
    images. With labels each map and each space says how well the classes keep apart. A client that leaves stops the
    computation.

    As `text/event-stream` the answer tells how far it has come: `progress` events, and in the end one `result`, whose
    data is the JSON answer, or `problem`, whose data is a problem document.

    `onto=reference` puts images or latents, one or more, on the known map of that sample's latents instead, in
    milliseconds, with their nearest neighbours there. It answers in JSON or CSV.
    """
    if options.onto is not None:
        return await _place(exchange, options)
    media_type, maps = exchange.negotiate(MAP_ANSWERS), exchange.parts.maps
    _check_options(options, exchange.parts.settings)
    exchange.parts.map_pool.check_running()
    async with exchange.inputs(frozenset(Kind)) as inputs:
        key = await exchange.parts.workers.run(lambda: _key(exchange.model, inputs, options))
        maps.check_place(key)
        job = await _job(exchange, inputs, options, _PICTURES.get(media_type))
        ids = _ids(exchange, inputs)
    if media_type == EVENT_STREAM:  # its places in the queue of images are free again
        write = partial(write_maps, JSON, exchange.model, job, ids=ids)
        return MapStream(exchange, key, job, write, with_coordinates=options.progress == "coordinates")
    with exchange.in_time():
        answer = await maps.answer(key, job, _digest(key, media_type, options.model_dump_json()))
        if answer.picture is not None:
            return Answer(answer.picture, media_type, exchange.model.headers)
        return await exchange.answer(media_type, lambda: write_maps(media_type, exchange.model, job, answer, ids))


async def _place(exchange: Exchange, options: Options) -> Response:
    """Put points on the known map, in this process: no place among the maps is needed."""
    media_type = exchange.negotiate(PLACEMENT_ANSWERS)
    _check_placing(options)
    model, deadline = exchange.model, exchange.deadline
    async with exchange.inputs(_PLACED) as inputs:
        check_labels(inputs.ids, inputs.size, "id")
        latents = inputs.latents if len(inputs.latents) else await model.encode(inputs.pixels, deadline)
        found = await exchange.parts.workers.run(
            lambda: model.latent_map.place(latents, deadline, optimise=options.optimise)
        )
        return await exchange.answer(media_type, lambda: write_placements(media_type, model, found, inputs.ids))


def _check_placing(options: Options) -> None:
    """Refuse what a client chose that a known map does not leave open."""
    chosen = [name for name in _OF_NEW_MAPS if name in options.model_fields_set]
    chosen += ["space"] if options.space != "latent" and "space" in options.model_fields_set else []
    chosen += ["dimensions"] if options.dimensions != 2 else []
    if chosen:
        rule = "not with onto=reference: that map is known, of the latent space, in 2 dimensions"
        raise InvalidParameter(f"{chosen[0]}: {rule}.", [Fault(rule, parameter=name) for name in chosen])


def _check_options(options: Options, settings: Settings) -> None:
    if options.iterations > settings.max_map_iterations:
        rule = f"at most {settings.max_map_iterations} are allowed here"
        raise InvalidParameter(f"iterations: {rule}.", [Fault(rule, parameter="iterations")])
    if options.points == "thumbnails" and options.dimensions != 2:
        rule = "thumbnails are drawn on maps of 2 dimensions only"
        raise InvalidParameter(f"points: {rule}.", [Fault(rule, parameter="points")])
    if options.optimise:
        rule = "only with onto=reference"
        raise InvalidParameter(f"optimise: {rule}.", [Fault(rule, parameter="optimise")])


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
    count = len(reference.images) if is_reference else inputs.size
    at_most = exchange.parts.settings.max_map_points
    if count > at_most:
        raise TooManyPoints(f"A map may have {at_most} points, got {count}.")
    check(count, options.perplexity)
    check_labels(inputs.labels, count)
    check_labels(inputs.ids, count, "id")
    draws_images = picture is not None and options.points == "thumbnails"
    pixels = await _pixels(exchange, inputs, needed=draws_images or options.space != "latent")
    spaces = await _spaces(exchange, inputs, options.space, pixels)
    labels = model.reference_labels if is_reference else inputs.labels
    dimensions = cast(Literal[2, 3], options.dimensions)
    thumbnails: BytePixels | None = None
    if draws_images and pixels is not None:
        images = pixels
        thumbnails = await exchange.parts.workers.run(lambda: to_bytes(images))
    return MapJob(
        spaces, labels, dimensions, options.perplexity, options.iterations, options.seed, picture,
        pixels=None if pixels is None else spaces.get("image", flat(pixels)),
        theme=options.theme, thumbnails=thumbnails,
    )  # fmt: skip


async def _pixels(exchange: Exchange, inputs: Inputs, *, needed: bool) -> Pixels | None:
    """The images of the points, where they came; decoded where latents came and images are needed."""
    if inputs.kind == Kind.REFERENCE:
        return to_unit(exchange.model.bundle.reference.images)
    if inputs.kind == Kind.IMAGES:
        return inputs.pixels
    return await exchange.model.decode(inputs.latents, exchange.deadline) if needed else None


async def _spaces(
    exchange: Exchange, inputs: Inputs, space: SpaceChoice, pixels: Pixels | None
) -> dict[Space, Features]:
    """The points as vectors of each space that was asked for."""
    spaces: dict[Space, Features] = {}
    if space in {"image", "both"} and pixels is not None:
        spaces["image"] = flat(pixels)
    if space in {"latent", "both"}:
        model = exchange.model
        latents = model.bundle.reference.latents if inputs.kind == Kind.REFERENCE else inputs.latents
        spaces["latent"] = latents if len(latents) else await model.encode(inputs.pixels, exchange.deadline)
    return spaces


def _ids(exchange: Exchange, inputs: Inputs) -> tuple[str, ...] | None:
    """What the points are called, where they have names: of the sample, the place of each among all test images."""
    if inputs.kind == Kind.REFERENCE:
        return tuple(map(str, exchange.model.bundle.reference.test_indices.tolist()))
    return inputs.ids
