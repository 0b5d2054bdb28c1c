"""LitServe: a LitAPI with `batch` and `unbatch`, one worker, and its fast queue (ZeroMQ) for many requests a second."""

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.protocol import Call, latents, picture, png_text, rows
from benchmarks.serving.workloads import Task


def _command(launch: Launch, _: Variant) -> list[str]:
    return [str(launch.python), str(PEER.folder / "server.py")]


def _batched(delay_s: str, queue: str) -> Variant:
    return Variant(
        f"batches, {float(delay_s) * 1000:g} ms, {queue}",
        {"BATCH_SIZE": "64", "BATCH_DELAY_S": delay_s, "FAST_QUEUE": str(queue == "ZeroMQ")},
    )


PEER = Peer(
    "litserve",
    _command,
    {
        Task.NUMBERS: Call("/predict", lambda pictures: f'{{"images":{rows(pictures)}}}'.encode(), latents("latents")),
        Task.NUMBERS_BATCH: Call(
            "/predict", lambda pictures: f'{{"images":{rows(pictures)}}}'.encode(), latents("latents")
        ),
        Task.PNG: Call("/predict", lambda pictures: f'{{"png":"{png_text(pictures)}"}}'.encode(), latents("latents")),
        Task.REBUILD: Call(
            "/predict", lambda pictures: f'{{"rebuild":true,"png":"{png_text(pictures)}"}}'.encode(), picture("png")
        ),
    },
    (
        Variant("no batches, queue", {"BATCH_SIZE": "1", "BATCH_DELAY_S": "0", "FAST_QUEUE": "False"}),
        Variant("no batches, ZeroMQ", {"BATCH_SIZE": "1", "BATCH_DELAY_S": "0", "FAST_QUEUE": "True"}),
        _batched("0", "ZeroMQ"),
        _batched("0.001", "ZeroMQ"),
        _batched("0.01", "ZeroMQ"),
    ),
)
