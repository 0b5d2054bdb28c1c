"""Decode: bodies to arrays, by the short way on the event loop and by the long way in a thread."""

from collections.abc import Iterator

from benchmarks.stages.scene import Body, Scene
from benchmarks.stages.stage import Stage, repeated
from service.deadline import Deadline
from service.inputs import IMAGES, BodyReader

GROUP = "decode"


def stages(scene: Scene) -> Iterator[Stage]:
    """Both ways for every form of body.

    What the short way does not take, it costs before the long way begins: such a stage says `declines`.
    """
    reader, deadline = scene.model.reader(IMAGES), Deadline.after(86_400)
    for name, body in scene.bodies.items():
        yield from _of_one_body(name, body, reader, deadline)


def _of_one_body(name: str, body: Body, reader: BodyReader, deadline: Deadline) -> Iterator[Stage]:
    if reader.read(body.media_type, body.content, deadline).size != body.images:
        raise SystemExit(f"{name}: another number of images was read")
    taken = reader.read_quickly(body.media_type, body.content) is not None
    quick = repeated(lambda: reader.read_quickly(body.media_type, body.content))
    yield Stage(GROUP, f"{name}: read_quickly{'' if taken else ' declines'}", quick)
    yield Stage(GROUP, f"{name}: read", repeated(lambda: reader.read(body.media_type, body.content, deadline)))
