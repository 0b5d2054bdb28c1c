"""A head is known by its bytes, whatever the length that it names, and only where that is the length of the body."""

import pytest
from fastapi.routing import APIRoute

from service.calls import Call, Choice
from service.heads import Head, Heads
from service.npy import Bytes
from service.routes.encode import Encode, router

(ROUTE,) = (route for route in router.routes if isinstance(route, APIRoute))
HEAD = Head(Call(Encode(), Choice(), ROUTE), "application/json", "application/json", "", "/encode")


def request(body: bytes, length: bytes | None = None, name: bytes = b"Content-Length: ", more: bytes = b"") -> bytes:
    digits = b"%d" % len(body) if length is None else length
    return b"POST /encode HTTP/1.1\r\nHost: x\r\n" + name + digits + b"\r\nAccept: */*" + more + b"\r\n\r\n" + body


def find(heads: Heads, data: bytes) -> tuple[Head, Bytes] | None:
    """The head and the body of a request, if both are known for sure."""
    known = heads.find(data)
    body = None if known is None else known.body_behind(data)
    return None if known is None or body is None else (known.head, body)


def knowing(*requests: bytes, head: Head = HEAD) -> Heads:
    heads = Heads()
    for one in requests:
        heads.remember(one, head)
    return heads


@pytest.mark.parametrize("name", [b"Content-Length: ", b"content-length: "])
def test_a_head_is_known_whatever_the_length_of_the_body(name: bytes) -> None:
    heads = knowing(request(b"{}", name=name))
    for body in (b"", b"x", b"y" * 9, b"z" * 100_000, b"\r\n\r\nContent-Length: 7\r\n\r\n"):
        assert find(heads, request(body, name=name)) == (HEAD, body)


@pytest.mark.parametrize(
    "other",
    [
        request(b"{}", more=b"\r\nX: y"), request(b"{}", more=b" "), request(b"{}", name=b"content-length: "),
        request(b"{}", name=b"CONTENT-LENGTH: "), request(b"{}", name=b"Content-Length:"),
        request(b"{}").replace(b"/encode", b"/decode"), request(b"{}").replace(b"Host: x", b"Host: y"),
        request(b"{}", b"1"), request(b"{}", b"3"), request(b"{}", b""), request(b"{}", b"2 "), request(b"{}", b" 2"),
        request(b"{}", b"+2"), request(b"{}", b"-2"), request(b"{}", b"2_"), request(b"{}", b"0x2"),
        request(b"{}", b"2,2"), request(b"{}", b"0000000002"), request(b"{}", "²".encode()), request(b"{}")[:-1],
        request(b"{}")[:-3], request(b"{}") + b"x", request(b"{}") * 2, b"\r\n" + request(b"{}"), b"x", b"",
        b"\r\n\r\n", request(b"{}").replace(b"\r\n", b"\n"),
    ],
)  # fmt: skip
def test_anything_else_is_not(other: bytes) -> None:
    assert find(knowing(request(b"{}")), other) is None


def test_a_second_length_is_part_of_the_head() -> None:
    heads = knowing(request(b"{}"))
    assert find(heads, request(b"{}", more=b"\r\nContent-Length: 2")) is None
    assert find(heads, request(b"{}", more=b"\r\ncontent-length: 2")) is None


def test_heads_that_are_long_or_have_an_id_are_not_remembered() -> None:
    long = request(b"{}", more=b"\r\nX: " + b"y" * 5_000)
    assert find(knowing(long), long) is None
    with_id = Head(HEAD.call, HEAD.content_type, HEAD.media_type, "mine", "/encode")
    assert find(knowing(request(b"{}"), head=with_id), request(b"{}")) is None


def test_the_oldest_of_too_many_is_forgotten() -> None:
    several = [request(b"{}", more=b"\r\nX: %d" % number) for number in range(257)]
    heads = knowing(*several)
    assert find(heads, several[0]) is None
    assert all(find(heads, one) is not None for one in several[1:])
