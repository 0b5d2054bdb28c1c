"""POST /encode: images in, their latent vectors out."""

from fastapi import APIRouter, Response

from service.arrays import Latents
from service.dependencies import ExchangeDep, ModelDep
from service.inputs import Kind
from service.media import JSON, LATENT_ANSWERS
from service.npy import write_npy
from service.outputs import rows_in_json, write_json
from service.route_docs import BODY_REFUSALS, MODEL_REFUSALS, answers, images_only
from service.schemas import EncodeReply, ImagesBody
from service.served import ServedModel

router = APIRouter(tags=["latent space"], default_response_class=Response)


@router.post(
    "/encode",
    responses=answers(
        LATENT_ANSWERS, EncodeReply, "Latents, shape (images, latent_dim).", {*MODEL_REFUSALS, *BODY_REFUSALS}
    ),
    openapi_extra=images_only(ImagesBody),
)
async def encode(exchange: ExchangeDep, model: ModelDep) -> Response:
    """Squeeze every image into its latent vector."""
    media_type = exchange.negotiate(LATENT_ANSWERS)
    async with exchange.inputs(model, Kind.IMAGES) as inputs:
        latents = await model.encode(inputs.pixels, exchange.deadline)
        return await exchange.answer(model, media_type, lambda: _write(media_type, model, latents), inputs.count)


def _write(media_type: str, model: ServedModel, latents: Latents) -> bytes:
    if media_type == JSON:
        return write_json({"model": model.name, "version": model.version, "latents": rows_in_json(latents)})
    return write_npy(latents)
