"""BentoML: a service class, with and without its adaptive batching, one worker; access log and tracking off."""

from collections.abc import Sequence

from benchmarks.serving.peer import Launch, Peer, Variant
from benchmarks.serving.pictures import Picture, read_png
from benchmarks.serving.protocol import PNG, Call, latents, png, rows
from benchmarks.serving.workloads import Task

_BOUNDARY = "7c2f0c5d"


def _command(launch: Launch, _: Variant) -> list[str]:
    place = ["--host", "127.0.0.1", "--port", str(launch.port), "--working-dir", str(PEER.folder)]
    return [launch.tool("bentoml"), "serve", "server:Autoencoder", *place]


def _numbers(pictures: Sequence[Picture]) -> bytes:
    return f'{{"images":{rows(pictures)}}}'.encode()


def _form(pictures: Sequence[Picture]) -> bytes:
    """BentoML takes lists of files as a form only."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="image.png"\r\n'
    return f"{head}Content-Type: {PNG}\r\n\r\n".encode() + png(pictures) + f"\r\n--{_BOUNDARY}--\r\n".encode()


_NUMBERS, _BATCHED = Call("/encode", _numbers, latents()), Call("/encode_batched", _numbers, latents())
_REBUILD = Call("/reconstruct", png, read_png, PNG)

PEER = Peer(
    "bentoml",
    _command,
    {
        Task.NUMBERS: _NUMBERS,
        Task.NUMBERS_BATCH: _NUMBERS,
        Task.PNG: Call("/encode_png", png, latents(), PNG),
        Task.REBUILD: _REBUILD,
    },
    (
        Variant("no batches"),
        Variant(
            "batches",
            calls={
                Task.NUMBERS: _BATCHED,
                Task.PNG: Call("/encode_png_batched", _form, latents(), f"multipart/form-data; boundary={_BOUNDARY}"),
            },
        ),
    ),
    environment={"BENTOML_DO_NOT_TRACK": "True"},
)
