"""The names of classes as pictures can show them."""

import unicodedata
from collections.abc import Sequence
from typing import SupportsInt

_LENGTH = 14


def short_name(classes: Sequence[str], label: SupportsInt) -> str:
    """A class's name as pictures can show it: short, in the plain letters that their fonts hold; else its number."""
    name = classes[int(label)] if int(label) < len(classes) else ""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    if not (bare.strip() and bare.isascii() and bare.isprintable()):
        return f"class {int(label)}"
    return bare if len(bare) <= _LENGTH else bare[: _LENGTH - 1] + "…"
