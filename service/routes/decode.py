"""POST /decode: latent vectors in, their images out."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.answer import Answer
from service.batcher import Batcher
from service.dependencies import ExchangeDep
from service.inputs import LATENTS
from service.media import IMAGE_ANSWERS, JSON
from service.operation import Asked, Operation
from service.outputs import ImageForm, images_in_json, write_images, write_json
from service.route_docs import BODY_REFUSALS, MODEL_REFUSALS, answers, latents_only
from service.schemas import DecodeReply, LatentsBody
from service.served import ServedModel, check_finite
from service.waiting import Numbers

router = APIRouter(tags=["latent space"], default_response_class=Response)

ImagesQuery = Annotated[
    ImageForm, Query(description="How JSON gives images: base64 of PNG files, or nested lists of numbers in [0, 1].")
]


@dataclass(frozen=True)
class Decode(Operation):
    """Latents to images."""

    images: ImageForm

    name, takes, offers = "decode", LATENTS, IMAGE_ANSWERS

    def batcher(self, model: ServedModel) -> Batcher:
        """Where a model decodes."""
        return model.decoding

    def answer_values(self, model: ServedModel) -> int:
        """Those of an image."""
        return model.image_values

    def answer(self, asked: Asked, computed: Numbers) -> Answer:
        """Write images, `(latents, height, width, channels)`.

        Raises:
            OutOfRange: Latents so far from any that the encoder gives that their images are not numbers.
        """
        check_finite(computed)
        if asked.media_type == JSON:
            content = write_json({**asked.model.named, "images": images_in_json(computed, self.images, asked.deadline)})
        else:
            content = write_images(computed, asked.media_type, asked.deadline)
        return Answer(content, asked.media_type, asked.model.headers)


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
async def decode(exchange: ExchangeDep, images: ImagesQuery = "png") -> Response:
    """Rebuild an image from every latent vector."""
    return await exchange.perform(Decode(images))
