"""Reading a request's body within the limits of bytes and time."""

import asyncio
import io

from starlette.requests import Request

from service.admission import Ticket
from service.errors import BodyTooLarge, SlowBody, UnsupportedMediaType

_CLOSE = {"Connection": "close"}
"""What is left of a refused body is not read, so the connection cannot be used again."""


async def read_body(request: Request, ticket: Ticket, max_bytes: int, timeout_s: float) -> bytes:
    """The whole body, refused as soon as it is known to be too large.

    Raises:
        BodyTooLarge: `Content-Length` says so, or more bytes come than are taken.
        SlowBody: It is not complete after `timeout_s` seconds.
        Overloaded: Too many bytes of bodies are held already.
        UnsupportedMediaType: It is compressed.
        ClientDisconnect: The client left.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("Send the body without Content-Encoding.", headers={"Accept-Encoding": "identity"})
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)
    body = io.BytesIO()  # not a list of chunks, which would take twice the memory, in pieces that are hard to give back
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                if body.tell() + len(chunk) > max_bytes:
                    raise _too_large(max_bytes)
                ticket.hold_bytes(len(chunk))
                body.write(chunk)
    except TimeoutError as error:
        raise SlowBody(f"The body was not complete after {timeout_s:g} s.", headers=_CLOSE) from error
    return body.getvalue()


def _too_large(max_bytes: int) -> BodyTooLarge:
    detail = f"A body may have {max_bytes} bytes; send fewer images a request, or .npy instead of JSON."
    return BodyTooLarge(detail, headers=_CLOSE)
