"""Whole: a request from its parsed head and its body to its answer, without sockets and HTTP."""

import time
from collections.abc import Callable, Iterator, Sequence

from fastapi.routing import APIRoute
from starlette.types import Scope

from benchmarks.stages.scene import Body, Scene
from benchmarks.stages.stage import Stage
from benchmarks.stages.waves import Waves
from service.answer import RawHeader
from service.calls import Call, Choice
from service.express import Express
from service.routes.encode import Encode, router

GROUP = "whole"
AT_ONCE = (1, 64)
BODIES = ("1 image, JSON numbers", "1 image, PNG")
PATH = "/encode"


def stages(scene: Scene) -> Iterator[Stage]:
    """The express way of small requests, alone and with others."""
    for name in BODIES:
        for count in AT_ONCE:
            waves = Waves(count, _begin(scene, scene.bodies[name]))
            yield Stage(GROUP, f"{name}: {count} at once", _work(scene, waves), units=count)


def _begin(scene: Scene, body: Body) -> Callable[[Callable[[], None]], None]:
    express, scope = Express(scene.parts), _scope(body)
    (route,) = (route for route in router.routes if isinstance(route, APIRoute) and route.path == PATH)
    scene.parts.calls.remember(scope, Call(Encode(), Choice(), route))

    def begin(answered: Callable[[], None]) -> None:
        def done(status: int, _: Sequence[RawHeader], content: bytes) -> None:
            if status != 200:
                raise SystemExit(f"answered {status}: {content[:200].decode(errors='replace')}")
            answered()

        head = express.read_head(scope, PATH)
        if head is None or express.begin(head, body.content, done, time.monotonic()) is None:
            raise SystemExit(f"a request of {body.media_type} is not taken by the express way")

    return begin


def _scope(body: Body) -> Scope:
    """What uvicorn makes of a request's head."""
    headers = [(b"host", b"127.0.0.1"), (b"content-type", body.media_type.encode())]
    headers.append((b"content-length", str(len(body.content)).encode()))
    return {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers, "root_path": ""}


def _work(scene: Scene, waves: Waves) -> Callable[[int], object]:
    return lambda times: scene.runner.run(waves.run(times))
