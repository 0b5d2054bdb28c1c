"""KServe's Python model server: a custom predictor, asked in protocol v1 or v2.

Its batcher is a sidecar in Go and not part of the package, so every request is a model call of its own.
"""

import json
from collections.abc import Sequence

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.pictures import Picture
from benchmarks.serving.protocol import Call, latents, picture, png_text, rows, v2_latents, v2_numbers
from benchmarks.serving.workloads import Task

_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {name: {"level": "WARNING"} for name in ("kserve", "kserve.trace", "uvicorn.access")},
}


def _command(launch: Launch, _: Variant) -> list[str]:
    logging = launch.folder / "logging.json"
    logging.write_text(json.dumps(_LOGGING), encoding="utf-8")
    options = ["--http_port", str(launch.port), "--enable_grpc", "false", "--enable_latency_logging", "false"]
    return [str(launch.python), str(PEER.folder / "server.py"), *options, "--log_config_file", str(logging)]


def _numbers(pictures: Sequence[Picture]) -> bytes:
    return f'{{"instances":{rows(pictures)}}}'.encode()


def _png(pictures: Sequence[Picture]) -> bytes:
    return f'{{"instances":[{{"image":{{"b64":"{png_text(pictures)}"}}}}]}}'.encode()


_NUMBERS_V1 = Call("/v1/models/encode:predict", _numbers, latents("predictions"))
_NUMBERS_V2 = Call("/v2/models/encode/infer", v2_numbers, v2_latents)

PEER = Peer(
    "kserve",
    _command,
    {
        Task.NUMBERS: _NUMBERS_V1,
        Task.NUMBERS_BATCH: _NUMBERS_V1,
        Task.PNG: Call("/v1/models/encode:predict", _png, latents("predictions")),
        Task.REBUILD: Call("/v1/models/reconstruct:predict", _png, picture("predictions", 0, "b64")),
    },
    (
        Variant("v1"),
        Variant("v2", calls={Task.NUMBERS: _NUMBERS_V2, Task.NUMBERS_BATCH: _NUMBERS_V2}),
    ),
)
