"""What the stages work with: the parts of a service, as it makes them itself, and requests made of pictures."""

import asyncio
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import uvloop
from PIL import Image

from benchmarks.serving.pictures import Picture, as_bytes
from benchmarks.serving.protocol import JSON, NPY, PNG, npy, png, png_text, rows
from benchmarks.serving.workloads import BATCH
from service import memory
from service.arrays import Pixels, to_unit
from service.autoencoder import set_threads
from service.ledger import Ledger
from service.parts import Parts
from service.served import ServedModel
from service.settings import Settings


@dataclass(frozen=True)
class Body:
    """One request's body."""

    media_type: str
    content: bytes
    images: int = 1


@dataclass(frozen=True)
class Scene:
    """A service without its server: its parts, its default model, its event loop, and what it is asked."""

    runner: asyncio.Runner
    parts: Parts
    model: ServedModel
    pixels: Pixels
    """`BATCH` images, shape (BATCH, height, width, 1)."""
    bodies: Mapping[str, Body]
    """In every form that is measured, by what it is called."""


@contextmanager
def set_up(models_dir: Path, pictures: Sequence[Picture]) -> Iterator[Scene]:
    """Load the default model of a folder as the service does, on one thread; pictures must be of its size."""
    set_threads(1)
    parts = Parts.of(Settings(models_dir=models_dir, torch_threads=1, _env_file=None), Ledger())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(parts.registry.refresh())
            model = parts.registry.find(None, None)
            if model is None:
                raise SystemExit("no model of the folder is valid")
            many = list(islice(cycle(pictures), BATCH))
            scene = Scene(runner, parts, model, to_unit(as_bytes(many)), write_bodies(many))
            memory.settle()
            yield scene
        finally:
            parts.workers.close()


def write_bodies(pictures: Sequence[Picture]) -> dict[str, Body]:
    """The first picture, or all, in the forms that clients send."""
    one = pictures[:1]
    return {
        "1 image, JSON numbers": Body(JSON, f'{{"images":{rows(one)}}}'.encode()),
        "1 image, PNG": Body(PNG, png(one)),
        f"{len(pictures)} images, .npy uint8": Body(NPY, npy(pictures), len(pictures)),
        f"{len(pictures)} images, JSON numbers": Body(JSON, f'{{"images":{rows(pictures)}}}'.encode(), len(pictures)),
        "1 image, base64 PNG in JSON": Body(JSON, f'{{"images":["{png_text(one)}"]}}'.encode()),
        "1 image, JPEG": Body("image/jpeg", _jpeg(one[0])),
    }


def _jpeg(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture.pixels).save(file, "JPEG")
    return file.getvalue()
