"""POST /interpolate: two or more images or latents in; out, the walk between them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from service.animation import AnimationFormat, encode_animation
from service.arrays import Pixels
from service.contact_sheet import contact_sheet
from service.deadline import Deadline
from service.dependencies import ExchangeDep, Unset
from service.errors import Fault, InvalidBody, InvalidParameter
from service.exchange import Exchange
from service.images import encode_png
from service.inputs import IMAGES, LATENTS, Inputs, Kind
from service.interpolation import Enlargement, Frames, Walk, fitting_scale
from service.latent import Method, ghosting, path_through
from service.manifest import ImageFormat
from service.maps import Space, SpaceChoice
from service.media import ANIMATION_ANSWERS, APNG, GIF, JSON, NPY, PNG, WEBP, ZIP
from service.npy import write_npy
from service.outputs import base64_png, numbered_pngs, write_json, write_zip
from service.route_docs import BODY_REFUSALS, IMAGE_EXAMPLES, LATENT_EXAMPLES, MODEL_REFUSALS, answers, images_or
from service.schemas import ImagePathBody, InterpolateReply, LatentPathBody
from service.served import ServedModel
from service.settings import DEFAULT_STEPS, MOST_STEPS, Settings

router = APIRouter(tags=["latent space"], default_response_class=Response)

MOST_STOPS = 16
_ANIMATIONS = {GIF: AnimationFormat.GIF, WEBP: AnimationFormat.WEBP, APNG: AnimationFormat.APNG}


class Options(BaseModel):
    """The query parameters of `/interpolate`."""

    steps: int = Field(
        DEFAULT_STEPS, ge=2, le=MOST_STEPS, description="Frames from one image to the next, both included."
    )
    space: SpaceChoice = Field(
        "latent", description="Where to walk: `both` shows the two spaces side by side, labelled."
    )
    method: Method = Field(
        "linear", description="How to walk in latent space: on straight lines or on arcs (slerp). Pixels are blended."
    )
    loop: bool = Field(True, description="Whether an animation repeats for ever, or plays once.")
    boomerang: bool = Field(False, description="Whether the walk turns at its end and goes back to its start.")
    duration_ms: int = Field(80, ge=10, le=10_000, description="How long a frame is shown; GIF counts in 10 ms.")
    hold_ms: int = Field(400, ge=0, le=60_000, description="How long the given images are shown, at least a frame.")
    scale: Annotated[int, Field(ge=1, le=128)] | Unset = Field(
        None, description="How many times to enlarge; unset, to about 128 pixels. Not for `.npy`."
    )
    enlargement: Enlargement = Field("nearest", description="Whether enlarging keeps pixels square or smooths them.")

    def walk(self) -> Walk:
        """The walk that is asked for."""
        return Walk(self.space, self.steps, self.method, self.boomerang, self.duration_ms, self.hold_ms)


@router.post(
    "/interpolate",
    responses=answers(
        ANIMATION_ANSWERS,
        InterpolateReply,
        "The walk: an animation (GIF by default, exact in WebP and APNG), all frames in one PNG, a zip of PNG files, "
        "JSON, or floats shaped (frames, height, width, channels), with `space=both` (2, frames, ...), pixels first.",
        {*MODEL_REFUSALS, *BODY_REFUSALS},
    ),
    openapi_extra=images_or(LatentPathBody, images=ImagePathBody, least=2, examples=IMAGE_EXAMPLES | LATENT_EXAMPLES),
)
async def interpolate(exchange: ExchangeDep, options: Annotated[Options, Query()]) -> Response:
    """Walk from image to image, through latent space, through pixels, or through both side by side.

    Takes two to 16 images or latents. Each is a frame of the walk: in latent space its reconstruction, in image space
    the image itself, or what a given latent decodes to.
    """
    media_type = exchange.negotiate(ANIMATION_ANSWERS)
    model = exchange.model
    async with exchange.inputs(IMAGES | LATENTS) as inputs:
        _check_size(options, inputs.size, model.bundle.manifest.image, media_type, exchange.parts.settings)
        frames = await _walk(exchange, inputs, options.walk())
        return await exchange.answer(media_type, lambda: _write(media_type, model, frames, options, exchange.deadline))


async def _walk(exchange: Exchange, inputs: Inputs, walk: Walk) -> Frames:
    by_space: dict[Space, Pixels] = {}
    model, are_images, run = exchange.model, inputs.kind == Kind.IMAGES, exchange.parts.workers.run
    if walk.space in {"image", "both"}:
        stops = inputs.pixels if are_images else await model.decode(inputs.latents, exchange.deadline)
        by_space["image"] = await run(lambda: path_through(stops, walk.steps, "linear"))
    if walk.space in {"latent", "both"}:
        points = await model.encode(inputs.pixels, exchange.deadline) if are_images else inputs.latents
        path = path_through(points, walk.steps, walk.method)
        by_space["latent"] = await model.decode(path, exchange.deadline)
    return await run(lambda: Frames.of(walk, by_space, inputs.size))


def _check_size(options: Options, stops: int, image: ImageFormat, media_type: str, settings: Settings) -> None:
    """Refuse what would be too few images, or too many pixels."""
    if not 2 <= stops <= MOST_STOPS:
        raise InvalidBody(f"A walk leads through 2 to {MOST_STOPS} images or latents; got {stops}.")
    if options.steps > settings.max_steps:
        raise _invalid("steps", f"at most {settings.max_steps} are allowed here")
    scale = 1 if media_type == NPY else options.scale or fitting_scale(image.height, image.width)
    pixels = image.height * image.width * scale**2
    if pixels > settings.max_frame_pixels:
        raise _invalid("scale", f"a frame may have {settings.max_frame_pixels} pixels")
    spaces = 2 if options.space == "both" else 1
    values = spaces * pixels * image.channels * len(options.walk().durations_ms(stops))
    if values > settings.max_animation_values:
        rule = f"all frames together may have {settings.max_animation_values} values; lower steps or scale"
        raise _invalid("steps", rule)


def _invalid(parameter: str, rule: str) -> InvalidParameter:
    return InvalidParameter(f"{parameter}: {rule}.", [Fault(rule, parameter=parameter)])


def _write(media_type: str, model: ServedModel, frames: Frames, options: Options, deadline: Deadline) -> bytes:
    scale = options.scale or fitting_scale(model.bundle.manifest.image.height, model.bundle.manifest.image.width)
    if media_type == NPY:
        return write_npy(frames.array())
    if media_type == JSON:
        return _write_json(model, frames, scale, options.enlargement, deadline)
    pictures = frames.pictures(scale, options.enlargement)
    if media_type == ZIP:
        return write_zip(numbered_pngs(pictures, "frame", deadline))
    if media_type == PNG:
        return encode_png(contact_sheet(pictures), smallest=False)
    file_format = _ANIMATIONS[media_type]
    return encode_animation(pictures, frames.durations_ms, file_format=file_format, repeat=options.loop)


def _write_json(model: ServedModel, frames: Frames, scale: int, enlargement: Enlargement, deadline: Deadline) -> bytes:
    document = []
    for space, pixels in frames.by_space.items():
        pictures = Frames({space: pixels}, frames.durations_ms).pictures(scale, enlargement)
        for picture, ghost, duration_ms in zip(pictures, ghosting(pixels).tolist(), frames.durations_ms, strict=True):
            deadline.check()
            image = base64_png(picture)
            document.append({"space": space, "image": image, "ghosting": ghost, "duration_ms": duration_ms})
    return write_json({"model": model.name, "version": model.version, "frames": document})
