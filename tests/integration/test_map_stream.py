"""POST /tsne as a stream of events: it tells how a map comes along, and ends in the map or in a problem."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from starlette.types import Message

from tests.integration.conftest import (
    Server,
    StartServer,
    Subject,
    json_body,
    npy_body,
    problem,
    serving_here,
    wait_until,
)

EVENTS = "text/event-stream"
QUICK: dict[str, Any] = {"iterations": 250, "space": "latent"}
LONG: dict[str, Any] = {"iterations": 2000, "space": "latent"}
FEW = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)
MANY = np.random.default_rng(0).normal(size=(10_000, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def start(server: StartServer) -> StartServer:
    """Starts servers that take maps of many points."""

    def more(models_dir: Path | None = None, *, ready: bool = True, **environment: str) -> Server:
        return server(models_dir, ready=ready, HOURGLASS_MAX_MAP_POINTS="10000", **environment)

    return more


@pytest.fixture(scope="module")
def shared(start: StartServer) -> Server:
    """A server with the defaults, for tests that leave it as they found it; it keeps maps, so new ones take a seed."""
    return start()


@dataclass
class Event:
    """One event as a client reads it, or a comment."""

    name: str = ""
    data: Any = None
    comments: list[str] = field(default_factory=list)


def events(lines: Iterator[str]) -> Iterator[Event]:
    """Read a stream as the HTML standard has it, line by line."""
    event = Event()
    for line in lines:
        key, _, value = line.partition(": ")
        if not line:
            yield event
            event = Event()
        elif not key:
            event.comments.append(value)
        elif key == "event":
            event.name = value
        else:
            assert key == "data"
            assert event.data is None
            event.data = json.loads(value)


def read(response: httpx.Response) -> list[Event]:
    """All events of a stream that is over."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == f"{EVENTS}; charset=utf-8"
    return list(events(iter(response.text.splitlines())))


@contextlib.contextmanager
def streaming(client: httpx.Client, points: Any, **query: Any) -> Iterator[Iterator[Event]]:
    """The events of a stream while they come."""
    body = npy_body(points)
    headers = {**body["headers"], "Accept": EVENTS}
    with client.stream("POST", "/tsne", content=body["content"], headers=headers, params=query) as response:
        assert response.status_code == 200
        yield events(response.iter_lines())


def maps(client: httpx.Client) -> tuple[int, int]:
    """Maps that are computed, and those that wait."""
    text = client.get("/metrics").text
    counts = [re.findall(rf"^hourglass_maps_{what} (\d+)", text, re.MULTILINE) for what in ("running", "waiting")]
    return int(counts[0][0]), int(counts[1][0])


def running(client: httpx.Client, count: int) -> bool:
    return maps(client)[0] == count


def is_asked(client: httpx.Client, count: int) -> bool:
    """Whether so many maps are computed or waited for."""
    return sum(maps(client)) == count


def map_processes(server: Server) -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True, check=True
    )
    return {int(pid) for pid in listed.stdout.split()}


@pytest.mark.parametrize("space", ["both", "latent"])
def test_a_stream_tells_progress_and_ends_in_the_json_answer(space: str, digits: Subject) -> None:
    query: dict[str, Any] = {"space": space, "iterations": 300, "seed": 5}
    *told, last = read(digits.post("/tsne", json_body(reference=True), EVENTS, **query))
    assert last.name == "result"
    assert last.data == digits.post("/tsne", json_body(reference=True), **query).json()
    assert told
    spaces = ["image", "latent"] if space == "both" else ["latent"]
    for event in told:
        assert event.name == "progress"
        assert event.data.keys() == {
            "space", "phase", "iteration", "iterations", "kl_divergence", "elapsed_s", "remaining_s"
        }  # fmt: skip
        assert event.data["space"] in spaces
        assert event.data["phase"] in {"neighbours", "exaggeration", "refinement", "measuring"}
        assert 0 <= event.data["iteration"] <= event.data["iterations"] == 300
    assert [event.data["elapsed_s"] for event in told] == sorted(event.data["elapsed_s"] for event in told)


def test_a_stream_is_not_stored_nor_gathered_on_its_way_and_names_the_model(digits: Subject) -> None:
    headers = digits.post("/tsne", npy_body(FEW), EVENTS, **QUICK).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "Accept" in headers["vary"]
    assert (headers["x-model"], headers["x-model-version"]) == ("digits", "1")
    assert headers["x-request-id"]


def test_what_was_computed_before_is_streamed_as_a_result_alone(digits: Subject) -> None:
    query = {**QUICK, "seed": 77}
    before = digits.post("/tsne", npy_body(FEW), **query).json()
    [only] = read(digits.post("/tsne", npy_body(FEW), EVENTS, **query))
    assert (only.name, only.data) == ("result", before)


@pytest.mark.parametrize(
    ("body", "query", "slug"),
    [
        (npy_body(FEW[:3]), {}, "impossible-map"),
        (npy_body(FEW), {"perplexity": 10}, "impossible-map"),
        (npy_body(FEW), {"progress": "everything"}, "invalid-parameter"),
        (npy_body(FEW[:, :5]), {}, "wrong-shape"),
        (json_body(), {}, "invalid-body"),
        (npy_body(FEW), {"version": 9}, "unknown-version"),
    ],
)
def test_what_is_refused_before_the_stream_is_an_ordinary_problem(
    body: dict[str, Any], query: dict[str, Any], slug: str, digits: Subject
) -> None:
    problem(digits.post("/tsne", body, EVENTS, **query), slug)


def test_coordinates_come_only_when_asked_for(shared: Server) -> None:
    with shared.client() as client, streaming(client, MANY, progress="coordinates", **LONG) as told:
        placed = next(event for event in told if event.data["iteration"] > 0)
        assert np.array(placed.data["coordinates"]).shape == (len(MANY), 2)
        assert placed.data["remaining_s"] > 0


def test_who_leaves_stops_the_map_and_its_process_goes_on(shared: Server) -> None:
    before = map_processes(shared)
    with shared.client() as client, shared.client() as leaving:
        wait_until(lambda: running(client, 0))
        with streaming(leaving, MANY, **LONG) as told:
            assert next(told).name == "progress"
            assert running(client, 1)
        leaving.close()
        began = time.monotonic()
        wait_until(lambda: running(client, 0), seconds=10)
        assert time.monotonic() - began < 2
        assert map_processes(shared) == before
        with streaming(client, FEW, seed=2, **QUICK) as told:
            assert list(told)[-1].name == "result"
    assert "Traceback" not in shared.log


def test_a_full_line_refuses_a_stream_but_not_one_that_joins_a_run(start: StartServer) -> None:
    one = start(HOURGLASS_MAX_WAITING_MAPS="0")
    with one.client() as client, streaming(client, MANY, **LONG) as told:
        assert next(told).name == "progress"
        refused = client.post("/tsne", **with_accept(npy_body(FEW)), params=QUICK)
        assert refused.status_code == 429
        problem(refused, "overloaded")
        assert 1 <= int(refused.headers["retry-after"]) <= 120
        with streaming(client, MANY, **LONG) as joined:
            assert next(joined).name == "progress"
        assert 'hourglass_maps_total{origin="shared"} 1.0' in client.get("/metrics").text
        assert next(told).name == "progress"
    one.stop()


def test_silence_is_broken_by_comments(start: StartServer) -> None:
    one = start(HOURGLASS_STREAM_HEARTBEAT_S="0.05")
    with one.client() as client, streaming(client, MANY, **LONG) as busy:
        assert next(event for event in busy if event.name).name == "progress"
        with streaming(client, FEW, **QUICK) as waiting:
            for _ in range(3):
                event = next(waiting)
                assert (event.name, event.data, event.comments) == ("", None, ["ping"])
    one.stop()


def test_a_process_that_dies_ends_its_stream_in_a_problem_and_is_replaced(shared: Server) -> None:
    [pid] = map_processes(shared)
    with shared.client() as client:
        with streaming(client, MANY, **LONG) as told:
            assert next(told).name == "progress"
            os.kill(pid, signal.SIGKILL)
            *_, last = told
        assert last.name == "problem"
        assert (last.data["type"], last.data["status"]) == ("/problems/map-failed", 503)
        with streaming(client, FEW, seed=1, **QUICK) as told:
            *_, last = told
            assert last.name == "result"


def test_a_deadline_ends_a_stream_in_a_problem_under_its_id(start: StartServer) -> None:
    one = start(HOURGLASS_MAP_TIMEOUT_S="1")
    with one.client() as client:
        client.headers["X-Request-ID"] = "mine"
        with streaming(client, MANY, **LONG) as told:
            *_, last = told
        assert last.name == "problem"
        assert (last.data["type"], last.data["status"]) == ("/problems/deadline-exceeded", 504)
        assert last.data["request_id"] == "mine"
        wait_until(lambda: running(client, 0))
    one.stop()
    assert "Traceback" not in one.log


def test_who_does_not_read_is_given_up_and_the_map_stops(digits: Subject) -> None:
    content = npy_body(MANY)["content"]
    headers = [(b"accept", EVENTS.encode()), (b"content-type", b"application/x-npy")]
    sent: list[Message] = []

    async def receive() -> Message:
        if not sent:
            return {"type": "http.request", "body": content, "more_body": False}
        gone: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await gone  # the client stays

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            await asyncio.get_running_loop().create_future()  # its buffers are full, and stay so

    scope = {
        "type": "http", "method": "POST", "path": "/tsne", "query_string": b"iterations=2000&space=latent",
        "headers": headers, "state": {},
    }  # fmt: skip
    with serving_here(
        digits.bundle.path.parents[1], map_processes=1, answer_timeout_s=0.2, max_map_points=10_000
    ) as client:
        assert client.portal is not None
        client.portal.call(client.app, scope, receive, send)
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        wait_until(lambda: maps(client) == (0, 0), seconds=10)


def test_images_are_encoded_while_a_map_is_computed(shared: Server) -> None:
    with shared.client() as client, streaming(client, MANY, **LONG) as told:
        assert next(told).name == "progress"
        times = list[float]()
        for _ in range(20):
            began = time.monotonic()
            assert client.post("/encode", **npy_body(np.zeros((1, 8, 8), np.uint8))).status_code == 200
            times.append(time.monotonic() - began)
        assert np.median(times) < 0.1  # a few milliseconds, but for what else runs here; the benchmark measures it
        assert client.get("/health/ready").status_code == 200
        assert running(client, 1)


def test_maps_of_all_workers_are_counted_whoever_is_asked(start: StartServer) -> None:
    one = start(HOURGLASS_WORKERS="2", HOURGLASS_MAX_WAITING_MAPS="16")
    wait_until(lambda: one.log.count("Application startup complete") == 2, seconds=90)
    with one.client() as client:
        with contextlib.ExitStack() as stack:
            for shift in range(16):  # until two lie on different workers: the kernel spreads connections by chance
                another = stack.enter_context(one.client())
                stack.enter_context(streaming(another, np.roll(MANY, shift, axis=0), **LONG))
                wait_until(partial(is_asked, client, shift + 1))
                if maps(client)[0] == 2:
                    break
            assert maps(client) == (2, shift - 1)
        wait_until(lambda: maps(client) == (0, 0), seconds=10)
    one.stop()


def with_accept(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "headers": {**body["headers"], "Accept": EVENTS}}
