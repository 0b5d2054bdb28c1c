"""How a client asks one server for one thing: requests made of pictures, answers read back as arrays."""

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.pictures import Picture, read_png

JSON, PNG, NPY = "application/json", "image/png", "application/x-npy"

Answer = NDArray[Any]
"""Latents `(n, latent_dim)`, or for reconstructions grey levels `(height, width)`."""


@dataclass(frozen=True)
class Request:
    """One POST request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Call:
    """One task in a server's own protocol."""

    path: str
    write: Callable[[Sequence[Picture]], bytes]
    read: Callable[[bytes], Answer]
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, pictures: Sequence[Picture]) -> Request:
        """Ask about these pictures, in one request."""
        return Request(self.path, {"Content-Type": self.content_type, **self.headers}, self.write(pictures))


def rows(pictures: Sequence[Picture]) -> str:
    """The numbers of each picture as JSON: a list of lists."""
    return "[" + ",".join(f"[{picture.numbers}]" for picture in pictures) + "]"


def png(pictures: Sequence[Picture]) -> bytes:
    """The PNG file itself, where a protocol takes it as a raw body."""
    (picture,) = pictures
    return picture.png


def png_text(pictures: Sequence[Picture]) -> str:
    """The PNG file in base64, where a protocol has only JSON."""
    return base64.b64encode(png(pictures)).decode()


def npy(pictures: Sequence[Picture]) -> bytes:
    """The pictures as one .npy file of bytes, shape (n, height, width)."""
    file = io.BytesIO()
    np.save(file, np.stack([picture.pixels for picture in pictures]))
    return file.getvalue()


def read_npy(body: bytes) -> Answer:
    """An answer that is a .npy file."""
    answer: Answer = np.load(io.BytesIO(body))
    return answer


def latents(*keys: str | int) -> Callable[[bytes], Answer]:
    """Read an answer in JSON: the latents, one or many, lie below these keys."""

    def read(body: bytes) -> Answer:
        return np.atleast_2d(np.asarray(_below(json.loads(body), keys), np.float32))

    return read


def picture(*keys: str | int) -> Callable[[bytes], Answer]:
    """Read an answer in JSON: below these keys lies a PNG file in base64."""

    def read(body: bytes) -> Answer:
        return read_png(base64.b64decode(_below(json.loads(body), keys)))

    return read


def _below(value: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        value = value[key]
    return value


def v2(name: str, shape: Sequence[int], datatype: str, data: str, **parameters: str) -> bytes:
    """A request of the Open Inference Protocol with one input, whose data are JSON already."""
    head = json.dumps({"name": name, "shape": list(shape), "datatype": datatype, "parameters": parameters})
    return f'{{"inputs":[{head[:-1]},"data":{data}}}]}}'.encode()


def v2_numbers(pictures: Sequence[Picture]) -> bytes:
    """Pictures as a tensor of the Open Inference Protocol, flat as it recommends."""
    data = ",".join(picture.numbers for picture in pictures)
    return v2("pixels", (len(pictures), pictures[0].pixels.size), "FP32", f"[{data}]")


def v2_latents(body: bytes) -> Answer:
    """The first output of an answer of the Open Inference Protocol."""
    output = json.loads(body)["outputs"][0]
    return np.asarray(output["data"], np.float32).reshape(output["shape"])
