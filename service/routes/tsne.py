"""POST /tsne: images, latents or the bundle's own sample in; out, t-SNE maps of them."""

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from service.answer import Answer
from service.dependencies import MapExchangeDep, Unset
from service.errors import Fault, InvalidParameter, TooManyPoints
from service.exchange import Exchange
from service.inputs import Inputs, Kind
from service.labels import check_labels
from service.map_answers import write_maps, write_placements
from service.map_order import Look, MapOrder, MapWish
from service.map_stream import MapStream
from service.maps import MIN_POINTS, PictureFormat, PointStyle, SpaceChoice, Theme, check, default_iterations
from service.media import EVENT_STREAM, MAP_ANSWERS, PLACEMENT_ANSWERS, PNG, SVG
from service.route_docs import BODY_REFUSALS, MAP_REFUSALS, MODEL_REFUSALS, REFERENCE_EXAMPLES, answers, images_or
from service.schemas import LabelledImagesBody, LabelledLatentsBody, PlacementReply, ReferenceBody, TsneReply
from service.settings import LEAST_ITERATIONS, MOST_ITERATIONS, Settings

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
    iterations: Annotated[int, Field(ge=LEAST_ITERATIONS, le=MOST_ITERATIONS)] | Unset = Field(
        None,
        description="Gradient steps, 250 of early exaggeration; unset, 750, and 1,000 for more than 20,000 points.",
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="The same seed and vectors give the same map. Images are encoded first, and the last digits of "
        "their latents depend on what is computed beside them.",
    )
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
    media_type = exchange.negotiate(MAP_ANSWERS)
    _check_options(options, exchange.parts.settings)
    exchange.parts.map_pool.check_running()
    async with exchange.inputs(frozenset(Kind)) as inputs:
        order = _order(exchange, inputs, options, media_type)
        await exchange.parts.workers.run(order.examine)
        del inputs
    if media_type == EVENT_STREAM:  # its places in the queue of images are free again
        return MapStream(exchange, order, with_coordinates=options.progress == "coordinates")
    with exchange.in_time(), exchange.parts.admission.keep(order.kept_bytes):
        answer = await exchange.parts.maps.answer(order)
        if answer.picture is not None:
            return Answer(answer.picture, media_type, exchange.model.headers)
        return await exchange.answer(media_type, lambda: write_maps(media_type, exchange.model, order, answer))


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
    if options.iterations is not None and options.iterations > settings.max_map_iterations:
        rule = f"at most {settings.max_map_iterations} are allowed here"
        raise InvalidParameter(f"iterations: {rule}.", [Fault(rule, parameter="iterations")])
    if options.points == "thumbnails" and options.dimensions != 2:
        rule = "thumbnails are drawn on maps of 2 dimensions only"
        raise InvalidParameter(f"points: {rule}.", [Fault(rule, parameter="points")])
    if options.optimise:
        rule = "only with onto=reference"
        raise InvalidParameter(f"optimise: {rule}.", [Fault(rule, parameter="optimise")])


def _order(exchange: Exchange, inputs: Inputs, options: Options, media_type: str) -> MapOrder:
    """What a request wants laid out; refuses what cannot be, before the models compute anything."""
    settings, model = exchange.parts.settings, exchange.model
    count = len(model.bundle.reference.images) if inputs.kind == Kind.REFERENCE else inputs.size
    if count > settings.max_map_points:
        raise TooManyPoints(f"A map may have {settings.max_map_points} points, got {count}.")
    check(count, options.perplexity)
    check_labels(inputs.labels, count)
    check_labels(inputs.ids, count, "id")
    iterations = options.iterations or min(default_iterations(count), settings.max_map_iterations)
    dimensions = cast(Literal[2, 3], options.dimensions)
    wish = MapWish(options.space, dimensions, options.perplexity, iterations, options.seed)
    look = Look(_PICTURES[media_type], options.theme, options.points) if media_type in _PICTURES else None
    return MapOrder(model, inputs, wish, look, settings.map_timeout_s)
