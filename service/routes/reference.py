"""GET /models/{name}/reference, its images, and /models/{name}/report: what a bundle shows of its model."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from service.answer import RawHeader, answer_kept
from service.deadline import Deadline
from service.dependencies import ModelVersion, PartsDep
from service.errors import DeadlineExceeded, NoSuchModel, NoSuchPath, NoSuchVersion, NotReady
from service.images import encode_png
from service.media import HTML, JSON, PNG
from service.reference import describe, draw_sheet
from service.route_docs import kept_answer
from service.routes.models import Name
from service.schemas import ReferenceReply
from service.served import ServedModel
from service.shelf import Kept

router = APIRouter(prefix="/models/{name}", tags=["models"])

_CHOICE = (NoSuchModel, NoSuchVersion, NotReady)
_REPORT_POLICY: RawHeader = (
    b"content-security-policy",
    b"sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'self'",
)
"""The report is one file, so its style and its pictures are within it; nothing in it runs, and nothing is fetched."""


async def choose_named(parts: PartsDep, name: Name, version: ModelVersion = None) -> ServedModel:
    """The model that path and query choose."""
    return await parts.registry.get(name, version)


ModelDep = Annotated[ServedModel, Depends(choose_named)]
Row = Annotated[int, Path(ge=0, le=2**31 - 1, description="Which image of the sample, from 0.")]


@router.get(
    "/reference",
    responses=kept_answer(JSON, "All that is known of the sample.", *_CHOICE, DeadlineExceeded, reply=ReferenceReply),
)
async def show_reference(request: Request, parts: PartsDep, model: ModelDep) -> Response:
    """Tell everything about the bundle's sample of test images.

    Row by row: label, place among the test images, latent, coordinates on both stored maps, and reconstruction error.
    """

    async def make() -> bytes:
        deadline = Deadline.after(parts.settings.request_timeout_s)
        anomalies = await model.judge_reference(deadline)
        return await parts.workers.run(partial(describe, model.bundle, anomalies))

    return answer_kept(request, await model.shelf.get("reference", make), JSON, model.headers)


@router.get("/reference/images", responses=kept_answer(PNG, "All images of the sample, row by row.", *_CHOICE))
async def show_sheet(request: Request, parts: PartsDep, model: ModelDep) -> Response:
    """Show all images of the sample as one picture, without lines between them; `sheet` says how they lie."""

    async def make() -> bytes:
        return await parts.workers.run(partial(draw_sheet, model.bundle.reference.images))

    return answer_kept(request, await model.shelf.get("sheet", make), PNG, model.headers)


@router.get("/reference/images/{row}", responses=kept_answer(PNG, "The image.", *_CHOICE, NoSuchPath))
async def show_image(request: Request, parts: PartsDep, model: ModelDep, row: Row) -> Response:
    """Show one image of the sample as the model takes it."""
    images = model.bundle.reference.images
    if row >= len(images):
        raise NoSuchPath(f"The sample has {len(images)} images, counted from 0.")
    image = images[row]
    file = await parts.workers.run(partial(encode_png, image, smallest=False), image.size)
    return answer_kept(request, Kept.of(file), PNG, model.headers)


@router.get("/report", responses=kept_answer(HTML, "The report.", *_CHOICE, NoSuchPath))
async def show_report(request: Request, parts: PartsDep, model: ModelDep) -> Response:
    """Show the report that training wrote: one page, which can be saved and mailed."""

    async def make() -> bytes:
        try:
            return await parts.workers.run((model.bundle.path / "report" / "index.html").read_bytes)
        except OSError as error:
            raise NoSuchPath("This bundle holds no report.") from error

    return answer_kept(request, await model.shelf.get("report", make), HTML, (*model.headers, _REPORT_POLICY))
