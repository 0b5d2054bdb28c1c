"""GET /docs and /openapi.json: the documentation to try things in, served from here so that it works offline."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from service.dependencies import PartsDep
from service.examples import fit_examples
from service.routes.playground import STATIC

router = APIRouter(include_in_schema=False)

swagger_ui = StaticFiles(directory=str(files("fastapi_offline") / "static"))
"""Swagger UI's script and style, from the package that carries them."""
_POLICY = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
"""Swagger UI sets styles on elements; scripts come from files only."""


@router.get("/docs")
async def docs() -> FileResponse:
    """Show Swagger UI on this service's own document."""
    return FileResponse(STATIC / "docs.html", headers={"Content-Security-Policy": _POLICY})


@router.get("/openapi.json")
async def openapi(request: Request, parts: PartsDep) -> dict[str, Any]:
    """Give the OpenAPI document, its examples fitting the default model."""
    document: dict[str, Any] = request.app.openapi()
    default = parts.registry.default_name
    return document if default is None else fit_examples(document, await parts.registry.get(default))
