"""The command that repeats a run: only what differs from what its preset and choices imply is said."""

import shlex
from collections.abc import Mapping
from typing import Any

from training.resolve import resolve

_CHOICES = ("preset", "optimizer", "loss", "activation")
"""Those that imply others, in the order in which one may imply the next."""


def repeat_command(values: Mapping[str, Any]) -> list[str]:
    """A shell command that resolves to a manifest's configuration, whatever the environment says of data folders.

    It comes in parts, one for each flag with its value, that are joined by spaces.

    Args:
        values: Plain values, as `Config.to_dict` gives them; the configuration may be that of an older Hourglass.
    """
    chosen: dict[str, Any] = {}
    for key in _CHOICES:
        if key in values and values[key] != resolve(None, chosen).to_dict()[key]:
            chosen[key] = values[key]
    implied = resolve(None, chosen).to_dict() | {"name": values.get("dataset"), "data_root": None}
    if values.get("dataset") == "digits":
        implied["data_root"] = "data"
    others = {key: value for key, value in values.items() if key not in _CHOICES and value != implied.get(key)}
    return ["python -m training train", *(_flag(key, value) for key, value in (chosen | others).items())]


def _flag(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    text = ("x" if name == "image_size" else ",").join(map(str, value)) if isinstance(value, list) else str(value)
    return f"--{flag}{'=' if text.startswith('-') else ' '}{shlex.quote(text)}"
