"""Reading a request's body within the limits of bytes and time."""

import io

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from service.admission import Ticket
from service.errors import BodyTooLarge, SlowBody, UnsupportedMediaType
from service.headers import header

_CLOSE = {"Connection": "close"}
"""What is left of a refused body is not read, so the connection cannot be used again."""


async def read_body(scope: Scope, receive: Receive, ticket: Ticket, max_bytes: int) -> bytes:
    """The whole body, refused as soon as it is known to be too large.

    Raises:
        BodyTooLarge: `Content-Length` says so, or more bytes come than are taken.
        Overloaded: Too many bytes of bodies are held already.
        UnsupportedMediaType: It is compressed.
        ClientDisconnect: The client left.
    """
    if header(scope, b"content-encoding").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("Send the body without Content-Encoding.", headers={"Accept-Encoding": "identity"})
    declared = header(scope, b"content-length")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)
    whole, held, more = None, 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        held += len(chunk)
        if held > max_bytes:
            raise _too_large(max_bytes)
        ticket.hold_bytes(len(chunk))
        if whole is None:
            if not more:
                return bytes(chunk)
            whole = io.BytesIO()  # not a list of chunks, which would take twice the memory, in pieces hard to give back
        whole.write(chunk)
    return whole.getvalue() if whole else b""


def slow_body(timeout_s: float) -> SlowBody:
    """The refusal of a body that did not arrive in time."""
    return SlowBody(f"The body was not complete after {timeout_s:g} s.", headers=_CLOSE)


def _too_large(max_bytes: int) -> BodyTooLarge:
    detail = f"A body may have {max_bytes} bytes; send fewer images a request, or .npy instead of JSON."
    return BodyTooLarge(detail, headers=_CLOSE)
