"""POST /reconstruct: images in; out, what the model makes of them, and how unusual that makes each."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.arrays import Pixels, to_bytes
from service.deadline import Deadline
from service.dependencies import ExchangeDep, ModelDep
from service.inputs import Kind
from service.media import IMAGE_ANSWERS, JSON, NPY, PNG
from service.npy import write_npy
from service.outputs import (
    ImageForm,
    images_in_json,
    numbered_pngs,
    png_or_contact_sheet,
    write_csv,
    write_json,
    write_zip,
)
from service.route_docs import BODY_REFUSALS, MODEL_REFUSALS, answers, images_only
from service.routes.decode import ImagesQuery
from service.schemas import ImagesBody, ReconstructReply
from service.served import Anomaly, ServedModel

router = APIRouter(tags=["latent space"], default_response_class=Response)

Threshold = Annotated[
    float, Query(ge=0, le=1, allow_inf_nan=False, description="Percentile from which an image is flagged as unusual.")
]


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
async def reconstruct(
    exchange: ExchangeDep, model: ModelDep, images: ImagesQuery = "png", threshold: Threshold = 0.99
) -> Response:
    """Rebuild every image, with its error, and flag the unusual ones.

    The percentile of an image's error among those of the bundle's held-out images is an anomaly score: at a threshold
    of 0.99 about one ordinary image in a hundred is flagged.
    """
    media_type = exchange.negotiate(IMAGE_ANSWERS)
    async with exchange.inputs(model, Kind.IMAGES) as inputs:
        rebuilt = await model.reconstruct(inputs.pixels, exchange.deadline)
        anomalies = await model.judge(inputs.pixels, rebuilt, threshold)
        response = await exchange.answer(
            model,
            media_type,
            lambda: _write(media_type, model, rebuilt, anomalies, images, exchange.deadline),
            inputs.count,
        )
        if len(anomalies) == 1:
            response.headers.update(_headers(anomalies[0]))
        return response


def _headers(anomaly: Anomaly) -> dict[str, str]:
    return {
        "X-MSE": f"{anomaly.mse:.9g}",
        "X-Percentile": f"{anomaly.percentile:.6g}",
        "X-Unusual": str(anomaly.unusual).lower(),
    }


def _write(
    media_type: str,
    model: ServedModel,
    pixels: Pixels,
    anomalies: Sequence[Anomaly],
    form: ImageForm,
    deadline: Deadline,
) -> bytes:
    if media_type == JSON:
        images = images_in_json(pixels, form, deadline)
        judged = [{"image": image} | asdict(anomaly) for image, anomaly in zip(images, anomalies, strict=True)]
        return write_json({"model": model.name, "version": model.version, "reconstructions": judged})
    if media_type == NPY:
        return write_npy(pixels)
    if media_type == PNG:
        return png_or_contact_sheet(pixels)
    rows = [
        (index, anomaly.mse, anomaly.percentile, str(anomaly.unusual).lower())
        for index, anomaly in enumerate(anomalies)
    ]
    table = write_csv(("image", "mse", "percentile", "unusual"), rows)
    return write_zip([*numbered_pngs(to_bytes(pixels), "image", deadline), ("errors.csv", table)])
