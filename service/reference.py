"""The reference sample as pages show it: all images on one sheet, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.arrays import BytePixels
from service.bundle import Bundle
from service.contact_sheet import columns_and_rows, contact_sheet
from service.images import encode_png, shrink
from service.outputs import rows_in_json, write_json
from service.served import Anomaly

MAX_SHEET_SIDE = 4096
"""In pixels: canvases and textures of this size work in every browser, phones included."""


@dataclass(frozen=True)
class Sheet:
    """How images lie on one picture: row by row, without lines between them."""

    columns: int
    rows: int
    tile_width: int
    tile_height: int
    scale: float
    """Size of a tile over that of its image; 1 where all fit."""

    @classmethod
    def of(cls, images: BytePixels) -> "Sheet":
        """A sheet of a batch of images, shrunk as far as `MAX_SHEET_SIDE` demands."""
        count, height, width, _ = images.shape
        columns, rows = columns_and_rows(count)
        scale = min(1.0, MAX_SHEET_SIDE / (columns * max(height, width)))
        return cls(columns, rows, max(1, int(scale * width)), max(1, int(scale * height)), scale)


def draw_sheet(images: BytePixels) -> bytes:
    """`(batch, height, width, channels)` bytes -> one PNG of all, grey or RGB."""
    sheet = Sheet.of(images)
    if sheet.scale < 1:
        images = shrink(images, sheet.tile_height, sheet.tile_width)
    return encode_png(contact_sheet(images, gap=0), smallest=False)


def describe(bundle: Bundle, anomalies: Sequence[Anomaly]) -> bytes:
    """Everything that is known of the sample but its pictures -> JSON; `anomalies` are one an image."""
    reference, manifest = bundle.reference, bundle.manifest
    errors = np.array([(one.mse, one.percentile) for one in anomalies], np.float32).reshape(-1, 2)
    document: dict[str, Any] = {
        "model": manifest.name,
        "version": manifest.version,
        "count": len(reference.images),
        "image": manifest.image.model_dump(),
        "latent_dim": manifest.latent_dim,
        "sheet": Sheet.of(reference.images),
        "test_indices": reference.test_indices,
        "labels": reference.labels,
        "classes": manifest.dataset.classes,
        "latents": rows_in_json(reference.latents),
        "maps": {"image": rows_in_json(reference.image_map), "latent": rows_in_json(reference.latent_map)},
        "errors": {"mse": errors[:, 0], "percentile": errors[:, 1]},
    }
    return write_json(document)
