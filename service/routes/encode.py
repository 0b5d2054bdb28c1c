"""POST /encode: images in, their latent vectors out."""

from fastapi import APIRouter, Response

from service.answer import Answer
from service.batcher import Batcher
from service.dependencies import ExchangeDep
from service.inputs import IMAGES
from service.media import JSON, LATENT_ANSWERS
from service.npy import write_npy
from service.operation import Asked, Operation
from service.outputs import rows_in_json, write_json
from service.route_docs import BODY_REFUSALS, MODEL_REFUSALS, answers, images_only
from service.schemas import EncodeReply, ImagesBody
from service.served import ServedModel
from service.waiting import Numbers

router = APIRouter(tags=["latent space"], default_response_class=Response)


class Encode(Operation):
    """Images to latents."""

    name, takes, offers = "encode", IMAGES, LATENT_ANSWERS

    def batcher(self, model: ServedModel) -> Batcher:
        """Where a model encodes."""
        return model.encoding

    def answer_values(self, model: ServedModel) -> int:
        """Those of a latent."""
        return model.bundle.manifest.latent_dim

    def answer(self, asked: Asked, computed: Numbers) -> Answer:
        """Write latents, `(images, latent_dim)`."""
        model = asked.model
        if asked.media_type == JSON:
            content = write_json({**model.named, "latents": rows_in_json(computed)})
        else:
            content = write_npy(computed)
        return Answer(content, asked.media_type, model.headers)


@router.post(
    "/encode",
    responses=answers(
        LATENT_ANSWERS, EncodeReply, "Latents, shape (images, latent_dim).", {*MODEL_REFUSALS, *BODY_REFUSALS}
    ),
    openapi_extra=images_only(ImagesBody),
)
async def encode(exchange: ExchangeDep) -> Response:
    """Squeeze every image into its latent vector."""
    return await exchange.perform(Encode())
