"""Bodies that work as they stand, for the OpenAPI document: of the digits model, or of the one that is the default."""

import base64
from typing import Any

import numpy as np

from service.images import encode_png
from service.served import ServedModel

MODEL = "digits"
IMAGES = [
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAASElEQVR42iXGoRlAQBgA0PdhgKvajWAEUbQRG1jBBjTxqmYERrDBL3jp1XTH0J"
    "6wRURGH0u6/xAZIimzineSHg3rKO2Qy9XzAfJbE2zH7AyxAAAAAElFTkSuQmCC",
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAARUlEQVR42i3GQRGAIAAAsJ1nACIQgQhEsYkRjEAEI6AJPBNgAyLgQ/caSm8Z5OUa"
    "EaSxMeFx+5T6J4xsFtYzSAda7Xv0AlQKEQpjWvXyAAAAAElFTkSuQmCC",
]
"""Two of scikit-learn's digits, a nought and a three, as base64 of PNG files."""
DATA_URIS = [f"data:image/png;base64,{image}" for image in IMAGES]
NUMBERS = [
    [0, 0, 80, 240, 112, 0, 0, 0],
    [0, 0, 192, 128, 192, 32, 0, 0],
    [0, 64, 192, 0, 96, 128, 0, 0],
    [0, 80, 128, 0, 0, 144, 0, 0],
    [0, 128, 112, 0, 0, 128, 64, 0],
    [0, 64, 128, 0, 0, 160, 32, 0],
    [0, 16, 208, 80, 112, 192, 0, 0],
    [0, 0, 96, 208, 160, 32, 0, 0],
]
"""A nought as numbers in 0 to 255."""
LATENTS = [
    [0.334, -2.238, 0.864, 0.699, 1.028, 1.11, 0.482, 0.435, -0.31, 0.254, -1.32, -0.033, -0.994, -0.879, -1.543, 0.84],
    [-3.4, 0.441, 0.297, -2.358, 0.777, -0.291, 1.247, -1.091, 1.749, -2.349, -0.027, 0.667, -0.34, 0.561, -1.28, 0.75],
]  # fmt: skip
"""Latents of two digits, of the embedded default model."""
_MAX_NUMBERS = 4096


def fit_examples(document: dict[str, Any], model: ServedModel) -> dict[str, Any]:
    """A copy of an OpenAPI document whose examples are images and latents of a model."""
    rows = _two_rows(model)
    images = [base64.b64encode(encode_png(model.bundle.reference.images[row])).decode() for row in rows]
    numbers = model.bundle.reference.images[rows[0]]
    replacements: list[tuple[Any, Any]] = [
        (MODEL, model.name),
        (IMAGES, images),
        (DATA_URIS, [f"data:image/png;base64,{image}" for image in images]),
        (LATENTS, np.round(model.bundle.reference.latents[rows].astype(float), 3).tolist()),
        *zip(IMAGES, images, strict=True),
    ]
    if numbers.size <= _MAX_NUMBERS:
        replacements.append((NUMBERS, (numbers[..., 0] if numbers.shape[-1] == 1 else numbers).tolist()))
    fitted: dict[str, Any] = _replace(document, replacements)
    return fitted


def _two_rows(model: ServedModel) -> list[int]:
    """Two images of the reference sample, of different classes where there are some."""
    labels = model.bundle.reference.labels
    others = np.flatnonzero(labels != labels[0]) if labels is not None else np.empty(0, int)
    return [0, int(others[0]) if len(others) else len(model.bundle.reference.images) - 1]


def _replace(node: Any, replacements: list[tuple[Any, Any]]) -> Any:
    for old, new in replacements:
        if node == old:
            return new
    if isinstance(node, dict):
        return {key: _replace(value, replacements) for key, value in node.items()}
    return [_replace(value, replacements) for value in node] if isinstance(node, list) else node
