"""What clients do beside well-formed small requests: large ones, wrong ones, and ones that are never finished."""

import base64
import json
import select
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import numpy as np

from benchmarks.serving.pictures import Picture
from benchmarks.serving.protocol import JSON, NPY, PNG, npy, rows
from benchmarks.serving.server import ServerFailed
from benchmarks.serving.workloads import BATCH
from service.media import GIF, MULTIPART, ZIP

_TIMEOUT_S = 60
_MOST_STALLED = 4
_TOO_LARGE = 2**40


@dataclass(frozen=True)
class Errand:
    """One request, with the status that it must get."""

    name: str
    path: str
    content_type: str
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    accept: str = "*/*"
    method: str = "POST"
    length: int | None = None
    """Bytes that its head promises, where that is not what it sends."""

    def message(self) -> bytes:
        """All of it, as it is sent."""
        length = len(self.body) if self.length is None else self.length
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Accept: {self.accept}"]
        lines += [f"Content-Type: {self.content_type}", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def errands(pictures: Sequence[Picture], latent_dim: int) -> list[Errand]:
    """All kinds of requests that are finished, once each; at least `BATCH` pictures are needed."""
    many, text = pictures[:BATCH], base64.b64encode(pictures[0].png).decode()
    numbers, array = f'{{"images":{rows(many)}}}'.encode(), npy(many)
    walk = json.dumps({"images": [base64.b64encode(picture.png).decode() for picture in pictures[:2]]}).encode()
    latents = json.dumps({"latents": np.random.default_rng(0).normal(size=(16, latent_dim)).tolist()}).encode()
    png, bad, unprocessable = pictures[0].png, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY
    too_large, unknown_type = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return [
        Errand(f"{BATCH} images, .npy", "/encode", NPY, array, accept=NPY),
        Errand(f"{BATCH} images, JSON numbers", "/encode", JSON, numbers),
        Errand(f"{BATCH} reconstructions, zip", "/reconstruct", NPY, array, accept=ZIP),
        Errand("16 latents, JSON", "/decode", JSON, latents),
        Errand("walk, GIF", "/interpolate", JSON, walk, accept=GIF),
        Errand("JSON cut short", "/encode", JSON, numbers[:-1000], bad),
        Errand("unknown key", "/encode", JSON, b'{"images":[[0]],"size":1}', unprocessable),
        Errand("no images", "/encode", JSON, b'{"images":[]}', unprocessable),
        Errand("wrong shape", "/encode", JSON, b'{"images":[[0,1,2]]}', unprocessable),
        Errand("out of range", "/encode", JSON, numbers.replace(b"[[0.0,", b"[[7.0,", 1),
               unprocessable),
        Errand("base64 that is none", "/encode", JSON, f'{{"images":["{text[:-5]}"]}}'.encode(), unprocessable),
        Errand("PNG cut short", "/encode", PNG, png[:-20], unprocessable),
        Errand("PNG with a wrong checksum", "/encode", PNG, png[:60] + bytes([png[60] ^ 1]) + png[61:], unprocessable),
        Errand(".npy cut short", "/encode", NPY, array[:-1000], bad),
        Errand("form without an end", "/encode", f"{MULTIPART}; boundary=x", b"--x\r\n", bad),
        Errand("unknown media type", "/encode", "text/plain", b"0", unknown_type),
        Errand("unknown answer", "/encode", PNG, png, HTTPStatus.NOT_ACCEPTABLE, "text/plain"),
        Errand("unknown parameter", "/encode?size=1", PNG, png, unprocessable),
        Errand("unknown model", "/encode?model=nobody", PNG, png, HTTPStatus.NOT_FOUND),
        Errand("unknown path", "/squeeze", PNG, png, HTTPStatus.NOT_FOUND),
        Errand("wrong method", "/encode", PNG, b"", HTTPStatus.METHOD_NOT_ALLOWED, method="GET"),
        Errand("far too large a body", "/encode", NPY, b"", too_large, length=_TOO_LARGE),
    ]  # fmt: skip


@dataclass
class Mixture:
    """One client that goes through all kinds of requests, each on a connection of its own, again and again."""

    port: int
    errands: Sequence[Errand]
    answered: Counter[str] = field(default_factory=Counter)
    """Requests by their names."""
    left: Counter[str] = field(default_factory=Counter)
    """Those whose client did not wait for an answer."""
    _stalled: list[socket.socket] = field(default_factory=list)

    def cycle(self) -> None:
        """Go through all kinds once.

        Raises:
            ServerFailed: An answer has another status than it must have, or none came.
        """
        for errand in self.errands:
            with self._connect() as connection:
                connection.sendall(errand.message())
                self._expect(connection, errand.name, errand.status)
            self.answered[errand.name] += 1
        for errand in self.errands[:3]:
            self._leave("in the middle of the head", errand.message()[:40])
            self._leave("in the middle of the body", errand.message()[: len(errand.body) // 2])
            self._leave("before the answer", errand.message())
        self._stall(self.errands[0].message()[:-1])

    def close(self) -> None:
        """Leave what is stalled."""
        while self._stalled:
            self._stalled.pop().close()

    def _leave(self, name: str, sent: bytes) -> None:
        with self._connect() as connection:
            connection.sendall(sent)
            time.sleep(0.002)  # so that it may be under way
        self.left[name] += 1

    def _stall(self, sent: bytes) -> None:
        """Send all but an end, without leaving; whoever waited longest must get 408 in the end, when looked at."""
        for connection in select.select(self._stalled, [], [], 0)[0]:
            self._expect(connection, "stalled", HTTPStatus.REQUEST_TIMEOUT)
            connection.close()
            self._stalled.remove(connection)
            self.answered["stalled until 408"] += 1
        if len(self._stalled) < _MOST_STALLED:
            connection = self._connect()
            connection.sendall(sent)
            self._stalled.append(connection)

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=_TIMEOUT_S)

    def _expect(self, connection: socket.socket, name: str, status: HTTPStatus) -> None:
        """Read a whole answer and hold its status against the right one."""
        file = connection.makefile("rb")
        found = file.readline().split(b" ", 2)
        length = 0
        while (line := file.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = file.read(length)
        if found[1:2] != [str(int(status)).encode()] or len(body) != length:
            told = b" ".join(found).strip() + b" " + body[:200]
            raise ServerFailed(f"{name}: {int(status)} is right, got {told.decode(errors='replace')}")
