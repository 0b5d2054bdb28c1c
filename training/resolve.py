"""From flags and files to a configuration: layers laid over each other, and one line for whatever is wrong."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from training.config import LINEAR, Config
from training.errors import InvalidConfig

PRESETS: dict[str, dict[str, Any]] = {
    "best": {},
    # The network of every textbook: 784-128-64-32, ReLU, sigmoid output, Adam (design.md).
    "tutorial": {
        "bottleneck": 32,
        "hidden": (128, 64),
        "decoder_hidden": "mirror",
        "activation": "relu",
        "whiten": 0,
        "linear_path": False,
        "refinements": 0,
        "output": "sigmoid",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "augment": "none",
        "epochs": 10,
    },
}
# The recipe's rate and decay are AdamW's; elsewhere decay is an L2 penalty that would drown the loss.
_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"learning_rate": 1e-3, "weight_decay": 0.0},
    "rmsprop": {"learning_rate": 1e-3, "weight_decay": 0.0},
    "sgd": {"learning_rate": 0.3, "weight_decay": 0.0},
}
# Cross-entropy needs outputs strictly between 0 and 1, which a linear path in pixels does not lead to.
_CROSS_ENTROPY = {"output": "sigmoid", "linear_path": False}
# What its training leaves out, so that gradient descent is after PCA's optimum and no other.
_LINEAR_FIT = {"weight_decay": 0.0, "augment": "none"}

# What a choice implies for what is left open, in the order in which one may imply the next.
_OVERLAYS: dict[str, dict[str, dict[str, Any]]] = {
    "preset": PRESETS,
    "optimizer": _OPTIMIZERS,
    "loss": {"bce": _CROSS_ENTROPY},
    "norm": {"layer": {"refinements": 0}},
    "activation": {"none": LINEAR | _LINEAR_FIT},
}


def resolve(file: Path | None, flags: Mapping[str, Any]) -> Config:
    """Lay defaults, what the choices imply, file and flags over each other.

    Raises:
        InvalidConfig: An unknown key, a value out of its bounds, or two that contradict each other.
    """
    given = (_read(file) if file else {}) | {key.replace("-", "_"): value for key, value in flags.items()}
    layers: dict[str, Any] = {}
    for key, overlays in _OVERLAYS.items():
        layers |= overlays.get(str((layers | given).get(key)), {})
    return from_dict(layers | given)


def from_dict(values: Mapping[str, Any]) -> Config:
    """A configuration from plain values.

    Raises:
        InvalidConfig: As for `resolve`.
    """
    try:
        return Config(**values)
    except ValidationError as error:
        raise InvalidConfig(_first(error)) from error


def _read(path: Path) -> dict[str, Any]:
    """A configuration file's keys, written with dashes or underscores."""
    readers: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".yaml": yaml.safe_load, ".yml": yaml.safe_load}
    if path.suffix not in readers:
        raise InvalidConfig(f"{path}: a configuration file ends in .toml, .yaml or .yml")
    try:
        values = readers[path.suffix](path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InvalidConfig(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no TOML, no UTF-8, or a date that does not exist
        raise InvalidConfig(f"{path} is no valid {path.suffix[1:].upper()}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InvalidConfig(f"{path} must hold keys and values")
    return {str(key).replace("-", "_"): value for key, value in values.items()}


def _first(error: ValidationError) -> str:
    """The first thing wrong, as one line that names the flag."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    key = str(first["loc"][0]).replace("_", "-")
    return f"unknown key {key}" if first["type"] == "unexpected_keyword_argument" else f"--{key}: {message}"
