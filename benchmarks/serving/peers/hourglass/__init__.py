"""Ours: this checkout's service, its settings at their defaults, but for where it listens and finds its models."""

from benchmarks.environment import ROOT
from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.pictures import read_png
from benchmarks.serving.protocol import JSON, NPY, PNG, Call, latents, npy, png, read_npy, rows
from benchmarks.serving.workloads import Task


def _command(launch: Launch, _: Variant) -> list[str]:
    arguments = ["--port", str(launch.port), "--models-dir", str(launch.models_dir)]
    return [str(launch.python), "-m", "service", *arguments]


def _numbers(path: str) -> Call:
    return Call(path, lambda pictures: f'{{"images":{rows(pictures)}}}'.encode(), latents("latents"), JSON)


PEER = Peer(
    "hourglass",
    _command,
    {
        Task.NUMBERS: _numbers("/encode"),
        Task.NUMBERS_BATCH: _numbers("/encode"),
        Task.PNG: Call("/encode", png, latents("latents"), PNG),
        Task.REBUILD: Call("/reconstruct", png, read_png, PNG, {"Accept": PNG}),
        Task.NPY_BATCH: Call("/encode", npy, read_npy, NPY, {"Accept": NPY}),
    },
    environment={"PYTHONPATH": str(ROOT), "HOURGLASS_ACCESS_LOG": "false"},
)
