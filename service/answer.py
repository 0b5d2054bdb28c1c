"""The answer of a route that a model gave."""

from collections.abc import Sequence
from typing import TypeAlias

from fastapi import Response

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
