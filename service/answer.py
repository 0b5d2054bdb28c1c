"""The answer of a route that a model gave."""

from collections.abc import Sequence
from typing import TypeAlias

from fastapi import Request, Response

from service.shelf import Kept

RawHeader: TypeAlias = tuple[bytes, bytes]


class Answer(Response):
    """A response whose headers are bytes already, where Starlette's encodes the same ones each time."""

    def __init__(self, content: bytes, media_type: str, headers: Sequence[RawHeader] = ()) -> None:
        """Answer 200 with whole content; `headers` are in lower case."""
        self.status_code, self.background = 200, None
        self.body, self.media_type = content, media_type
        kind = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
        own = [(b"content-length", b"%d" % len(content)), (b"content-type", kind.encode())]
        self.raw_headers: list[RawHeader] = [*own, *headers]


def answer_kept(request: Request, kept: Kept, media_type: str, headers: Sequence[RawHeader] = ()) -> Response:
    """Answer with what is kept, or with 304 where the client has it already (RFC 9110, section 13.1.2).

    It is asked again each time: another bundle may stand at the same address tomorrow, under the same version.
    """
    known = (b"etag", kept.etag.encode()), (b"cache-control", b"no-cache"), *headers
    given = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if given & {kept.etag, "*"}:
        answer = Response(status_code=304)
        answer.raw_headers = list(known)
        return answer
    return Answer(kept.content, media_type, known)
