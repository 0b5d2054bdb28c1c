"""GET /problems/{slug}: where the `type` of a problem document leads."""

from typing import Annotated

from fastapi import APIRouter, Path

from service.errors import NoSuchPath, Refusal
from service.route_docs import json_answer
from service.schemas import ProblemKind

router = APIRouter(tags=["operations"])

_KINDS = {kind.slug: kind for kind in Refusal.__subclasses__()}

Slug = Annotated[
    str,
    Path(
        max_length=64,
        description="The last part of a problem's type.",
        openapi_examples={"wrong-shape": {"value": "wrong-shape"}},
    ),
]


@router.get("/problems/{slug}", responses=json_answer(ProblemKind, "What the problem means.", NoSuchPath))
async def explain_problem(slug: Slug) -> ProblemKind:
    """Explain a problem's type."""
    kind = _KINDS.get(slug)
    if kind is None:
        raise NoSuchPath("There is no problem of this name.")
    return ProblemKind(
        type=f"/problems/{slug}", title=kind.title, status=int(kind.status), description=kind.__doc__ or kind.title
    )
