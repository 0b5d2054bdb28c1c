"""GET /: the playground, and the files that pages are made of, all from here so that they work offline."""

import gzip
import mimetypes
import os
from functools import lru_cache
from os import PathLike
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parents[1] / "static"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_COMPRESSED = {"text/javascript", "text/css", "text/html", "image/svg+xml"}

for ending, media_type in ((".js", "text/javascript"), (".css", "text/css"), (".svg", "image/svg+xml")):
    mimetypes.add_type(media_type, ending)  # some systems' own tables are wrong, and browsers refuse such modules


class PageFiles(StaticFiles):
    """Static files that a browser keeps, and asks each time whether they are still the same; sent compressed."""

    def file_response(
        self, full_path: PathLike[str] | str, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, or with 304."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        is_text = mimetypes.guess_type(full_path)[0] in _COMPRESSED
        if is_text and answer.status_code == status_code and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            answer = Response(_compress(str(full_path), stat_result.st_mtime_ns), status_code, answer.headers)
            answer.headers["Content-Encoding"] = "gzip"
            answer.headers["Content-Length"] = str(len(answer.body))
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["ETag"] = "W/" + answer.headers["ETag"]  # the same whether it is compressed or not
        return answer


@lru_cache(maxsize=256)
def _compress(path: str, modified_ns: int) -> bytes:  # noqa: ARG001  (a file that changed is another)
    return gzip.compress(Path(path).read_bytes(), mtime=0)


static = PageFiles(directory=STATIC)


@router.get("/")
async def playground(request: Request) -> Response:
    """Show the playground."""
    answer = await static.get_response("playground/index.html", request.scope)
    answer.headers.update(_PAGE_HEADERS)
    return answer
