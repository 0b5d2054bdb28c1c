"""Encode: what was computed to the bytes of an answer, as the operations write it."""

from collections.abc import Callable, Iterator

from benchmarks.serving.workloads import BATCH
from benchmarks.stages.scene import Scene
from benchmarks.stages.stage import Stage, repeated
from service.answer import Answer
from service.deadline import Deadline
from service.inputs import Inputs, Kind
from service.media import JSON, NPY, PNG
from service.operation import Asked, Operation
from service.routes.decode import Decode
from service.routes.encode import Encode
from service.routes.reconstruct import Reconstruct
from service.waiting import Numbers

GROUP = "encode"


def stages(scene: Scene) -> Iterator[Stage]:
    """Answers of the usual forms; those with reconstructions hold their errors and percentiles, too."""
    model = scene.model.bundle.autoencoder
    latents = model.encode(scene.pixels)
    rebuilt = model.decode(latents)
    rebuild = Reconstruct("png", 0.99)
    for name, operation, media_type, computed in (
        ("latents of 1 image as JSON", Encode(), JSON, latents[:1]),
        (f"latents of {BATCH} images as JSON", Encode(), JSON, latents),
        (f"latents of {BATCH} images as .npy", Encode(), NPY, latents),
        ("1 image as PNG", Decode("png"), PNG, rebuilt[:1]),
        ("1 reconstruction as JSON with base64 PNG", rebuild, JSON, rebuilt[:1]),
        (f"{BATCH} reconstructions as JSON with base64 PNG", rebuild, JSON, rebuilt),
    ):
        yield Stage(GROUP, name, repeated(_writing(scene, operation, media_type, computed)))


def _writing(scene: Scene, operation: Operation, media_type: str, computed: Numbers) -> Callable[[], Answer]:
    inputs = Inputs(Kind.IMAGES, images=scene.pixels[: len(computed)])
    asked = Asked(scene.model, inputs, media_type, Deadline.after(86_400))
    return lambda: operation.answer(asked, computed)
