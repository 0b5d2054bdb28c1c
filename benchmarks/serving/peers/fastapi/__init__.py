"""Plain FastAPI: pydantic models, the model called in the route, uvicorn as `uvicorn[standard]` installs it."""

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.pictures import read_png
from benchmarks.serving.protocol import PNG, Call, latents, png, rows
from benchmarks.serving.workloads import Task


def _command(launch: Launch, _: Variant) -> list[str]:
    command = [launch.tool("uvicorn"), "server:application", "--app-dir", str(PEER.folder)]
    return [*command, "--port", str(launch.port), "--no-access-log"]


PEER = Peer(
    "fastapi",
    _command,
    {
        Task.NUMBERS: Call(
            "/encode", lambda pictures: f'{{"pixels":[{pictures[0].numbers}]}}'.encode(), latents("latent")
        ),
        Task.NUMBERS_BATCH: Call(
            "/encode-batch", lambda pictures: f'{{"images":{rows(pictures)}}}'.encode(), latents("latents")
        ),
        Task.PNG: Call("/encode-png", png, latents("latent"), PNG),
        Task.REBUILD: Call("/reconstruct-png", png, read_png, PNG),
    },
    # The two ways to write a route: a coroutine computes on the event loop, a function in a thread of a pool.
    tuple(Variant(kind, {"ROUTES": kind}) for kind in ("async def", "def")),
)
