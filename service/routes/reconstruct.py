"""POST /reconstruct: images in; out, what the model makes of them, and how unusual that makes each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.answer import Answer
from service.batcher import Batcher
from service.dependencies import ExchangeDep
from service.inputs import IMAGES
from service.media import IMAGE_ANSWERS, JSON, ZIP
from service.operation import Asked, Operation
from service.outputs import ImageForm, images_in_json, write_csv, write_images, write_json
from service.route_docs import BODY_REFUSALS, MODEL_REFUSALS, answers, images_only
from service.routes.decode import ImagesQuery
from service.schemas import ImagesBody, ReconstructReply
from service.served import Anomaly, ServedModel
from service.waiting import Numbers

router = APIRouter(tags=["latent space"], default_response_class=Response)

Threshold = Annotated[
    float, Query(ge=0, le=1, allow_inf_nan=False, description="Percentile from which an image is flagged as unusual.")
]


@dataclass(frozen=True)
class Reconstruct(Operation):
    """Images to their reconstructions, and how unusual they are."""

    images: ImageForm
    threshold: float

    name, takes, offers = "reconstruct", IMAGES, IMAGE_ANSWERS

    def batcher(self, model: ServedModel) -> Batcher:
        """Where a model reconstructs."""
        return model.reconstructing

    def answer_values(self, model: ServedModel) -> int:
        """Those of an image."""
        return model.image_values

    def answer(self, asked: Asked, computed: Numbers) -> Answer:
        """Write reconstructions, `(images, height, width, channels)`, with their errors."""
        model, media_type, deadline = asked.model, asked.media_type, asked.deadline
        anomalies = model.judge(asked.inputs.pixels, computed, self.threshold)
        headers = [*model.headers, *(_headers(anomalies[0]) if len(anomalies) == 1 else ())]
        if media_type == JSON:
            images = images_in_json(computed, self.images, deadline)
            judged = [{"image": image} | asdict(anomaly) for image, anomaly in zip(images, anomalies, strict=True)]
            return Answer(write_json({**model.named, "reconstructions": judged}), media_type, headers)
        tables = {"errors.csv": _table(anomalies)} if media_type == ZIP else {}
        return Answer(write_images(computed, media_type, deadline, tables), media_type, headers)


@router.post(
    "/reconstruct",
    responses=answers(
        IMAGE_ANSWERS,
        ReconstructReply,
        "Reconstructions: in JSON, one PNG (several in a contact sheet), floats shaped (images, height, width, "
        "channels), or a zip of PNG files and `errors.csv`. Headers judge a single image.",
        {*MODEL_REFUSALS, *BODY_REFUSALS},
        {
            "X-MSE": ("Of a single image: the mean squared error per value.", "0.00321381207"),
            "X-Percentile": ("Of a single image: the error's percentile among held-out images.", "0.66279"),
            "X-Unusual": ("Of a single image: whether the percentile reaches the threshold.", "false"),
        },
    ),
    openapi_extra=images_only(ImagesBody),
)
async def reconstruct(exchange: ExchangeDep, images: ImagesQuery = "png", threshold: Threshold = 0.99) -> Response:
    """Rebuild every image, with its error, and flag the unusual ones.

    The percentile of an image's error among those of the bundle's held-out images is an anomaly score: at a threshold
    of 0.99 about one ordinary image in a hundred is flagged.
    """
    return await exchange.perform(Reconstruct(images, threshold))


def _headers(anomaly: Anomaly) -> tuple[tuple[bytes, bytes], ...]:
    unusual = b"true" if anomaly.unusual else b"false"
    return (b"x-mse", b"%.9g" % anomaly.mse), (b"x-percentile", b"%.6g" % anomaly.percentile), (b"x-unusual", unusual)


def _table(anomalies: Sequence[Anomaly]) -> bytes:
    rows = [
        (index, anomaly.mse, anomaly.percentile, str(anomaly.unusual).lower())
        for index, anomaly in enumerate(anomalies)
    ]
    return write_csv(("image", "mse", "percentile", "unusual"), rows)
