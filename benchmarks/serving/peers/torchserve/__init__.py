"""TorchServe: the model archived with a custom handler, one worker, batches of what waits, system metrics off."""

import subprocess
from collections.abc import Sequence

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.pictures import Picture, read_png
from benchmarks.serving.protocol import PNG, Call, latents, png, rows
from benchmarks.serving.server import free_port
from benchmarks.serving.workloads import Task

_CONFIG = """\
inference_address=http://127.0.0.1:{port}
management_address=http://127.0.0.1:{management}
metrics_address=http://127.0.0.1:{metrics}
grpc_inference_port={grpc}
grpc_management_port={grpc_management}
disable_token_authorization=true
disable_system_metrics=true
default_workers_per_model=1
"""
_MODEL_CONFIG = "minWorkers: 1\nmaxWorkers: 1\nbatchSize: {size}\nmaxBatchDelay: {delay_ms}\n"
_NO_LOG = '<Configuration><Loggers><Root level="warn"/></Loggers></Configuration>\n'


def _command(launch: Launch, variant: Variant) -> list[str]:
    ports = {name: free_port() for name in ("management", "metrics", "grpc", "grpc_management")}
    config, logging, model = (launch.folder / name for name in ("config.properties", "log4j2.xml", "model.yaml"))
    config.write_text(_CONFIG.format(port=launch.port, **ports), encoding="utf-8")
    logging.write_text(_NO_LOG, encoding="utf-8")
    model.write_text(
        _MODEL_CONFIG.format(size=variant.environment["BATCH_SIZE"], delay_ms=variant.environment["BATCH_DELAY_MS"]),
        encoding="utf-8",
    )
    for name in ("encode", "reconstruct"):
        archive = [launch.tool("torch-model-archiver"), "--model-name", name, "--version", "1.0"]
        archive += ["--serialized-file", str(launch.model), "--handler", str(PEER.folder / "server.py")]
        archive += ["--config-file", str(model), "--export-path", str(launch.folder)]
        subprocess.run(archive, check=True, capture_output=True)
    start = [launch.tool("torchserve"), "--start", "--foreground", "--ncs", "--model-store", str(launch.folder)]
    models = ["--models", "encode=encode.mar", "reconstruct=reconstruct.mar"]
    return [*start, *models, "--ts-config", str(config), "--log-config", str(logging)]


def _batches(size: int, delay_ms: int) -> Variant:
    """TorchServe takes a delay of 0 for its default, 100 ms, so that 1 ms is the least."""
    environment = {"BATCH_SIZE": str(size), "BATCH_DELAY_MS": str(delay_ms)}
    return Variant(f"batches of {size}, {delay_ms} ms", environment)


def _numbers(pictures: Sequence[Picture]) -> bytes:
    return f'{{"images":{rows(pictures)}}}'.encode()


_NUMBERS = Call("/predictions/encode", _numbers, latents("latents"))

PEER = Peer(
    "torchserve",
    _command,
    {
        Task.NUMBERS: _NUMBERS,
        Task.NUMBERS_BATCH: _NUMBERS,
        Task.PNG: Call("/predictions/encode", png, latents("latents"), PNG),
        Task.REBUILD: Call("/predictions/reconstruct", png, read_png, PNG),
    },
    (
        Variant("no batches", {"BATCH_SIZE": "1", "BATCH_DELAY_MS": "100"}),
        *(_batches(*setting) for setting in ((64, 1), (64, 10), (64, 100), (32, 1), (16, 1))),
    ),
)
