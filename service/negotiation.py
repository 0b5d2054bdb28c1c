"""Content negotiation: which media type answers an `Accept` header (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.errors import NotAcceptable

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"({_TOKEN})/({_TOKEN})")
_QUALITY = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


@dataclass(frozen=True)
class MediaRange:
    """One element of an `Accept` header, such as `image/*;q=0.8`."""

    type: str
    subtype: str
    quality: float

    def specificity(self, media_type: str) -> int | None:
        """How closely the range names a media type: 2 exactly, 1 by its type, 0 by `*/*`; None where it does not."""
        wanted_type, _, wanted_subtype = media_type.partition("/")
        if (self.type, self.subtype) == (wanted_type, wanted_subtype):
            return 2
        if self.subtype == "*" and self.type in {"*", wanted_type}:
            return int(self.type != "*")
        return None


def negotiate(accept: str | None, offered: Sequence[str]) -> str:
    """Choose the offered media type of the highest quality; among equals the one offered first.

    Raises:
        NotAcceptable: Every offered media type is left out, or excluded with `q=0`.
    """
    return _negotiate(accept or "", tuple(offered))


@lru_cache(256)
def _negotiate(accept: str, offered: tuple[str, ...]) -> str:
    if not accept.strip():
        return offered[0]
    ranges = parse_accept(accept)
    qualities = [_quality(media_type, ranges) for media_type in offered]
    best = max(qualities)
    if best <= 0:
        raise NotAcceptable(f"This answer can be given as {', '.join(offered)}; let Accept name one of them.")
    return offered[qualities.index(best)]


def parse_accept(accept: str) -> list[MediaRange]:
    """Read an `Accept` header; elements that are no media range are left out, as if they were not there."""
    ranges = (_parse_range(element) for element in accept.split(","))
    return [found for found in ranges if found is not None]


def _parse_range(element: str) -> MediaRange | None:
    name, *parameters = (part.strip() for part in element.split(";"))
    match = _RANGE.fullmatch(name.lower())
    if match is None or (match[1] == "*" and match[2] != "*"):
        return None
    for parameter in parameters:
        if parameter[:1].lower() == "q" and parameter[1:].lstrip().startswith("="):
            quality = _QUALITY.fullmatch(parameter)
            return MediaRange(match[1], match[2], float(quality[1])) if quality else None
    return MediaRange(match[1], match[2], 1.0)


def _quality(media_type: str, ranges: Sequence[MediaRange]) -> float:
    """The quality that the most specific range gives a media type; 0 without any."""
    found = [
        (specificity, found.quality) for found in ranges if (specificity := found.specificity(media_type)) is not None
    ]
    return max(found, default=(0, 0.0))[1]
