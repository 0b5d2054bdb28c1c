"""What the heads of requests say, remembered by their bytes, so that a client's second request need not be parsed.

A client that stays sends the same head with each request, but for the length of the body. What a parser made of it
depends on nothing but those bytes, so it is remembered: nothing is understood in another way, or left out.
"""

from dataclasses import dataclass, field

from service.calls import Call
from service.media import NPY
from service.npy import Bytes

_END = b"\r\n\r\n"
_LENGTHS = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
"""As nearly all clients spell it; another spelling is parsed each time."""
_MOST_DIGITS = 9
_MOST_BYTES = 4096
"""Of a head that is remembered."""
_MOST = 256
"""Heads remembered; clients that send new ones each time push out others, which are parsed once more."""


@dataclass(frozen=True, slots=True)
class Head:
    """All that matters of a head."""

    call: Call
    content_type: str
    media_type: str
    """To answer in."""
    request_id: str
    """As it was given; empty where it was not."""
    target: str
    """Path and query, for the access log."""
    forwarded: str = ""
    """Whom proxies name as the client, for the access log, too."""


@dataclass(frozen=True, slots=True)
class Known:
    """A head that was sent before, whatever the length that it named."""

    start: bytes
    """All before the digits of the length."""
    rest: bytes
    """All behind them, with the empty line."""
    head: Head

    def body_behind(self, data: bytes) -> Bytes | None:
        """The body of what is one whole request with this head, and its own length; None for anything else.

        An array is not copied: it may be large.
        """
        first = len(self.start)
        last = data.find(b"\r", first, first + _MOST_DIGITS + 1)
        if last < 0 or not data.startswith(self.start) or not data.startswith(self.rest, last):
            return None
        digits, begin = data[first:last], last + len(self.rest)
        if not digits.isdigit() or int(digits) != len(data) - begin:
            return None
        return memoryview(data)[begin:] if self.head.content_type == NPY else data[begin:]


@dataclass(slots=True)
class Heads:
    """Heads by what was sent of them."""

    _known: dict[tuple[bytes, bytes], Known] = field(default_factory=dict)

    def find(self, data: bytes) -> Known | None:
        """The head of what begins as one that is known; `body_behind` tells whether it goes on so."""
        return self._known.get(_split(data))

    def remember(self, data: bytes, head: Head) -> None:
        """Let the head of one whole request mean `head`, unless it has an id, which is another one each time.

        It must have been parsed at the beginning of a message, on a connection that stays open, and every name in it
        must be there once: so the length that is found is the one that there is.
        """
        known = Known(*_split(data), head)
        if known.start and known.body_behind(data) is not None and not head.request_id:
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[known.start, known.rest] = known


def _split(data: bytes) -> tuple[bytes, bytes]:
    """What lies before and behind the digits of the length, down to the empty line; empty where that is not plain."""
    end = data.find(_END, 0, _MOST_BYTES)
    for name in _LENGTHS:
        if (found := data.find(name, 0, max(end, 0))) >= 0:
            start = found + len(name)
            return data[:start], data[data.find(b"\r", start, end + 1) : end + len(_END)]
    return b"", b""
