"""The same bytes get the same answer on every way: FastAPI's, the short cut past it, and the express way."""

import asyncio
import contextlib
import io
import itertools
import json
import logging
import random
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import httpx2 as httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from starlette.testclient import TestClient
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.app import Hourglass, create_app
from service.arrays import _bring_to_unit
from service.bundle import Bundle
from service.express import Express
from service.heads import Head
from service.inputs import QUICK_BYTES
from service.media import IMAGE_ANSWERS, LATENT_ANSWERS
from service.npy import Bytes
from service.parts import Parts
from service.protocol import ExpressProtocol
from service.server import options
from service.settings import Settings
from tests.integration.conftest import (
    FILE_FORMATS,
    IMAGE_FORMS,
    StartServer,
    Subject,
    encode_file,
    file_body,
    json_body,
    load_script,
    npy_body,
    place,
    serving_here,
    wait_until,
)
from tests.integration.test_hostile import SMALL_ATTACKS

JSON, NPY, PNG = "application/json", "application/x-npy", "image/png"
PATHS = ("/encode", "/decode", "/reconstruct")
OWN_TO_EACH = {"date", "x-request-id", "connection"}
"""Headers that differ from one answer to the next, or by the server."""
Header = tuple[str, str]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bodies that are still to come be waited for however long they take."""
    monkeypatch.setattr("service.protocol._MOMENT_S", 30.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request go the longer way in the next turn of the event loop, if its body is not there."""
    monkeypatch.setattr("service.protocol._MOMENT_S", 0.0)


@dataclass(frozen=True)
class Case:
    """One request, to the byte."""

    path: str
    content: bytes = field(repr=False)
    content_type: str | None = JSON
    query: str = ""
    headers: tuple[Header, ...] = ()
    method: str = "POST"

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def all_headers(self) -> list[Header]:
        """But for `Host` and `Content-Length`."""
        return [*([("Content-Type", self.content_type)] if self.content_type is not None else []), *self.headers]

    @property
    def encoded_headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), value.encode("latin-1")) for name, value in self.all_headers]


def case(path: str, body: dict[str, Any], query: str = "", *headers: Header) -> Case:
    """A case from a body as the functions of the fixtures make it."""
    request = httpx.Request("POST", f"http://x{path}", **body)
    return Case(path, request.read(), request.headers["content-type"], query, headers)


@dataclass(frozen=True)
class Reply:
    """An answer, without what differs from one to the next; that of a problem has no id."""

    status: int
    headers: tuple[Header, ...]
    content: Any

    @classmethod
    def of(cls, status: int, headers: Sequence[Header], content: bytes) -> "Reply":
        lower = [(name.lower(), value) for name, value in headers]
        kept = [(name, value) for name, value in lower if name not in OWN_TO_EACH]
        ids = [value for name, value in lower if name == "x-request-id"]
        assert len(ids) == 1 or status == HTTPStatus.BAD_REQUEST  # uvicorn's own
        if ("content-type", "application/problem+json") not in kept or not content:
            return cls(status, tuple(sorted(kept)), content)
        document = json.loads(content)
        assert [document.pop("request_id")] == ids
        assert ("content-length", str(len(content))) in kept
        kept.remove(("content-length", str(len(content))))  # which depends on that of the id
        return cls(status, tuple(sorted(kept)), document)


def read_replies(connection: socket.socket, count: int = 1, method: str = "POST") -> list[Reply]:
    """The next answers on a connection, in order."""
    with connection.makefile("rb") as file:
        return [_read_reply(file, method) for _ in range(count)]


def _read_reply(file: BinaryIO, method: str) -> Reply:
    status = 100
    while status == 100:
        line = file.readline()
        assert line, "the connection was closed"
        status = int(line.split()[1])
        lines = [one.decode("latin-1") for one in iter(lambda: file.readline().strip(), b"")]
    headers = [(name, value) for name, _, value in (one.partition(": ") for one in lines)]
    length = 0 if method == "HEAD" else int(dict(headers)["content-length"])
    return Reply.of(status, headers, file.read(length))


class Noting(ExpressProtocol):
    """Notes of every request that was offered to the express way whether it was taken."""

    def _begin(self, head: Head, body: Bytes, cycle: RequestResponseCycle | None, since: float) -> None:
        super()._begin(head, body, cycle, since)
        self.app_state.setdefault("taken", []).append(self._ride is not None)


@dataclass
class Listening:
    """An application that this process serves, on a port."""

    app: Hourglass
    port: int
    server: uvicorn.Server

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.state.parts
        return parts

    @property
    def taken(self) -> list[bool]:
        found: list[bool] = self.server.lifespan.state.setdefault("taken", [])
        return found

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection

    def send(self, *segments: bytes, count: int = 1) -> list[Reply]:
        """Send bytes on a connection of their own, each segment once those before it were read."""
        with self.connect() as connection:
            for index, segment in enumerate(segments):
                connection.sendall(segment)
                if index + 1 < len(segments):
                    self.settle()
            return read_replies(connection, count)

    def settle(self) -> None:
        """Let the event loop read what was sent: it has, when it has answered something that was sent later."""
        for _ in range(2):
            with self.connect() as other:
                other.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                read_replies(other)

    def metrics(self) -> dict[str, float]:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}") as client:
            return counted(client)


def counted(client: httpx.Client) -> dict[str, float]:
    """The metrics that count requests and images."""
    lines = client.get("/metrics").text.splitlines()
    pattern = re.compile(
        r"^(hourglass_(?:requests_total|images_total|request_seconds_count|queue_images|buffered_bytes)\S*) (\S+)$"
    )
    return {found[1]: float(found[2]) for line in lines if (found := pattern.match(line))}


@contextlib.contextmanager
def listening(models_dir: Path, protocol: type[HttpToolsProtocol] = Noting, **settings: Any) -> Iterator[Listening]:
    """Serve in a thread of this process, where it can be looked at."""
    app = create_app(
        Settings(models_dir=models_dir, map_processes=0, port=0, access_log=False, _env_file=None, **settings)
    )
    chosen = options(app.state.parts.settings) | {"http": protocol, "log_config": None}
    server = uvicorn.Server(uvicorn.Config(app, **chosen))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        one = Listening(app, server.servers[0].sockets[0].getsockname()[1], server)
        wait_until(lambda: one.parts.registry.is_loaded, seconds=90)
        yield one
    finally:
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()


def raw(one: Case, *more: str) -> bytes:
    """A request as it is sent."""
    lines = [f"{one.method} {one.target} HTTP/1.1", "Host: x", f"Content-Length: {len(one.content)}"]
    lines += [f"{name}: {value}" for name, value in one.all_headers]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1") + one.content


@dataclass(frozen=True)
class Ways:
    """The same models, served on every way; the last one is uvicorn without ours, to compare what it does itself."""

    fastapi: TestClient
    shortcut: TestClient
    express: Listening
    uvicorn: Listening
    good: dict[str, Case]
    """A request of each path that is answered well."""
    connection: socket.socket
    """To the express way; requests come one after the other."""
    primed: set[tuple[str, str]] = field(default_factory=set)

    def prime(self, path: str, query: str) -> None:
        """Let the calls of a path and a query be known, if they are good."""
        if (path, query) not in self.primed:
            self.primed.add((path, query))
            first = Case(path, self.good[path].content, self.good[path].content_type, query)
            self.through(self.shortcut, first)
            self.express.send(raw(first))

    def through(self, client: TestClient, one: Case) -> Reply:
        response = client.request(one.method, one.target, content=one.content, headers=one.encoded_headers)
        return Reply.of(response.status_code, response.headers.multi_items(), response.content)

    def expressly(self, one: Case) -> Reply:
        self.connection.sendall(raw(one))
        return read_replies(self.connection, method=one.method)[0]

    def ask(self, one: Case) -> Reply:
        """The answer, which is the same on every way."""
        if one.path in self.good:
            self.prime(one.path, one.query)
        answer = self.through(self.fastapi, one)
        assert self.through(self.shortcut, one) == answer, one
        assert self.expressly(one) == answer, one
        return answer

    def ask_expressly(self, one: Case) -> Reply:
        """The answer, the same on every way; the express way was taken."""
        self.express.taken.clear()
        answer = self.ask(one)
        assert self.express.taken[-1:] == [True], one
        return answer

    def send(self, *segments: bytes, count: int = 1) -> list[Reply]:
        """The answers to bytes, the same with our protocol as with uvicorn's."""
        answers = self.uvicorn.send(*segments, count=count)
        assert self.express.send(*segments, count=count) == answers
        return answers


@pytest.fixture(scope="module")
def models_dir(digits_bundle: Bundle, colours_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    for bundle in (digits_bundle, colours_bundle):
        place(bundle, models)
    return models


@pytest.fixture(scope="module")
def ways(models_dir: Path, digits_bundle: Bundle) -> Iterator[Ways]:
    settings: dict[str, Any] = {"models_poll_interval_s": 0, "default_model": "digits"}
    latents = np.zeros((1, digits_bundle.manifest.latent_dim), np.float32)
    images = case("/encode", npy_body(digits_bundle.reference.images[:1]))
    good = {
        "/encode": images,
        "/decode": case("/decode", npy_body(latents)),
        "/reconstruct": Case("/reconstruct", images.content, images.content_type),
    }
    with (
        serving_here(models_dir, **settings) as fastapi,
        serving_here(models_dir, **settings) as shortcut,
        listening(models_dir, **settings) as express,
        listening(models_dir, HttpToolsProtocol, **settings) as plain,
        express.connect() as connection,
    ):
        for closed in (fastapi.app.state.parts, plain.parts):  # type: ignore[attr-defined]
            closed.calls.is_open = False
        for client in (fastapi, shortcut):
            client.headers.clear()
        yield Ways(fastapi, shortcut, express, plain, good, connection)


@pytest.fixture(params=["digits", "colours"])
def own(request: pytest.FixtureRequest) -> Bundle:
    """Each of the two models."""
    bundle: Bundle = request.getfixturevalue(f"{request.param}_bundle")
    return bundle


def query_of(bundle: Bundle, more: str = "") -> str:
    return f"model={bundle.manifest.name}{more}"


def some_images(bundle: Bundle, count: int = 3) -> NDArray[np.uint8]:
    return bundle.reference.images[:count]


def some_latents(bundle: Bundle, count: int = 3) -> NDArray[np.float32]:
    shape = count, bundle.manifest.latent_dim
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("path", ["/encode", "/reconstruct"])
@pytest.mark.parametrize("form", IMAGE_FORMS)
def test_every_form_of_images_is_answered_alike(ways: Ways, own: Bundle, form: str, path: str) -> None:
    for count in (1, 3):
        one = case(path, IMAGE_FORMS[form](some_images(own, count)), query_of(own))
        assert ways.ask(one).status == 200
        is_plain = one.content_type in {JSON, NPY} and form not in {"base64", "data URIs", "files and numbers mixed"}
        assert ways.express.taken[-1] == is_plain


@pytest.mark.parametrize("media_type", FILE_FORMATS)
@pytest.mark.parametrize("path", ["/encode", "/reconstruct"])
def test_a_single_file_is_answered_alike(ways: Ways, own: Bundle, path: str, media_type: str) -> None:
    file_format, parameters = FILE_FORMATS[media_type]
    image = some_images(own, 1)[0]
    for shown in (image, image.repeat(2, axis=0).repeat(2, axis=1), image.repeat(40, axis=0).repeat(40, axis=1)):
        one = case(path, file_body(encode_file(shown, file_format, **parameters), media_type), query_of(own))
        assert ways.ask(one).status == 200
    if media_type == PNG:
        ways.ask_expressly(case(path, file_body(encode_file(image), PNG), query_of(own)))


@pytest.mark.parametrize("count", [1, 4, 300])
def test_latents_are_answered_alike(ways: Ways, own: Bundle, count: int) -> None:
    latents = some_latents(own, count)
    for body in (json_body(latents=latents.tolist()), npy_body(latents), npy_body(latents.astype(">f8"))):
        for query, accept in itertools.product(("", "&images=numbers"), IMAGE_ANSWERS):
            one = case("/decode", body, query_of(own, query), ("Accept", accept))
            assert ways.ask(one).status == 200
            if count == 1:
                ways.ask_expressly(one)


@pytest.mark.parametrize("far", [1e4, 1e20, 3e38, -3e38])
def test_latents_far_from_those_of_images_are_answered_alike(ways: Ways, own: Bundle, far: float) -> None:
    latents = np.full((2, own.manifest.latent_dim), far, np.float32)
    latents[:, ::2] *= -1
    ways.ask_expressly(case("/decode", npy_body(latents), query_of(own)))


QUERIES = (
    "model=digits&version=1", "version=1&model=digits", "model=digits&version=2", "model=nothing", "version=0",
    "version=1.5", "version=", "model=", "model=..%2Fup", "model=digit%73", "model=digits&model=colours",
    "model=colours&model=digits", "version=1&version=2", "images=numbers", "images=png", "images=pixels",
    "images=numbers&images=png", "threshold=0.5", "threshold=0", "threshold=1", "threshold=-0.0", "threshold=1.5",
    "threshold=nan", "threshold=1e400", "threshold=0.5&threshold=2", "unknown=1", "model=digits&unknown=", "unknown",
    "&", "=", "model=digits&", "model=%ff", "model=digits#x", "model=digits%23x", "%6dodel=digits", "MODEL=digits",
    "images=numbers&threshold=0.000001&model=digits&version=1",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", QUERIES)
def test_every_query_is_answered_alike(ways: Ways, query: str, path: str) -> None:
    good = ways.good[path]
    for _ in range(2):
        assert ways.ask(Case(path, good.content, good.content_type, query)).status in {200, 404, 422}


ACCEPTS = (
    *LATENT_ANSWERS, *IMAGE_ANSWERS, "*/*", "image/*", "application/*", "*/*;q=0", "application/json;q=0",
    "application/json;q=0, */*", "application/x-npy;q=0.5, application/json;q=0.4", "text/html", "garbage", "",
    " ", ",,", "application/json;q=2", "application/json;q=x", "*/json", "APPLICATION/JSON", "a/b, image/png",
    "application/json;charset=utf-8", "application/x-npy; q=1.0 , */*;q=0.1", "caf\xe9/\xff", "x" * 3000,
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_wish_for_a_media_type_is_answered_alike(ways: Ways, path: str) -> None:
    good = ways.good[path]
    seen = set()
    for accept in ACCEPTS:
        answer = ways.ask(Case(path, good.content, good.content_type, headers=(("Accept", accept),)))
        seen.add(answer.status)
    for several in (("text/html", NPY), (NPY, "text/html"), (f"{JSON};q=0.1", NPY), ("", ""), (JSON, JSON)):
        headers = tuple(("Accept", accept) for accept in several)
        ways.ask(Case(path, good.content, good.content_type, headers=headers))
    assert seen == {200, 406}


def numbers(first: str, rest: str = "0.5", count: int = 64) -> str:
    return f"[{', '.join([first, *[rest] * (count - 1)])}]"


SQUARE = json.dumps([[0.5] * 8] * 8)
JSON_IMAGES = {
    **{
        f"the pixel {first}": f'{{"images": [{numbers(first)}]}}'
        for first in (
            "0", "1", "-0.0", "-0", "1.0", "1.0000000001", "1.0000000000000001", "-1e-9", "-1e-400", "1e-400", "255",
            "NaN", "Infinity", "-Infinity", "1e999", "null", "true", "false", '"0.5"', "[0.5]", "[]", "{}", "0.5.5",
            "00.5", ".5", "5.", "+1", "0x1", "1e0", "1E+0", "18446744073709551615", "18446744073709551616",
            "-9223372036854775809", "123456789012345678901234567890", "1" * 400, "0." + "1" * 400,
        )
    },
    **{
        f"the byte {first}": f'{{"images": [{numbers(first, "7")}], "pixel_range": "byte"}}'
        for first in ("0", "255", "256", "255.0000001", "-1", "-0.0", "1.5", "1e2", "null")
    },
    **{
        f"the range {value}": f'{{"images": [{numbers("1", "1")}], "pixel_range": {value}}}'
        for value in ('"unit"', '"byte"', '"BYTE"', '""', "null", "1", "[]", '["byte"]', "{}", '"by\\u0074e"', '"[["')
    },
    "the range first": f'{{"pixel_range": "byte", "images": [{numbers("1", "9")}]}}',
    "a range twice": f'{{"pixel_range": "byte", "images": [{numbers("1", "9")}], "pixel_range": "unit"}}',
    "an image twice": f'{{"images": [{numbers("1")}], "images": [{numbers("1")}]}}',
    "a key twice in disguise": f'{{"images": [{numbers("1")}], "imag\\u0065s": [{numbers("1")}]}}',
    "a key in disguise": f'{{"imag\\u0065s": [{numbers("1")}]}}',
    "an unknown key": f'{{"images": [{numbers("1")}], "more": 1}}',
    "an unknown key with brackets": f'{{"images": [{numbers("1")}], "[[[": "]]]"}}',
    "labels": f'{{"images": [{numbers("1")}], "labels": ["a"]}}',
    "latents too": f'{{"images": [{numbers("1")}], "latents": [[1, 2, 3, 4, 5, 6]]}}',
    "latents of images": '{"latents": [[1, 2, 3, 4, 5, 6]]}', "a reference": '{"reference": true}',
    "two shapes": f'{{"images": [{numbers("1")}, {SQUARE}]}}', "squares": f'{{"images": [{SQUARE}, {SQUARE}]}}',
    "an uneven image": f'{{"images": [[0, [0], 0{", 0" * 61}]]}}',
    "a hidden list of even count": f'{{"images": [[0, [0, 0], 0{", 0" * 60}]]}}',
    "uneven rows": f'{{"images": [{SQUARE.replace("0.5], [0.5", "0.5, 0.5], [", 1)}]}}',
    "a long row": f'{{"images": [{SQUARE.replace("], [", ", 0.5], [", 1)}]}}',
    "a longer second": f'{{"images": [{numbers("1")}, {numbers("1", count=65)}]}}',
    "a shorter second": f'{{"images": [{numbers("1")}, {numbers("1", count=63)}]}}',
    "63 and 65": f'{{"images": [{numbers("1", count=63)}, {numbers("1", count=65)}]}}',
    "a list less and a list more": f'{{"images": [[{", ".join(["0.5"] * 62)}, [0.5], 0.5], {numbers("1")}]}}',
    "text with brackets": f'{{"images": ["[[[]]]", {numbers("1")}]}}', "text": '{"images": ["aGVsbG8="]}',
    "no images": '{"images": []}', "an empty image": '{"images": [[]]}', "empty rows": '{"images": [[[], []]]}',
    "empty images": '{"images": [[], [], []]}', "images of null": '{"images": null}', "flat": '{"images": [0.5]}',
    "an object": '{"images": {"0": [0.5]}}', "deep": f'{{"images": {"[" * 9}0{"]" * 9}}}', "nothing": "",
    "spaces": "  ", "a list": f"[{numbers('1')}]", "null": "null", "not closed": f'{{"images": [{numbers("1")}]',
    "a comma": f'{{"images": [{numbers("1")},]}}', "trailing": f'{{"images": [{numbers("1")}]}} x',
    "two documents": f'{{"images": [{numbers("1")}]}}{{"images": [{numbers("1")}]}}',
    "a byte order mark": f'\ufeff{{"images": [{numbers("1")}]}}', "a NUL": f'{{"images": [{numbers("1")}]}}\0',
    "spaces around": f' \r\n\t{{ "images" :\t[ {numbers("1")} ] }} \n',
    "the quick size and a byte": f'{{"images": [{numbers("1")}]}}{" " * 2**15}',
    "many images": json.dumps({"images": [[0] * 64] * 200}), "too many": json.dumps({"images": [[0]] * 10_001}),
}  # fmt: skip
JSON_LATENTS = {
    **{
        f"the number {first}": f'{{"latents": [{numbers(first, count=6)}]}}'
        for first in (
            "0", "-0.0", "1e38", "3.4028235e38", "3.4028236e38", "1e39", "1e300", "-1e300", "1e-300", "NaN", "1e999",
            "18446744073709551615", "18446744073709551616", "null", "true", '"1"', "[1]", "[]", "{}",
        )
    },
    "five numbers": '{"latents": [[1, 2, 3, 4, 5]]}', "no latents": '{"latents": []}', "an empty": '{"latents": [[]]}',
    "seven and five": '{"latents": [[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5]]}', "null": '{"latents": null}',
    "a hidden list": '{"latents": [[1, [2], 3, 4, 5, 6]]}', "flat": '{"latents": [1, 2, 3, 4, 5, 6]}',
    "nested": '{"latents": [[[1], [2], [3], [4], [5], [6]]]}', "text": '{"latents": ["[1, 2, 3, 4, 5, 6]"]}',
    "a range": '{"latents": [[1, 2, 3, 4, 5, 6]], "pixel_range": "unit"}', "images": f'{{"images": [{numbers("1")}]}}',
    "twice": '{"latents": [[1, 2, 3, 4, 5, 6]], "latents": [[1, 2, 3, 4, 5, 6]]}', "a list": "[[1, 2, 3, 4, 5, 6]]",
    "many": json.dumps({"latents": [[0.5] * 6] * 300}), "too many": json.dumps({"latents": [[0] * 6] * 10_001}),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/encode", "/reconstruct"])
@pytest.mark.parametrize("name", JSON_IMAGES)
def test_images_in_json_of_any_kind_are_answered_alike(ways: Ways, name: str, path: str) -> None:
    ways.ask(Case(path, JSON_IMAGES[name].encode()))


@pytest.mark.parametrize("name", JSON_LATENTS)
def test_latents_in_json_of_any_kind_are_answered_alike(ways: Ways, name: str) -> None:
    ways.ask(Case("/decode", JSON_LATENTS[name].encode()))


def arrays() -> Iterator[NDArray[Any]]:
    random_numbers = np.random.default_rng(0)
    for dtype in ("u1", "i1", "u2", "i4", "f2", "f4", "f8", ">f8", "f16", "c8", "?", "S1", "O"):
        yield np.ones((2, 64)).astype(dtype)
        yield np.ones((2, 6)).astype(dtype)
    for shape in ((64,), (1, 64), (1, 8, 8), (1, 8, 8, 1), (1, 8, 8, 3), (1, 1, 64), (0, 64), (0, 6), (1, 6), (6,), ()):
        yield random_numbers.random(shape).astype(np.float32)
    for number in (-0.0, -1e-9, -1e-45, 1.0000000001, 1.0000001, np.nan, np.inf, 1e39, 1e300):
        for columns in (64, 6):
            array = np.full((3, columns), 0.5)
            array[1, 1] = number
            yield array
    yield np.zeros((200, 64), np.uint8)
    yield np.zeros((10_001, 6), np.float32)


def npy_with(header: bytes, content: bytes = bytes(24)) -> bytes:
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + content


def npy_files() -> Iterator[bytes]:
    for array in arrays():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        yield file.getvalue()
    whole = npy_body(np.zeros((1, 6), np.float32))["content"]
    for length in (0, 5, 8, 9, 60, len(whole) - 1):
        yield whole[:length]
    yield whole + b"x"
    for version in (b"\x01\x01", b"\x02\0", b"\x03\0", b"\x04\0"):
        yield whole[:6] + version + whole[8:]
    for shape in ("(1, 6)", "(1, 6,)", "(1,)", "(-1, 6)", "(1, 6.0)", "(True, 6)", "(0, 64)", "1", f"({2**70}, 6)"):
        yield npy_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n" % shape.encode())
    yield npy_with(b"{'descr': '<f4', 'fortran_order': 1, 'shape': (1, 6)}\n")
    yield npy_with(b"{'descr': '<f4', 'shape': (1, 6)}\n")
    yield npy_with(b"__import__('os')\n")
    yield npy_with(b"(" * 3000)


NPY_FILES = [*npy_files()]


@pytest.mark.parametrize("path", PATHS)
def test_arrays_of_any_kind_are_answered_alike(ways: Ways, path: str) -> None:
    seen = {ways.ask(Case(path, file, NPY)).status for file in NPY_FILES}
    assert seen == {200, 400, 413, 422} if path == "/decode" else seen >= {200, 400, 422}


def png_of(
    rows: bytes, *, size: tuple[int, int] = (8, 8), kind: tuple[int, ...] = (8, 0, 0, 0, 0), **more: bytes
) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, *kind)), *((k.encode(), c) for k, c in more.items())]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(itertools.starmap(chunk, chunks))


def png_files() -> Iterator[bytes]:
    rows = (bytes([0]) + bytes(range(8))) * 8
    whole = png_of(rows)
    yield whole
    yield from (png_of(rows[:-1]), png_of(rows + b"x"), png_of(b"\5" + rows[1:]), png_of(b""))
    yield from (png_of(rows, tEXt=b"a\0b"), png_of(rows, tRNS=b"\0\1"), png_of(rows, gAMA=bytes(4)))
    yield from (png_of(rows, kind=(8, colour, 0, 0, 0)) for colour in range(8))
    yield from (png_of(rows, kind=(depth, 0, 0, 0, 0)) for depth in (1, 2, 4, 16, 7))
    yield from (png_of(rows, kind=(8, 0, *rest)) for rest in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2)))
    sides = ((0, 8), (8, 0), (9, 8), (7, 8), (128, 128), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1), (65_536, 65_536))
    yield from (png_of(rows, size=size) for size in sides)
    yield png_of(bytes(20_000_000), size=(8, 8))
    yield png_of(bytes(129 * 128), size=(128, 128))
    yield png_of(rows, zTXt=b"a\0\0" + zlib.compress(bytes(10_000_000)))
    yield from (whole[:length] for length in range(0, len(whole), 3))
    yield from (whole + b"x", whole + whole, b"x" + whole, whole[:33], b"", b"GIF89a", b"\xff\xd8\xff")


PNG_FILES = [*png_files()]


def test_pngs_of_any_kind_are_answered_alike(ways: Ways) -> None:
    seen = set()
    for file, path in zip(PNG_FILES, itertools.cycle(("/encode", "/reconstruct"))):
        seen.add(ways.ask(Case(path, file, PNG)).status)
    assert seen == {200, 422}


def mutations() -> Iterator[Case]:
    """Good bodies with a few bytes changed, cut, doubled or left out."""
    random_one = random.Random(5)
    goods = [
        ("/encode", f'{{"images": [{numbers("1")}]}}'.encode(), JSON),
        ("/reconstruct", f'{{"pixel_range": "byte", "images": [{numbers("200", "7")}]}}'.encode(), JSON),
        ("/decode", b'{"latents": [[1, 2.5, -3, 4e-1, 5, 6]]}', JSON),
        ("/encode", npy_body(np.full((1, 8, 8), 0.5, np.float32))["content"], NPY),
        ("/decode", npy_body(np.full((2, 6), 0.5, np.float64))["content"], NPY),
        ("/reconstruct", encode_file(np.arange(64, dtype=np.uint8).reshape(8, 8, 1)), PNG),
    ]
    for _ in range(40):
        for path, good, content_type in goods:
            content = bytearray(good)
            for _ in range(random_one.randint(1, 3)):
                place_, change = random_one.randrange(len(content)), random_one.random()
                if change < 0.5:
                    content[place_] ^= 1 << random_one.randrange(8)
                elif change < 0.7:
                    content[place_] = random_one.choice(b'0[]{},:" .e-\\\0\xff')
                elif change < 0.8:
                    del content[place_:]
                    content += b" "
                elif change < 0.9:
                    content[place_:place_] = content[place_ : place_ + random_one.randint(1, 9)]
                else:
                    del content[place_]
            yield Case(path, bytes(content), content_type)


def test_bodies_with_a_few_changed_bytes_are_answered_alike(ways: Ways) -> None:
    seen = [ways.ask(one).status for one in mutations()]
    assert len(seen) == 240
    assert {200, 400, 422} <= {*seen}


OF_QUICK_FORMS = [attack for attack in SMALL_ATTACKS if attack.content_type in {JSON, NPY, PNG}]


@pytest.mark.parametrize("part", range(5))
def test_hostile_requests_are_answered_alike(ways: Ways, part: int) -> None:
    for attack, path in zip(OF_QUICK_FORMS[part::5], itertools.cycle(PATHS)):
        one = Case(path, attack.content, attack.content_type, headers=tuple(attack.headers.items()))
        assert 400 <= ways.ask(one).status < 500, attack.name


def of_headers(ways: Ways, *headers: Header, content_type: str | None = NPY, path: str = "/encode") -> Case:
    return Case(path, ways.good[path].content, content_type, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Encoding", "gzip")], [("Content-Encoding", "identity")], [("Content-Encoding", "")],
        [("Content-Encoding", "IDENTITY ")], [("X-Request-ID", "mine")], [("X-Request-ID", "a b")],
        [("X-Request-ID", "x" * 65)], [("X-Request-ID", "one"), ("X-Request-ID", "two")], [("Content-Type", JSON)],
        [("Content-Type", NPY)], [("Accept-Encoding", "gzip")], [("Range", "bytes=0-1")], [("If-Match", "x")],
        [("Origin", "http://elsewhere"), ("Cookie", "a=b")], [("X-Forwarded-For", "1.2.3.4")],
        [("X-HTTP-Method-Override", "DELETE")], [("X", "\xe9\xff")], [("X", "")], [("X", "a"), ("X", "b")],
        [("X-Long", "x" * 40_000)], [("Accept", JSON), ("X-Request-ID", "mine"), ("Accept", NPY)],
    ],
)  # fmt: skip
def test_headers_of_any_kind_are_answered_alike(ways: Ways, headers: list[Header]) -> None:
    ways.ask(of_headers(ways, *headers))


@pytest.mark.parametrize(
    "content_type",
    [
        None, "", NPY.upper(), f" {NPY} ", f"{NPY};", f"{NPY}; charset=utf-8", f"{NPY};a=b;c=d", JSON, PNG,
        f"{JSON}; charset=utf-8", "text/plain", "*/*", "application/x-npy, application/json", "multipart/form-data",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", PATHS)
def test_content_types_of_any_kind_are_answered_alike(ways: Ways, content_type: str | None, path: str) -> None:
    ways.ask(of_headers(ways, content_type=content_type, path=path))


@pytest.mark.parametrize("given", ["mine", "x" * 64])
def test_a_request_id_that_is_given_comes_back_on_every_way(ways: Ways, given: str) -> None:
    for content in (ways.good["/encode"].content, b"broken"):
        one = Case("/encode", content, NPY, headers=(("X-Request-ID", given),))
        ways.ask(one)
        with ways.express.connect() as connection:
            connection.sendall(raw(one, "Connection: close"))
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert f"x-request-id: {given}\r\n".encode() in answer


def test_ids_of_the_express_way_are_unique(ways: Ways) -> None:
    one = ways.good["/encode"]
    ways.ask_expressly(one)
    with ways.express.connect() as connection:
        connection.sendall(raw(one) * 20 + raw(one, "Connection: close"))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    ids = re.findall(rb"x-request-id: ([0-9a-f]{32})\r\n", answer)
    assert len({*ids}) == 21


@pytest.mark.parametrize("path", PATHS)
def test_headers_of_too_many_bytes_are_refused_alike(ways: Ways, path: str) -> None:
    headers = [(f"X-{index}", "x" * 7_000) for index in range(10)]
    answer = ways.ask(of_headers(ways, *headers, path=path))
    assert answer.status == 431


def send_for_ever(connection: socket.socket, start: bytes, endless: bytes) -> int:
    """Send what never ends -> how many bytes it took until the connection was closed, or 4 MB."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        connection.sendall(start)
        while sent < 4_000_000:
            connection.sendall(endless)
            sent += len(endless)
            time.sleep(0.0005)  # so that little is under way when it is closed
    return sent


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (b"GET /health/live HTTP/1.1\r\nX: ", b"x" * 4096),
        (b"GET /health/live HTTP/1.1\r\n", b"X: y\r\n" * 700),
        (b"GET /health/live HTTP/1.1\r\n", b"x" * 4096),
        (b"GET /", b"x" * 4096),
    ],
    ids=["value", "headers", "name", "target"],
)
def test_a_head_that_does_not_end_is_refused_before_much_of_it_is_there(
    ways: Ways, start: bytes, endless: bytes, is_first: bool
) -> None:
    one = ways.good["/encode"]
    ways.prime("/encode", "")
    before = ways.express.metrics()
    with ways.express.connect() as connection:
        if not is_first:
            connection.sendall(raw(one))
            assert read_replies(connection)[0].status == 200
        assert send_for_ever(connection, start, endless) < 600_000
    after = ways.express.metrics()
    refused = 'hourglass_requests_total{method="other",route="unmatched",status="431"}'
    assert after[refused] == before.get(refused, 0) + 1


def test_the_refusal_of_a_head_that_does_not_end_is_that_of_headers_that_are_too_large(ways: Ways) -> None:
    with ways.express.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nX: ")
        for _ in range(3):
            ways.express.settle()
            connection.sendall(b"x" * 50_000)
        refused = read_replies(connection)[0]
        assert connection.recv(1) == b""
    whole = ways.through(ways.fastapi, Case("/health/live", b"", None, headers=(("X", "x" * 70_000),), method="GET"))
    assert refused == whole


def test_a_head_that_does_not_end_behind_a_request_closes_the_connection(ways: Ways) -> None:
    one = ways.good["/encode"]
    ways.prime("/encode", "")
    with busy(ways.express.parts), ways.express.connect() as connection:
        connection.sendall(raw(one, "X-Request-ID: one"))
        ways.express.settle()
        assert send_for_ever(connection, b"GET /health/live HTTP/1.1\r\nX: ", b"x" * 4096) < 600_000
        assert received_until_closed(connection) == b""
    wait_until(lambda: ways.express.metrics()["hourglass_queue_images"] == 0)


@pytest.mark.parametrize("is_answered", [True, False])
@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"0\r\nX: y\r\n", b"1;"], ids=["trailer", "trailers", "extension"])
def test_framing_of_a_chunked_body_that_does_not_end_closes_the_connection(
    ways: Ways, endless: bytes, is_answered: bool
) -> None:
    start = chunked(ways.good["/encode"], [1, 7])[:-5] + endless
    with ways.express.connect() as connection:
        if is_answered:  # before the body is read
            start = start.replace(b"/encode", b"/nothing")
            connection.sendall(start)
            assert read_replies(connection)[0].status == 404
            start = b""
        more = b"X: y\r\n" * 700 if endless.endswith(b"\n") else b"x" * 4096
        assert send_for_ever(connection, start, more) < 600_000
    wait_until(lambda: ways.express.metrics()["hourglass_queue_images"] == 0)


def test_a_large_body_whose_answer_came_before_it_is_read_to_its_end(ways: Ways) -> None:
    one = Case("/nothing", bytes(1_000_000), PNG)
    for whole in (raw(one), chunked(one, range(0, 1_000_000, 300))):
        [answer, then] = ways.send(whole[:200], whole[200:] + raw(ways.good["/encode"]), count=2)
        assert (answer.status, then.status) == (404, 200)


def received_until_closed(connection: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionError):
        return b"".join(iter(lambda: connection.recv(65_536), b""))
    return b""


def test_a_head_that_is_long_and_slow_is_taken(ways: Ways) -> None:
    one = of_headers(ways, *[(f"X-{index}", "x" * 6_000) for index in range(10)])
    ways.prime("/encode", "")
    whole = raw(one)
    pieces = [whole[start : start + 20_000] for start in range(0, len(whole), 20_000)]
    [answer] = ways.send(*pieces)
    assert answer.status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_answered_alike(ways: Ways, method: str, path: str) -> None:
    one = Case(path, b"", None, method=method)
    assert ways.ask(one).status == 405


def chunked(one: Case, sizes: Sequence[int]) -> bytes:
    head = (
        raw(one)
        .partition(b"\r\n\r\n")[0]
        .replace(b"Content-Length: %d" % len(one.content), b"Transfer-Encoding: chunked")
    )
    ends = [*itertools.accumulate(sizes), len(one.content)]
    parts = [one.content[start:end] for start, end in itertools.pairwise([0, *ends])]
    return head + b"\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@pytest.mark.parametrize("path", PATHS)
def test_framing_of_any_kind_is_answered_alike(ways: Ways, path: str) -> None:
    one = ways.good[path]
    ways.prime(path, "")
    whole = raw(one)
    head, content = whole[: -len(one.content)], one.content
    expecting = raw(one, "Expect: 100-continue")
    as_whole = ways.send(whole)
    assert as_whole[0].status == 200
    for segments in (
        [head, content],
        [head + content[:9], content[9:]],
        [head[:20], head[20:] + content],
        [head[:-2], head[-2:] + content[:1], content[1:]],
        [whole[:-1], whole[-1:]],
        [chunked(one, [])],
        [chunked(one, [1, 7, 20])],
        [chunked(one, [1, 7, 20])[:-5], b"0\r\n\r\n"],
        [raw(one, "Connection: close")],
        [raw(one, "Connection: keep-alive")],
        [whole.replace(b"HTTP/1.1", b"HTTP/1.0")],
        [raw(one, "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")],
        [expecting],
        [expecting[: -len(content)], content],
        [b"\r\n" + whole],
    ):
        assert ways.send(*segments) == as_whole, segments


@pytest.mark.parametrize(
    "headers",
    [
        ["Connection: Upgrade", "Upgrade: h2c"], ["Connection: Upgrade", "Upgrade: websocket"], ["Upgrade: websocket"],
        ["Connection: close, keep-alive"], ["Connection: x"], ["Expect: other"], ["Trailer: x"], ["TE: trailers"],
        ["Content-Length: 1"], ["Transfer-Encoding: chunked"], ["Bad Header: x"], ["Host: y"],
    ],
)  # fmt: skip
def test_headers_of_the_connection_are_answered_alike(ways: Ways, headers: list[str]) -> None:
    ways.prime("/encode", "")
    ways.send(raw(ways.good["/encode"], *headers))


@pytest.mark.parametrize(
    "target", ["http://x/encode", "/%65ncode", "//encode", "/encode?", "/encode#x", "/encode/", "*"]
)
def test_targets_that_are_written_in_another_way_are_answered_alike(ways: Ways, target: str) -> None:
    ways.prime("/encode", "")
    for _ in range(2):
        ways.send(raw(ways.good["/encode"]).replace(b"/encode", target.encode()))


@pytest.mark.parametrize("path", PATHS)
def test_requests_in_one_segment_are_answered_in_order(ways: Ways, path: str) -> None:
    good = ways.good[path]
    ways.prime(path, "")
    bad = Case(path, b"broken", NPY)
    health = Case("/health/live", b"", None, method="GET")
    in_chunks = chunked(good, [5])
    for several in (
        [raw(good), raw(bad)], [raw(bad), raw(good)], [raw(good)] * 20, [raw(good), raw(health), raw(good), raw(bad)],
        [raw(health), raw(good), in_chunks, raw(good)], [raw(good), raw(Case("/nowhere", b"x")), raw(good)],
        [in_chunks, in_chunks],
    ):  # fmt: skip
        answers = ways.send(b"".join(several), count=len(several))
        alone = [ways.uvicorn.send(one)[0] for one in several]
        assert answers == alone


def test_a_request_that_comes_in_part_behind_another_is_answered_once_it_is_whole(ways: Ways) -> None:
    one = ways.good["/encode"]
    ways.prime("/encode", "")
    whole = raw(one)
    for length in (30, len(whole) - len(one.content), len(whole) - 10, len(whole) - 1):
        first, second = ways.send(whole + whole[:length], whole[length:], count=2)
        assert first == second


def test_the_last_answer_before_the_end_closes_the_connection(ways: Ways) -> None:
    one = ways.good["/encode"]
    ways.prime("/encode", "")
    with ways.express.connect() as connection:
        connection.sendall(raw(one) + raw(one, "Connection: close") + raw(one))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"connection: close") == 1


@pytest.mark.parametrize("path", PATHS)
def test_plain_requests_take_the_express_way_and_others_do_not(ways: Ways, path: str) -> None:
    good = ways.good[path]
    ways.ask_expressly(good)
    ways.ask_expressly(Case(path, good.content, NPY, "model=digits"))
    ways.ask_expressly(Case(path, good.content, NPY, headers=(("Accept", "*/*"), ("User-Agent", "x"))))
    for other in (
        Case(path, b"broken", NPY),
        of_headers(ways, ("Content-Encoding", "identity"), path=path),
        of_headers(ways, ("X", "a"), ("X", "b"), path=path),
        of_headers(ways, content_type=f"{NPY}; a=b", path=path),
    ):
        ways.express.taken.clear()
        ways.ask(other)
        assert not any(ways.express.taken)
    ways.express.taken.clear()
    ways.ask(Case(path, good.content, NPY, "unknown=1"))
    ways.ask(Case(path, b"{}" + b" " * QUICK_BYTES, JSON, headers=(("X-Large", "yes"),)))  # its head is not known
    assert ways.express.taken == []


def many_images(count: int = 256) -> bytes:
    """A `.npy` file of images of digits, as bytes."""
    return array_file(np.random.default_rng(count).integers(0, 256, (count, 8, 8)).astype(np.uint8))


def array_file(array: NDArray[Any]) -> bytes:
    content: bytes = npy_body(array)["content"]
    return content


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("split", [1, 60, -1])
def test_a_body_that_comes_apart_from_its_head_takes_the_express_way(ways: Ways, path: str, split: int) -> None:
    one = ways.good[path]
    ways.ask(one)
    whole = raw(one)
    cut = len(whole) + split if split < 0 else whole.index(b"\r\n\r\n") + 3 + split
    ways.express.taken.clear()
    assert ways.express.send(whole[:cut], whole[cut:]) == [ways.through(ways.shortcut, one)]
    assert ways.express.send(whole[:20], whole[20:cut], whole[cut:] + whole, count=2)[1].status == 200
    assert ways.express.taken == [True, True, True]
    assert ways.express.metrics()["hourglass_buffered_bytes"] == 0


@pytest.mark.usefixtures("patient")
def test_an_array_of_many_images_takes_the_express_way(ways: Ways) -> None:
    one = Case("/encode", many_images(), NPY, headers=(("Accept", NPY), ("X-Many", "yes")))
    whole = raw(one)
    ways.ask(Case("/encode", many_images(1), NPY, headers=one.headers))
    ways.express.taken.clear()
    first = ways.ask(one)
    assert first.status == 200
    assert ways.ask(one) == first  # its head is known by now
    for cut in (100, 5_000, len(whole) - 1):
        assert ways.express.send(whole[:cut], whole[cut:]) == [first]
    assert ways.express.taken == [True] * 5
    ways.express.taken.clear()
    ways.ask(Case("/encode", array_file(np.zeros((1_000, 8, 8))), NPY, headers=one.headers))  # too large
    ways.ask(Case("/encode", array_file(np.zeros((1_500, 8, 8), np.uint8)), NPY, headers=one.headers))  # its answer is
    ways.ask(Case("/reconstruct", many_images(), NPY, headers=one.headers))  # and this one's
    assert not any(ways.express.taken)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_takes_its_time_goes_the_longer_way(ways: Ways, path: str) -> None:
    one, express = raw(ways.good[path]), ways.express
    first = ways.ask(ways.good[path])
    express.taken.clear()
    assert express.send(one[:-1], one[-1:]) == [first]
    assert express.send(one[:-9], one[-9:] + one, count=2) == [first, first]
    assert express.taken == [True]  # the one behind
    assert express.metrics()["hourglass_buffered_bytes"] == 0


@pytest.mark.parametrize("moment_s", [0.0, 30.0])
def test_the_time_of_a_request_runs_from_when_its_head_has_come(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, moment_s: float
) -> None:
    monkeypatch.setattr("service.protocol._MOMENT_S", moment_s)
    one, express = raw(ways.good["/encode"]), ways.express
    ways.ask(ways.good["/encode"])
    seconds = express.parts.telemetry.seconds.labels("/encode")._sum
    with express.connect() as connection:
        for start in (9, len(one) - 9):  # within the head, and behind it
            before, is_late = seconds.get(), start > 9
            express.taken.clear()
            connection.sendall(one[:start])
            express.settle()
            time.sleep(0.3)
            connection.sendall(one[start:])
            assert read_replies(connection)[0].status == 200
            wait_until(lambda then=before: seconds.get() > then)  # type: ignore[misc]
            assert (seconds.get() - before > 0.29) == is_late
            assert express.taken == ([True] if moment_s or not is_late else [])


@pytest.mark.usefixtures("patient")
def test_the_time_of_a_request_that_express_declines_runs_from_its_head_too(ways: Ways) -> None:
    one, express = raw(case("/encode", npy_body(np.full((1, 64), 2, np.float32)))), ways.express
    ways.ask(ways.good["/encode"])
    seconds = express.parts.telemetry.seconds.labels("/encode")._sum
    with express.connect() as connection:
        before = seconds.get()
        connection.sendall(one[:-9])
        time.sleep(0.3)
        connection.sendall(one[-9:])
        assert read_replies(connection)[0].status == 422
        wait_until(lambda: seconds.get() > before)
        assert seconds.get() - before > 0.29


@pytest.mark.usefixtures("patient")
def test_a_body_that_comes_after_the_deadline_is_answered_so_on_the_express_way(models_dir: Path) -> None:
    one = raw(case("/encode", npy_body(np.zeros((1, 64), np.uint8))))
    with listening(models_dir, default_model="digits", request_timeout_s=1) as express:
        assert express.send(one)[0].status == 200
        express.taken.clear()
        with express.connect() as connection:
            connection.sendall(one[:-1])
            time.sleep(1.1)
            connection.sendall(one[-1:])
            assert read_replies(connection)[0].status == 504
        assert express.taken == [True]


@pytest.mark.usefixtures("patient")
def test_bytes_of_a_body_that_is_to_come_are_held(models_dir: Path) -> None:
    with listening(models_dir, default_model="digits", max_buffered_bytes=20_000, max_body_bytes=15_000) as express:
        [first] = express.send(raw(Case("/encode", many_images(1), NPY)))
        body = many_images(200)
        one = raw(Case("/encode", body, NPY))
        with express.connect() as connection:
            connection.sendall(one[:-1])
            wait_until(lambda: express.metrics()["hourglass_buffered_bytes"] == len(body) - 1)
            assert express.metrics()["hourglass_queue_images"] == 0
            assert [reply.status for reply in express.send(one[:-1])] == [429]  # no room beside it
            connection.sendall(one[-1:])
            assert read_replies(connection)[0].status == 200
        assert express.metrics()["hourglass_buffered_bytes"] == 0
        assert [reply.status for reply in express.send(raw(Case("/encode", many_images(240), NPY))[:-1])] == [413]
        assert express.send(raw(Case("/encode", many_images(1), NPY))) == [first]
        assert express.taken == [True, True]  # the very first was not known yet


@pytest.mark.usefixtures("patient")
def test_a_client_that_leaves_before_its_body_has_come_holds_nothing(ways: Ways) -> None:
    one, express = raw(ways.good["/encode"]), ways.express
    ways.prime("/encode", "")
    left = 'hourglass_requests_total{method="POST",route="/encode",status="400"}'
    before = express.metrics().get(left, 0)
    express.taken.clear()
    with express.connect() as connection:
        connection.sendall(one[:-1])
        express.settle()
    wait_until(lambda: express.metrics().get(left, 0) == before + 1)
    assert express.metrics()["hourglass_buffered_bytes"] == express.metrics()["hourglass_queue_images"] == 0
    assert express.taken == []


def test_a_client_that_leaves_after_a_large_body_frees_its_place(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn stops reading while much of a body lies there, and then sees nobody leave."""
    express, body = ways.express, array_file(np.zeros((3_000, 8, 8), np.uint8))
    express.send(raw(Case("/encode", many_images(1), NPY)))
    monkeypatch.setattr("service.express.QUICK_VALUES", 10**6)  # the latents of digits are short, the images small
    with busy(express.parts), express.connect() as connection:
        express.taken.clear()
        connection.sendall(raw(Case("/encode", body, NPY, headers=(("X-Large", "unknown"),))))
        wait_until(lambda: express.taken == [True])
        assert express.metrics()["hourglass_queue_images"] == 3_000
        connection.close()
        wait_until(lambda: express.metrics()["hourglass_queue_images"] == 0, seconds=10)
        assert express.metrics()["hourglass_buffered_bytes"] == 0


def test_arrays_in_another_order_are_answered_alike_and_compile_nothing(ways: Ways) -> None:
    """A row of an array in Fortran's order is in pieces; the loop over its bytes is compiled for rows that are not."""
    images = np.asfortranarray(np.random.default_rng(0).integers(0, 256, (257, 8, 8)).astype(np.uint8))
    before = len(_bring_to_unit.signatures)  # type: ignore[attr-defined]
    assert ways.ask(Case("/encode", array_file(images), NPY)).status == 200
    assert len(_bring_to_unit.signatures) == before  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PATHS)
def test_a_length_of_very_many_digits_is_answered_alike(ways: Ways, path: str) -> None:
    one = raw(ways.good[path])
    ways.prime(path, "")
    length = re.search(rb"Content-Length: (\d+)", one)
    assert length is not None
    long = one.replace(length[0], b"Content-Length: " + b"0" * 5_000 + length[1])
    assert ways.express.send(long) == ways.uvicorn.send(long)


def test_requests_are_counted_alike(ways: Ways) -> None:
    good = ways.good
    several = [*good.values(), Case("/encode", b"broken", NPY), Case("/decode", good["/encode"].content, NPY)]
    several += [Case("/encode", good["/encode"].content, NPY, "model=nothing"), *good.values()]
    for one in several:
        ways.prime(one.path, one.query)
    before = [counted(ways.fastapi), counted(ways.shortcut), ways.express.metrics()]
    for one in several:
        ways.ask(one)
    after = [counted(ways.fastapi), counted(ways.shortcut), ways.express.metrics()]
    risen = [
        {name: value - then.get(name, 0) for name, value in now.items() if value != then.get(name, 0)}
        for then, now in zip(before, after, strict=True)
    ]
    assert risen[0] == risen[1]
    assert risen[0] == {name: value for name, value in risen[2].items() if name in risen[0]}
    assert risen[0]['hourglass_requests_total{method="POST",route="/encode",status="200"}'] == 2
    assert risen[0]['hourglass_images_total{model="digits",operation="reconstruct"}'] == 2
    assert all("health" in name or name in risen[0] for name in risen[2])
    assert after[2]["hourglass_queue_images"] == after[2]["hourglass_buffered_bytes"] == 0


@contextlib.contextmanager
def busy(parts: Parts) -> Iterator[None]:
    """Keep the threads of the models busy until the block ends; they compute nothing on the event loop meanwhile."""
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        go_on.wait(60)

    batchers = [batcher for model in parts.registry.served for batcher in model.batchers]
    quick = [batcher.inline_rows for batcher in batchers]
    try:
        for batcher in batchers:
            batcher.inline_rows = 0
        for _ in range(parts.workers.model.count):
            parts.workers.model.submit(wait)
        for _ in range(parts.workers.model.count):
            assert begun.acquire(timeout=30)
        yield
    finally:
        go_on.set()
        for batcher, inline_rows in zip(batchers, quick, strict=True):
            batcher.inline_rows = inline_rows


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("is_express", [False, True])
def test_a_client_that_leaves_while_it_waits_frees_its_place(ways: Ways, is_express: bool) -> None:
    one, express = raw(ways.good["/encode"]), ways.express
    ways.prime("/encode", "")
    express.taken.clear()
    left = 'hourglass_requests_total{method="POST",route="/encode",status="400"}'
    before = express.metrics().get(left, 0)
    with busy(express.parts):
        with express.connect() as connection:
            connection.sendall(one if is_express else one[:-1])
            if not is_express:
                express.settle()
                connection.sendall(one[-1:])
            wait_until(lambda: express.metrics()["hourglass_buffered_bytes"] > 0)
            assert express.metrics()["hourglass_queue_images"] == 1
            assert express.taken == ([True] if is_express else [])
        wait_until(lambda: express.metrics()["hourglass_queue_images"] == 0, seconds=10)
        assert express.metrics()["hourglass_buffered_bytes"] == 0
        wait_until(lambda: express.metrics().get(left, 0) == before + 1)
    assert express.send(one)[0].status == 200


def test_a_client_that_leaves_when_its_answer_is_ready_gets_none(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    one, express, waiting = raw(ways.good["/encode"]), ways.express, list[Express]()
    answered = 'hourglass_requests_total{method="POST",route="/encode",status="200"}'
    ways.prime("/encode", "")
    before = express.metrics()[answered]
    with express.connect() as staying:
        with monkeypatch.context() as patch:
            patch.setattr(Express, "_answer_all", lambda self: waiting.append(self))  # noqa: PLW0108  (which is bound)
            with express.connect() as leaving:
                leaving.sendall(one)
                wait_until(lambda: len(waiting) == 1)
                staying.sendall(one)
                wait_until(lambda: len(waiting) == 2)
            express.settle()
        express.server.servers[0].get_loop().call_soon_threadsafe(waiting[0]._answer_all)
        assert read_replies(staying)[0].status == 200
    assert express.metrics()["hourglass_queue_images"] == express.metrics()["hourglass_buffered_bytes"] == 0
    assert express.metrics()[answered] == before + 2


def test_a_client_whose_body_came_slowly_and_that_leaves_frees_its_place(ways: Ways) -> None:
    one, express = raw(ways.good["/encode"]), ways.express
    looks = []

    class Counting:
        def look(self, now: float) -> None:
            looks.append(now)

    counting = Counting()
    with busy(express.parts), express.connect() as connection:
        connection.sendall(one[:-1])
        express.settle()
        express.server.servers[0].get_loop().call_soon_threadsafe(express.parts.timekeeper.add, counting)
        wait_until(lambda: len(looks) > 20)
        express.server.servers[0].get_loop().call_soon_threadsafe(express.parts.timekeeper.remove, counting)
        connection.sendall(one[-1:])
        express.settle()
        connection.close()
        wait_until(lambda: express.metrics()["hourglass_queue_images"] == 0, seconds=10)


def test_a_request_of_which_only_a_part_came_behind_another_is_refused_in_time(models_dir: Path) -> None:
    with listening(models_dir, body_timeout_s=0.3, default_model="digits") as express:
        one = raw(case("/encode", npy_body(np.zeros((1, 64), np.uint8))))
        assert express.send(one)[0].status == 200
        with express.connect() as connection:
            connection.settimeout(5)
            connection.sendall(one + one[:-10])
            first, second = read_replies(connection, 2)
        assert (first.status, second.status) == (200, 408)


@pytest.mark.usefixtures("impatient")
def test_a_full_queue_and_a_passed_deadline_are_answered_alike(models_dir: Path) -> None:
    settings: dict[str, Any] = {"max_queue_images": 3, "max_images": 3, "default_model": "digits"}
    one = raw(case("/encode", npy_body(np.zeros((1, 64), np.uint8))))
    with listening(models_dir, **settings, request_timeout_s=1.5) as express:
        assert express.send(one)[0].status == 200
        with busy(express.parts), contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(express.connect()) for _ in range(3)]
            for connection in waiting[:2]:
                connection.sendall(one)
            waiting[2].sendall(one[:-1])
            express.settle()
            waiting[2].sendall(one[-1:])
            wait_until(lambda: express.metrics()["hourglass_queue_images"] == 3)
            [of_express], [of_asgi] = express.send(one), express.send(one[:-1], one[-1:])
            assert of_express == of_asgi
            assert of_express.status == 429
            assert ("retry-after", "1") in of_express.headers
            answers = [read_replies(connection)[0] for connection in waiting]
            assert answers[0] == answers[1] == answers[2]
            assert answers[0].status == 504
            assert "1.5 s" in answers[0].content["detail"]
            assert express.taken == [True, True, False]
            assert express.metrics()["hourglass_queue_images"] == 0
        assert express.send(one)[0].status == 200
        counts = express.metrics()
        assert counts['hourglass_requests_total{method="POST",route="/encode",status="504"}'] == 3
        assert counts['hourglass_images_total{model="digits",operation="encode"}'] == 5  # not those without room


def test_what_was_taken_is_answered_before_the_service_ends(models_dir: Path) -> None:
    one = raw(case("/encode", npy_body(np.zeros((1, 64), np.uint8))))
    with listening(models_dir, default_model="digits") as express, express.connect() as connection:
        assert express.send(one)[0].status == 200
        with busy(express.parts):
            connection.sendall(one)
            wait_until(lambda: express.parts.admission.images == 1)
            express.server.should_exit = True
            wait_until(lambda: not express.server.servers[0].is_serving())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert express.taken == [True]
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(b"connection: close") == 1


def test_a_request_without_a_known_model_takes_no_express_way(digits_bundle: Bundle, tmp_path: Path) -> None:
    place(digits_bundle, tmp_path)
    place(digits_bundle, tmp_path, version=2)
    body = npy_body(np.zeros((1, 64), np.uint8))
    with listening(tmp_path) as express:
        for query, is_taken in (("", True), ("version=2", True), ("version=1", False), ("model=digits", True)):
            one = raw(case("/encode", body, query))
            express.taken.clear()
            first, second = express.send(one)[0], express.send(one)[0]
            assert first == second
            assert first.status == 200
            assert express.taken == [is_taken]
            assert ("x-model-version", "1" if query == "version=1" else "2") in second.headers


def test_many_clients_at_once_each_get_their_own_answers(server: StartServer, digits_bundle: Bundle) -> None:
    clients, requests = 64, 50
    images = np.random.default_rng(0).integers(0, 256, (clients, requests, 8, 8), np.uint8)
    flat = images.reshape(-1, 8, 8, 1)
    module = load_script(digits_bundle)
    running = server(HOURGLASS_MAP_PROCESSES="0", HOURGLASS_ACCESS_LOG="false")
    address = httpx.URL(running.url)

    def body(image: NDArray[np.uint8], index: int) -> Case:
        forms = (
            lambda: npy_body(image[None]),
            lambda: file_body(encode_file(image[..., None]), PNG),
            lambda: json_body(images=[image.tolist()], pixel_range="byte"),
        )
        return case("/encode", forms[index % 3](), "", ("Accept", NPY))

    sent = [[raw(body(image, index + own)) for index, image in enumerate(images[own])] for own in range(clients)]

    async def client(own: int) -> list[NDArray[np.float32]]:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        latents = []
        for request in sent[own]:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            found = re.search(rb"content-length: (\d+)", head)
            assert found
            latents.append(np.load(io.BytesIO(await reader.readexactly(int(found[1]))))[0])
        writer.close()
        await writer.wait_closed()
        return latents

    async def together() -> list[list[NDArray[np.float32]]]:
        return await asyncio.gather(*(client(own) for own in range(clients)))

    answers = np.array(asyncio.run(together())).reshape(len(flat), -1)
    expected = Subject(None, digits_bundle, module).encode(flat)  # type: ignore[arg-type]
    np.testing.assert_allclose(answers, expected, atol=1e-5, rtol=0)
    assert len(np.unique(expected.round(4), axis=0)) == len(flat)  # else answers that crossed could not be told apart
    with running.client() as after:
        assert counted(after)['hourglass_images_total{model="digits",operation="encode"}'] == len(flat)
        assert counted(after)["hourglass_queue_images"] == 0
    running.stop()
    assert "Traceback" not in running.log


@pytest.mark.parametrize("path", PATHS)
def test_a_head_that_is_known_is_not_parsed_again(ways: Ways, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, parsed = raw(ways.good[path], f"X-Path: {path}"), list[bytes]()
    ways.prime(path, "")
    parse = HttpToolsProtocol.data_received

    def noting(self: HttpToolsProtocol, data: bytes) -> None:
        parsed.append(data)
        parse(self, data)

    monkeypatch.setattr(HttpToolsProtocol, "data_received", noting)
    first = ways.express.send(one)
    with ways.express.connect() as connection:
        for _ in range(3):
            connection.sendall(one)
            assert read_replies(connection) == first
        connection.sendall(one[:-1])
        ways.express.settle()
        connection.sendall(one[-1:])
        assert read_replies(connection) == first
    assert [data for data in parsed if data.startswith(one[:-1])] == [one, one[:-1]]
    broken = Case(path, b"broken", NPY, headers=(("X-Path", path),))
    assert [ways.ask(broken).status for _ in range(2)] == [400, 400]


def read_all(listening: Listening, data: bytes) -> bytes:
    """All that is answered until the connection is closed, but for ids and dates."""
    with listening.connect() as connection:
        connection.sendall(data)
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))
    return re.sub(rb"\r\n(date|x-request-id): [^\r]*|\"request_id\":\"[^\"]*\"", b"", answers)


def test_heads_with_a_few_changed_bytes_are_answered_alike(ways: Ways) -> None:
    good = ways.good["/encode"]
    ways.prime("/encode", "")
    known = raw(good, "Accept: */*", "X-Last: 1")
    ways.express.send(known)
    random_ = random.Random(7)
    digits = known.index(b": ", known.index(b"Length")) + 2, known.index(b"\r\nContent-Type")
    end = raw(Case("/health/live", b"", None, method="GET", headers=(("Connection", "close"),)))
    places = [place for place in range(len(known) - len(good.content)) if not digits[0] <= place < digits[1]]
    for _ in range(150):
        place, other = random_.choice(places), bytes([random_.choice(b"\r\n\t :;,aZ09\x00\x7f\xff-")])
        changed = known[:place] + random_.choice([other, b"", other + known[place : place + 1]]) + known[place + 1 :]
        assert read_all(ways.express, changed + end) == read_all(ways.uvicorn, changed + end), changed


def test_what_comes_behind_a_request_that_was_not_parsed_is_answered_after_it(ways: Ways) -> None:
    good = ways.good["/encode"]
    known, in_chunks, bad = raw(good), chunked(good, [5]), raw(Case("/encode", b"broken", NPY))
    health = raw(Case("/health/live", b"", None, method="GET"))
    ways.prime("/encode", "")
    behind = [known, known + bad + health, known[:40], known[40:-1], known[-1:] + health, in_chunks, known]
    whole = [known, known, bad, health, known, health, in_chunks, known]
    with ways.express.connect() as connection:
        with busy(ways.express.parts):
            for data in behind:
                connection.sendall(data)
                ways.express.settle()
                assert ways.express.metrics()["hourglass_queue_images"] == 1
        assert read_replies(connection, len(whole)) == [ways.uvicorn.send(one)[0] for one in whole]


def test_a_service_that_stops_answers_what_was_not_parsed_and_closes(ways: Ways) -> None:
    with ways.express.connect() as connection:
        with busy(ways.express.parts):
            serving = begin_unparsed(ways, connection)
            serving.loop.call_soon_threadsafe(serving.shutdown)
            ways.express.settle()
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(b"\r\nconnection: close\r\n") == 1


def test_a_connection_of_requests_that_are_not_parsed_is_closed_once_it_is_idle(ways: Ways) -> None:
    with ways.express.connect() as connection:
        with busy(ways.express.parts):
            serving = begin_unparsed(ways, connection)
            serving.timeout_keep_alive = 1
            serving.loop.call_soon_threadsafe(serving.timeout_keep_alive_handler)  # as if the time had passed
            ways.express.settle()
        assert read_replies(connection)[0].status == 200
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert 0.5 < time.monotonic() - began < 10


def test_the_access_log_has_a_line_for_each_request(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uvicorn.access")
    ways.prime("/encode", "model=digits")
    one = raw(Case("/encode", ways.good["/encode"].content, NPY, "model=digits", headers=(("X-Logged", "1"),)))
    caplog.clear()
    with ways.express.connect() as connection:
        for _ in range(3):
            connection.sendall(one)
            read_replies(connection)
        line = f'127.0.0.1:{connection.getsockname()[1]} - "POST /encode?model=digits HTTP/1.1" 200'
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"] == [line] * 3


@pytest.mark.parametrize(
    ("headers", "is_express"),
    [
        ([], True),
        (["X-Forwarded-For: 1.2.3.4"], True),
        (["x-forwarded-for: 1.2.3.4:5, 6.7.8.9"], True),
        (["X-Forwarded-For: 6.7.8.9, 127.0.0.1"], True),
        (["X-Forwarded-For: [2001:db8::1]:80", "X-Forwarded-Proto: https"], True),
        (["X-Forwarded-For: "], True),
        (["X-Forwarded-For: \xe9, "], True),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"], False),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0", "2.0"])
def test_the_access_log_names_the_same_client_and_version_on_every_way(
    ways: Ways, caplog: pytest.LogCaptureFixture, version: str, headers: list[str], is_express: bool
) -> None:
    caplog.set_level(logging.INFO, "uvicorn.access")
    ways.prime("/encode", "")
    one = raw(ways.good["/encode"], *headers, "Connection: keep-alive").replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    lines = []
    for listening in (ways.uvicorn, ways.express):
        for _ in range(2):
            caplog.clear()
            ways.express.taken.clear()
            with listening.connect() as connection:
                connection.sendall(one)
                assert read_replies(connection)[0].status == 200
                own = f":{connection.getsockname()[1]} "
            found = [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"]
            lines.append([line.replace(own, ":own ") for line in found])
    assert ways.express.taken == ([True] if is_express and version == "1.1" else [])
    assert len(lines[0]) == 1
    assert lines == lines[:1] * 4


@contextlib.contextmanager
def unread(serving: Listening, request: bytes) -> Iterator[socket.socket]:
    """Send a request, and leave what is answered to it in the service: neither kernel has much room for it."""
    serving.server.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    with socket.socket() as connection:
        connection.settimeout(30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", serving.port))
        connection.sendall(request)
        yield connection


@pytest.mark.parametrize("is_express", [True, False])
def test_an_answer_is_counted_until_its_client_has_taken_it_or_its_time_is_over(
    models_dir: Path, digits_bundle: Bundle, is_express: bool
) -> None:
    latents = np.random.default_rng(0).normal(size=(128 if is_express else 160, digits_bundle.manifest.latent_dim))
    one = raw(case("/decode", npy_body(latents), "images=numbers"))
    with listening(models_dir, default_model="digits", answer_timeout_s=2) as serving:
        [whole] = serving.send(one)
        held = int(dict(whole.headers)["content-length"])
        assert 2**16 < held < 2**18
        serving.taken.clear()
        for is_taken in (True, False):
            with unread(serving, one) as connection:
                wait_until(lambda: serving.metrics()["hourglass_queue_images"] == 0)
                wait_until(lambda: serving.metrics()["hourglass_buffered_bytes"] == held)
                time.sleep(0.3)
                assert serving.metrics()["hourglass_buffered_bytes"] == held
                if is_taken:
                    assert read_replies(connection) == [whole]
                wait_until(lambda: serving.metrics()["hourglass_buffered_bytes"] == 0)
        assert any(serving.taken) == is_express


def begin_unparsed(ways: Ways, connection: socket.socket) -> Noting:
    """The protocol of a connection, on which a request is under way that was not parsed."""
    ways.prime("/encode", "")
    connection.sendall(raw(ways.good["/encode"]))
    wait_until(lambda: ways.express.metrics()["hourglass_queue_images"] == 1)
    (serving,) = (one for one in ways.express.server.server_state.connections if getattr(one, "_ride", None))
    assert isinstance(serving, Noting)
    assert serving._cycle is None
    return serving
