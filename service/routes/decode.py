"""POST /decode: latent vectors in, their images out."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.arrays import Pixels, to_bytes
from service.deadline import Deadline
from service.dependencies import ExchangeDep, ModelDep
from service.inputs import Kind
from service.media import IMAGE_ANSWERS, JSON, NPY, PNG
from service.npy import write_npy
from service.outputs import ImageForm, images_in_json, numbered_pngs, png_or_contact_sheet, write_json, write_zip
from service.route_docs import BODY_REFUSALS, MODEL_REFUSALS, answers, latents_only
from service.schemas import DecodeReply, LatentsBody
from service.served import ServedModel

router = APIRouter(tags=["latent space"], default_response_class=Response)

ImagesQuery = Annotated[
    ImageForm, Query(description="How JSON gives images: base64 of PNG files, or nested lists of numbers in [0, 1].")
]


@router.post(
    "/decode",
    responses=answers(
        IMAGE_ANSWERS,
        DecodeReply,
        "Images: in JSON, one PNG (several in a contact sheet), floats shaped (latents, height, width, channels), "
        "or a zip of PNG files.",
        {*MODEL_REFUSALS, *BODY_REFUSALS},
    ),
    openapi_extra=latents_only(LatentsBody),
)
async def decode(exchange: ExchangeDep, model: ModelDep, images: ImagesQuery = "png") -> Response:
    """Rebuild an image from every latent vector."""
    media_type = exchange.negotiate(IMAGE_ANSWERS)
    async with exchange.inputs(model, Kind.LATENTS) as inputs:
        pixels = await model.decode(inputs.latents, exchange.deadline)
        return await exchange.answer(
            model, media_type, lambda: _write(media_type, model, pixels, images, exchange.deadline), inputs.count
        )


def _write(media_type: str, model: ServedModel, pixels: Pixels, form: ImageForm, deadline: Deadline) -> bytes:
    if media_type == JSON:
        images = images_in_json(pixels, form, deadline)
        return write_json({"model": model.name, "version": model.version, "images": images})
    if media_type == NPY:
        return write_npy(pixels)
    if media_type == PNG:
        return png_or_contact_sheet(pixels)
    return write_zip(numbered_pngs(to_bytes(pixels), "image", deadline))
