"""Model: TorchScript called with arrays, on one thread."""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.stages.scene import Scene
from benchmarks.stages.stage import Stage, repeated
from service.batcher import Call
from service.waiting import Numbers

GROUP = "model"
BATCHES = (1, 8, 64, 256)


def stages(scene: Scene) -> Iterator[Stage]:
    """Every operation with every size of batch; microseconds an image."""
    model = scene.model.bundle.autoencoder
    latents = model.encode(scene.pixels)
    for name, call, rows in (
        ("encode", model.encode, scene.pixels),
        ("decode", model.decode, latents),
        ("reconstruct", model.reconstruct, scene.pixels),
    ):
        for size in BATCHES:
            batch = np.ascontiguousarray(rows[:size])
            yield Stage(GROUP, f"{name}, batch of {size}", repeated(_bound(call, batch)), "image", size)


def _bound(call: Call, batch: Numbers) -> Callable[[], Numbers]:
    return lambda: call(batch)
