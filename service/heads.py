"""What the heads of requests say, remembered by their bytes, so that a client's second request need not be parsed.

A client that stays sends the same head with each request, but for the length of the body. What a parser made of it
depends on nothing but those bytes, so it is remembered: nothing is understood in another way, or left out.
"""

from dataclasses import dataclass, field

from service.calls import Call

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


@dataclass(slots=True)
class Heads:
    """Heads by what was sent of them, without the digits of the length."""

    _known: dict[bytes, Head] = field(default_factory=dict)

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head and the body of what is one whole request, if its head is known."""
        parts = _split(data)
        head = None if parts is None else self._known.get(parts[0])
        return None if parts is None or head is None else (head, parts[1])

    def remember(self, data: bytes, head: Head) -> None:
        """Let the head of one whole request mean `head`, unless it has an id, which is another one each time.

        It must have been parsed at the beginning of a message, on a connection that stays open, and every name in it
        must be there once: so the length that is found is the one that there is.
        """
        parts = _split(data)
        if parts is not None and not head.request_id:
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[parts[0]] = head


def _split(data: bytes) -> tuple[bytes, bytes] | None:
    """The head without the digits of the length, and the body; None for what is not plainly one whole request."""
    end = data.find(_END, 0, _MOST_BYTES)
    for name in _LENGTHS:
        if (start := data.find(name, 0, max(end, 0))) >= 0:
            break
    else:
        return None
    start += len(name)
    stop = data.find(b"\r", start, end + 1)
    digits = data[start:stop]
    if len(digits) > _MOST_DIGITS or not digits.isdigit() or int(digits) != len(data) - end - len(_END):
        return None
    return data[:start] + data[stop:end], data[end + len(_END) :]
