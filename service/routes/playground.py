"""GET /: the playground, and the files that pages are made of, all from here so that they work offline."""

import mimetypes
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parents[1] / "static"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

for ending, media_type in ((".js", "text/javascript"), (".css", "text/css"), (".svg", "image/svg+xml")):
    mimetypes.add_type(media_type, ending)  # some systems' own tables are wrong, and browsers refuse such modules


class PageFiles(StaticFiles):
    """Static files that a browser keeps, and asks each time whether they are still the same."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        """Answer with a file, or with 304."""
        answer = super().file_response(*args, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


static = PageFiles(directory=STATIC)


@router.get("/")
async def playground(request: Request) -> Response:
    """Show the playground."""
    answer = await static.get_response("playground/index.html", request.scope)
    answer.headers.update(_PAGE_HEADERS)
    return answer
