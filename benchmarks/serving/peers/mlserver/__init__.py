"""MLServer: a custom runtime, asked in the Open Inference Protocol, with its adaptive batching.

Its default is one process for the server and one for the models; with no worker processes, both share one.
"""

import json
from collections.abc import Sequence

from benchmarks.serving.peer import PEERS, Launch, Peer, Variant
from benchmarks.serving.pictures import Picture
from benchmarks.serving.protocol import Call, picture, png_text, v2, v2_latents, v2_numbers
from benchmarks.serving.server import free_port
from benchmarks.serving.workloads import Task


def _command(launch: Launch, variant: Variant) -> list[str]:
    settings = {
        "http_port": launch.port, "grpc_port": free_port(), "metrics_port": free_port(), "host": "127.0.0.1",
        "debug": False, "parallel_workers": int(variant.environment["WORKERS"]),
    }  # fmt: skip
    (launch.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    delay_s = float(variant.environment["BATCH_DELAY_S"])
    batching = {"max_batch_size": 64, "max_batch_time": delay_s} if delay_s else {}
    for name, runtime in {"encode": "Encoder", "encode-png": "PngEncoder", "reconstruct": "Autoencoder"}.items():
        folder = launch.folder / name
        folder.mkdir()
        model = {"name": name, "implementation": f"server.{runtime}", "parameters": {"uri": str(launch.model)}}
        (folder / "model-settings.json").write_text(json.dumps(model | batching), encoding="utf-8")
    return [launch.tool("mlserver"), "start", str(launch.folder)]


def _variant(workers: str, delay_s: str) -> Variant:
    batches = f"batches, {float(delay_s) * 1000:g} ms" if float(delay_s) else "no batches"
    return Variant(
        f"{batches}, {'one process' if workers == '0' else 'worker process'}",
        {"WORKERS": workers, "BATCH_DELAY_S": delay_s},
    )


def _png(pictures: Sequence[Picture]) -> bytes:
    return v2("png", (1, 1), "BYTES", f'["{png_text(pictures)}"]', content_type="base64")


PEER = Peer(
    "mlserver",
    _command,
    {
        Task.NUMBERS: Call("/v2/models/encode/infer", v2_numbers, v2_latents),
        Task.NUMBERS_BATCH: Call("/v2/models/encode/infer", v2_numbers, v2_latents),
        Task.PNG: Call("/v2/models/encode-png/infer", _png, v2_latents),
        Task.REBUILD: Call("/v2/models/reconstruct/infer", _png, picture("outputs", 0, "data", 0)),
    },
    tuple(_variant(workers, delay_s) for workers in ("0", "1") for delay_s in ("0", "0.001", "0.01")),
    environment={"PYTHONPATH": str(PEERS / "mlserver")},
)
