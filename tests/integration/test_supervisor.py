"""Several workers are one service: one port, one queue, one set of metrics; who dies is replaced, all end together."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import numpy as np
import pytest

from service.bundle import Bundle
from service.supervisor import bind
from tests.integration.conftest import Server, StartServer, is_ready, npy_body, place, problem, wait_until

ONE, THREE = (npy_body(np.zeros((count, 64), np.uint8)) for count in (1, 3))
QUEUE_IMAGES = 3


def children(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


def descendants(pid: int) -> list[int]:
    return [one for child in children(pid) for one in (child, *descendants(child))]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def open_files(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            found.add(str(link.readlink()))
    return found


def port_of(address: str) -> int:
    """The port of an address as `/proc/net/tcp` writes it."""
    return int(address.rpartition(":")[2], 16)


@dataclass(frozen=True)
class Service:
    """A server with two workers."""

    server: Server
    models: Path
    temporary_files: Path

    @property
    def workers(self) -> list[int]:
        return [pid for pid in children(self.server.process.pid) if "spawn_main" in command_of(pid)]

    def is_listening(self, worker: int) -> bool:
        """Whether a worker has its own socket at the port, so that connections reach it."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port = urlsplit(self.server.url).port
        return bool(
            {f"socket:[{row[9]}]" for row in rows if (port_of(row[1]), row[3]) == (port, "0A")} & open_files(worker)
        )

    def temporary(self) -> list[Path]:
        """The folders that workers share."""
        return list(self.temporary_files.glob("hourglass-*"))

    @contextlib.contextmanager
    def client(self, worker: int) -> Iterator[httpx.Client]:
        """A client that stays connected with one worker."""
        with contextlib.ExitStack() as stack:
            while True:
                client = stack.enter_context(self.server.client())
                answer = client.get("/health/live")
                if self.worker_at(answer.extensions["network_stream"].get_extra_info("client_addr")[1]) == worker:
                    break
            yield client

    @contextlib.contextmanager
    def holding(self, worker: int, count: int) -> Iterator[list[HTTPConnection]]:
        """Requests that one worker has admitted, and of whose bodies the last byte is missing."""
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self._connection(worker)) for _ in range(count)]
            for connection in connections:
                connection.putrequest("POST", "/encode")
                connection.putheader("Content-Type", ONE["headers"]["Content-Type"])
                connection.putheader("Content-Length", str(len(ONE["content"])))
                connection.endheaders(ONE["content"][:-1])
            wait_until(lambda: self.metric("hourglass_queue_images") == count)
            yield connections

    @contextlib.contextmanager
    def _connection(self, worker: int) -> Iterator[HTTPConnection]:
        address = urlsplit(self.server.url)
        with contextlib.ExitStack() as stack:
            while True:
                connection = HTTPConnection(str(address.hostname), address.port, timeout=30)
                stack.callback(connection.close)
                connection.request("GET", "/health/live")
                assert connection.getresponse().read()
                if self.worker_at(connection.sock.getsockname()[1]) == worker:
                    break
            yield connection

    def worker_at(self, client_port: int) -> int | None:
        """The worker at the other end of a connection: the one that has its socket open."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        server_port = urlsplit(self.server.url).port
        inodes = [row[9] for row in rows if (port_of(row[1]), port_of(row[2])) == (server_port, client_port)]
        for worker in self.workers:
            if f"socket:[{inodes[0]}]" in open_files(worker):
                return worker
        return None

    def metric(self, name: str) -> float:
        """A metric, from whichever worker answers."""
        with self.server.client() as client:
            return metric(client, name)

    def ready_workers(self) -> list[int]:
        """The two workers, once both are ready."""
        wait_until(lambda: len([pid for pid in self.workers if self.is_listening(pid)]) == 2, seconds=90)
        for worker in self.workers:
            with self.client(worker) as client:
                wait_until(lambda client=client: is_ready(client), seconds=90)  # type: ignore[misc]
        return self.workers


def metric(client: httpx.Client, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def encode(client: httpx.Client) -> int:
    return client.post("/encode", **ONE).status_code


ENCODED = 'hourglass_requests_total{method="POST",route="/encode",status="200"}'
SECONDS = 'hourglass_request_seconds_count{route="/encode"}'
IMAGES = 'hourglass_images_total{model="digits",operation="encode"}'


@pytest.fixture(scope="module")
def service(server: StartServer, digits_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    models, temporary_files = (tmp_path_factory.mktemp(name) for name in ("models", "temporary"))
    place(digits_bundle, models)
    one = server(
        models, ready=False, TMPDIR=str(temporary_files), HOURGLASS_WORKERS="2", HOURGLASS_MAP_PROCESSES="0",
        HOURGLASS_MODELS_POLL_INTERVAL_S="0", HOURGLASS_MAX_QUEUE_IMAGES=str(QUEUE_IMAGES),
        HOURGLASS_MAX_IMAGES=str(QUEUE_IMAGES),
    )  # fmt: skip
    service = Service(one, models, temporary_files)
    service.ready_workers()
    yield service
    one.stop()


def test_every_worker_answers_and_says_how_many_there_are(service: Service) -> None:
    for worker in service.ready_workers():
        with service.client(worker) as client:
            assert encode(client) == 200
            compute = client.get("/models").json()["compute"]
            assert compute["workers"] == 2
            assert compute["torch_threads"] == max(1, compute["cpus"] // 2)


def test_whichever_worker_is_asked_metrics_are_those_of_all(service: Service) -> None:
    first, second = service.ready_workers()

    def counts(client: httpx.Client) -> list[float]:
        return [metric(client, name) for name in (ENCODED, SECONDS, IMAGES)]

    before = [service.metric(name) for name in (ENCODED, SECONDS, IMAGES)]
    with service.client(first) as one, service.client(second) as other:
        assert [encode(client) for client in (one, other, one, one, other)] == [200] * 5
        for client in (one, other):
            # A request is counted once its answer is on its way, so that its client may ask for the count too early.
            wait_until(lambda: counts(client) == [count + 5 for count in before])  # noqa: B023  (called at once)
            assert metric(client, 'hourglass_model_version{model="digits"}') >= 1
            memory = re.findall(
                r'^process_resident_memory_bytes\{worker="(\d)"\}', client.get("/metrics").text, re.MULTILINE
            )
            assert memory == ["0", "1"]


def test_the_queue_is_one_for_all_workers(service: Service) -> None:
    first, second = service.ready_workers()
    with service.client(first) as one, service.client(second) as other:
        with service.holding(first, QUEUE_IMAGES) as held:
            for client in (one, other):
                assert metric(client, "hourglass_queue_images") == QUEUE_IMAGES
                assert metric(client, "hourglass_buffered_bytes") == QUEUE_IMAGES * (len(ONE["content"]) - 1)
                refused = client.post("/encode", **ONE)
                assert refused.status_code == 429
                problem(refused, "overloaded")
            for connection in held:
                connection.send(ONE["content"][-1:])
                assert connection.getresponse().status == 200
        wait_until(lambda: metric(other, "hourglass_queue_images") == metric(other, "hourglass_buffered_bytes") == 0)
        assert other.post("/encode", **THREE).status_code == 200


def test_sighup_brings_a_new_version_to_every_worker(service: Service, digits_bundle: Bundle) -> None:
    workers = service.ready_workers()
    place(digits_bundle, service.models, version=2)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(service.client(worker)) for worker in workers]
        assert [client.post("/encode", **ONE).json()["version"] for client in clients] == [1, 1]
        os.kill(service.server.process.pid, signal.SIGHUP)
        for client in clients:
            wait_until(lambda client=client: client.post("/encode", **ONE).json()["version"] == 2)  # type: ignore[misc]
            assert metric(client, 'hourglass_model_version{model="digits"}') == 2
    assert service.workers == workers


def test_a_worker_that_is_killed_is_replaced_and_its_places_are_free(service: Service) -> None:
    killed, other = service.ready_workers()
    with service.client(killed) as client:
        assert encode(client) == 200
    counted = [service.metric(name) for name in (ENCODED, SECONDS, IMAGES)]
    with service.client(other) as client:
        with service.holding(killed, QUEUE_IMAGES):
            assert encode(client) == 429
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: encode(client) == 200)
        assert metric(client, ENCODED) == counted[0] + 1
        assert metric(client, "hourglass_queue_images") == 0
    [replacement] = set(service.ready_workers()) - {other}
    with service.client(replacement) as client:
        assert encode(client) == 200
        assert [metric(client, name) for name in (ENCODED, IMAGES)] == [counted[0] + 2, counted[2] + 2]
        assert metric(client, SECONDS) >= counted[1] + 2  # refused requests took their time too
    assert f"Worker {killed} died" in service.server.log


def test_a_worker_gets_no_connection_before_it_can_answer(service: Service) -> None:
    killed, other = service.ready_workers()
    os.kill(killed, signal.SIGKILL)
    asked: list[int] = []

    def is_replaced() -> bool:
        with service.server.client() as client, contextlib.suppress(httpx.TransportError):  # of who has just died
            asked.append(encode(client))
        return killed not in service.workers and [service.is_listening(pid) for pid in service.workers] == [True, True]

    wait_until(is_replaced, seconds=90)
    [replacement] = set(service.workers) - {killed, other}
    with service.client(replacement) as client:
        asked.append(encode(client))
    assert len(asked) > 10
    assert set(asked) == {200}


def test_the_number_of_workers_stays_whatever_uvicorn_takes_signals_for(service: Service) -> None:
    workers = service.ready_workers()
    for number in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGHUP):
        os.kill(service.server.process.pid, number)
    with service.server.client() as client:
        wait_until(lambda: encode(client) == 200)
    assert service.ready_workers() == workers


def test_nobody_else_can_take_the_port(service: Service) -> None:
    address = urlsplit(service.server.url)
    with pytest.raises(OSError, match="in use"):
        bind(str(address.hostname), int(address.port or 0))


def test_sigterm_ends_everything(service: Service) -> None:
    """The last test of this service."""
    service.ready_workers()
    process, folders = service.server.process, service.temporary
    assert len(folders()) == 1
    started = descendants(process.pid)
    process.terminate()
    assert process.wait(20) == 0
    wait_until(lambda: not any(is_running(pid) for pid in started), seconds=5)
    assert not folders()
    assert service.server.log.count("Application shutdown complete") >= 2
    assert "Traceback" not in service.server.log


def test_no_process_outlives_a_supervisor_that_is_killed(server: StartServer, tmp_path: Path) -> None:
    one = server(ready=False, HOURGLASS_WORKERS="2", HOURGLASS_MAP_PROCESSES="1", TMPDIR=str(tmp_path))
    pid = one.process.pid
    wait_until(lambda: sum("map_process" in command_of(child) for child in descendants(pid)) == 2, seconds=90)
    started = descendants(pid)
    one.process.kill()
    wait_until(lambda: not any(is_running(child) for child in started))
