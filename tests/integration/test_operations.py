"""What operators rely on: health, limits, request ids, metrics, settings, a graceful end, and a life after a defect."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from service.__main__ import main
from service.app import create_app
from service.bundle import Bundle
from service.dependencies import ExchangeDep
from service.errors import Refusal
from service.parts import Parts
from service.settings import Settings
from tests.integration.conftest import (
    StartServer,
    encode_file,
    file_body,
    is_ready,
    json_body,
    npy_body,
    place,
    problem,
    serving_here,
    wait_until,
)


def zeros(count: int) -> dict[str, Any]:
    return npy_body(np.zeros((count, 64), np.uint8))


@contextlib.contextmanager
def busy(client: TestClient, *, images: bool = True) -> Iterator[None]:
    """Keep the thread of the models, and those that read images, busy until the block ends.

    Models compute nothing on the event loop meanwhile, as large ones do always.
    """
    parts: Parts = client.app.state.parts  # type: ignore[attr-defined]
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        go_on.wait(60)

    readers = (os.cpu_count() or 1) if images else 0
    assert client.portal is not None
    try:
        for _ in range(readers):
            client.portal.start_task_soon(parts.workers.decode, wait, 1)
        for batcher in (batcher for model in parts.registry.served for batcher in model.batchers):
            batcher.inline_rows = 0
        for _ in range(parts.workers.model.count):
            parts.workers.model.submit(wait)
        for _ in range(readers + parts.workers.model.count):
            assert begun.acquire(timeout=30)
        yield
    finally:
        go_on.set()


def in_background(client: httpx.Client, *bodies: dict[str, Any]) -> list[Future[httpx.Response]]:
    """Requests to `/encode` that are under way together."""
    threads = ThreadPoolExecutor(len(bodies))
    answers = [threads.submit(client.post, "/encode", **body) for body in bodies]
    threads.shutdown(wait=False)
    return answers


def metric(client: httpx.Client, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def held_images(client: httpx.Client) -> float:
    return metric(client, "hourglass_queue_images")


@pytest.fixture
def models_dir(digits_bundle: Bundle) -> Path:
    return digits_bundle.path.parents[1]


def test_a_service_without_models_lives_and_is_ready_once_one_appears(digits_bundle: Bundle, tmp_path: Path) -> None:
    with serving_here(tmp_path / "none yet", ready=False) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        wait_until(lambda: "no valid bundle" in client.get("/health/ready").text)
        for response in (client.get("/health/ready"), client.post("/encode", **zeros(1))):
            assert response.status_code == 503
            problem(response, "not-ready")
            assert int(response.headers["retry-after"]) >= 1
        assert client.get("/models").json().items() >= {"default": None, "models": []}.items()
        place(digits_bundle, tmp_path / "none yet")
        wait_until(lambda: is_ready(client))
        assert client.get("/health/ready").json() == {"status": "ready", "models": {"digits": 1}}
        assert client.post("/encode", **zeros(1)).status_code == 200


def test_ready_waits_for_every_model(digits_bundle: Bundle, tmp_path: Path) -> None:
    names = [f"model-{number}" for number in range(6)]
    for name in names:
        place(digits_bundle, tmp_path, name)
    with serving_here(tmp_path, ready=False) as client:
        while (response := client.get("/health/ready")).status_code == 503:
            problem(response, "not-ready")
        assert list(response.json()["models"]) == names


def test_ready_waits_for_the_map_processes(models_dir: Path) -> None:
    with serving_here(models_dir, ready=False, map_processes=1) as client:
        assert client.get("/health/live").status_code == 200
        wait_until(lambda: "map processes are starting" in client.get("/health/ready").text)
        assert client.post("/encode", **zeros(1)).status_code == 200
        wait_until(lambda: is_ready(client))


def test_health_and_models_never_wait_behind_work(models_dir: Path) -> None:
    with serving_here(models_dir) as client:
        with busy(client):
            waiting = in_background(client, *[zeros(100)] * 3)
            wait_until(lambda: held_images(client) == 300)
            for path in ("/health/live", "/health/ready", "/metrics", "/models", "/models/digits", "/openapi.json"):
                assert client.get(path).status_code == 200
            assert not any(answer.done() for answer in waiting)
        assert [answer.result().status_code for answer in waiting] == [200, 200, 200]


def test_a_full_queue_refuses_and_has_room_when_work_is_done(models_dir: Path) -> None:
    with serving_here(models_dir, max_queue_images=3, max_images=3) as client:
        with busy(client):
            waiting = in_background(client, *[zeros(1)] * 3)
            wait_until(lambda: held_images(client) == 3)
            response = client.post("/encode", **zeros(1))
            assert response.status_code == 429
            problem(response, "overloaded")
            assert 1 <= int(response.headers["retry-after"]) <= 60
        assert [answer.result().status_code for answer in waiting] == [200, 200, 200]
        assert held_images(client) == 0
        assert client.post("/encode", **zeros(3)).status_code == 200


def test_a_batch_counts_as_its_images(models_dir: Path) -> None:
    """A place for each request before it is read; then the batch needs three, of which the other one has one."""
    with serving_here(models_dir, max_queue_images=3, max_images=3) as client:
        with busy(client, images=False):
            [single] = in_background(client, zeros(1))
            wait_until(lambda: held_images(client) == 1)
            refused = client.post("/encode", **zeros(3))
            assert refused.status_code == 429
            problem(refused, "overloaded")
            [pair] = in_background(client, zeros(2))
            wait_until(lambda: held_images(client) == 3)
        assert [single.result().status_code, pair.result().status_code] == [200, 200]
        assert client.post("/encode", **zeros(3)).status_code == 200


def test_more_bytes_than_may_be_held_are_refused(models_dir: Path) -> None:
    body = zeros(8)
    with serving_here(models_dir, max_body_bytes=1000, max_buffered_bytes=1000) as client:
        with busy(client):
            [waiting] = in_background(client, body)
            wait_until(lambda: metric(client, "hourglass_buffered_bytes") == len(body["content"]))
            response = client.post("/encode", **body)
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) >= 1
            problem(response, "overloaded")
        assert waiting.result().status_code == 200
        assert metric(client, "hourglass_buffered_bytes") == 0
        assert client.post("/encode", **body).status_code == 200


def test_a_request_that_waits_past_its_deadline_is_answered_504(models_dir: Path) -> None:
    with serving_here(models_dir, request_timeout_s=0.2) as client:
        with busy(client):
            [waiting] = in_background(client, zeros(2))
            wait_until(waiting.done, seconds=10)
            assert waiting.result().status_code == 504
            assert "0.2 s" in problem(waiting.result(), "deadline-exceeded")["detail"]
        assert held_images(client) == 0
        assert client.post("/encode", **zeros(2)).status_code == 200


def test_limits_of_a_request_refuse_what_is_beyond_and_take_what_is_within(models_dir: Path) -> None:
    with serving_here(models_dir, max_body_bytes=2000, max_images=5, max_image_pixels=400) as client:
        assert client.get("/models/digits").json()["limits"]["max_images"] == 5
        latents, files = np.zeros((6, 6), np.float32), [encode_file(np.zeros((8, 8, 1), np.uint8))] * 6
        for path, many, some in (
            ("/encode", zeros(6), zeros(5)),
            ("/reconstruct", json_body(images=[[0] * 64] * 6), json_body(images=[[0] * 64] * 5)),
            ("/decode", npy_body(latents), npy_body(latents[:5])),
            ("/decode", json_body(latents=latents.tolist()), json_body(latents=latents[:5].tolist())),
            ("/encode", {"files": [("images", file) for file in files]}, {"files": [("images", f) for f in files[:5]]}),
        ):
            response = client.post(path, **many)
            assert response.status_code == 413
            assert " 5 " in problem(response, "too-many-images")["detail"]
            assert client.post(path, **some).status_code == 200
        large, fitting = (encode_file(np.zeros((height, 20, 1), np.uint8)) for height in (21, 20))
        response = client.post("/encode", **file_body(large, "image/png"))
        assert response.status_code == 422
        problem(response, "image-too-large")
        assert client.post("/encode", **file_body(fitting, "image/png")).status_code == 200
        response = client.post("/encode", **file_body(bytes(2001), "application/x-npy"))
        assert response.status_code == 413
        problem(response, "body-too-large")
        problem(client.post("/encode", **file_body(bytes(2000), "application/x-npy")), "malformed-npy")


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 64])
def test_a_sane_request_id_comes_back(given: str, client: TestClient) -> None:
    headers = {"X-Request-ID": given}
    assert client.get("/health/live", headers=headers).headers["x-request-id"] == given
    refused = client.get("/nowhere", headers=headers)
    assert problem(refused, "not-found")["request_id"] == refused.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<b>", "a\xe9", 'a"b', "a/b"])
def test_any_other_request_id_is_replaced(given: str, client: TestClient) -> None:
    responses = [client.get("/nowhere", headers={b"X-Request-ID": given.encode("latin-1")}) for _ in range(2)]
    ids = [response.headers["x-request-id"] for response in responses]
    assert len({*ids, given}) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", found) for found in ids)
    assert [response.json()["request_id"] for response in responses] == ids


def test_every_request_without_an_id_gets_one_of_its_own(client: TestClient) -> None:
    assert len({client.get("/health/live").headers["x-request-id"] for _ in range(5)}) == 5


def test_metrics_count_requests_by_route_and_not_by_path(models_dir: Path) -> None:
    with serving_here(models_dir) as client:
        client.get("/models/digits")
        client.get("/models/none")
        client.get("/nowhere")
        client.request("BREW", "/models")
        client.post("/encode", **zeros(3))
        response = client.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain")
        assert {
            'hourglass_requests_total{method="GET",route="/models/{name}",status="200"} 1.0',
            'hourglass_requests_total{method="GET",route="/models/{name}",status="404"} 1.0',
            'hourglass_requests_total{method="GET",route="unmatched",status="404"} 1.0',
            'hourglass_requests_total{method="POST",route="/encode",status="200"} 1.0',
            'hourglass_request_seconds_count{route="/encode"} 1.0',
            'hourglass_images_total{model="digits",operation="encode"} 3.0',
            'hourglass_model_version{model="digits"} 1.0',
            "hourglass_queue_images 0.0",
            "hourglass_buffered_bytes 0.0",
            "hourglass_maps_running 0.0",
            "hourglass_maps_waiting 0.0",
        } <= set(response.text.splitlines())
        assert 'method="other"' in response.text
        assert "BREW" not in response.text
        assert "process_resident_memory_bytes" in response.text


def test_a_defect_is_answered_500_without_its_details_and_the_service_lives_on(
    models_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(exchange: ExchangeDep) -> None:
        await exchange.model.encode(np.zeros((1, 2, 3, 1), np.float32), exchange.deadline)  # TorchScript raises

    async def misnamed() -> None:
        class Unknown(Refusal):
            pass

        raise Unknown("a secret")

    app = create_app(Settings(models_dir=models_dir, map_processes=0, _env_file=None))
    app.add_api_route("/broken", broken, methods=["POST"], include_in_schema=False)
    app.add_api_route("/misnamed", misnamed, include_in_schema=False)
    app.openapi()  # as in serving_here
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_until(lambda: is_ready(client))
        for response in (client.post("/broken"), client.get("/misnamed")):
            assert response.status_code == 500
            document = problem(response, "internal-error")
            assert document["request_id"] == response.headers["x-request-id"]
            assert not re.search("secret|shape|Error|Traceback|mat1", response.text)
            assert document["request_id"] in caplog.text
        assert "Traceback" in caplog.text
        assert client.post("/encode", **zeros(2)).status_code == 200
        assert metric(client, 'hourglass_requests_total{method="POST",route="/broken",status="500"}') == 1


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, without any of the service's variables."""
    for name in [name for name in os.environ if name.startswith("HOURGLASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["--print-settings", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"HOST": "0.0.0.0", "PORT": "81", "MAX_IMAGES": "7", "ACCESS_LOG": "false", "DEFAULT_MODEL": "other.one"},
        {"MODELS_DIR": "my models # 1", "REQUEST_TIMEOUT_S": "0.25"},
        {"MODELS_DIR": """/a 'quoted' "path" with $HOME and \\n a backslash"""},
    ],
)
def test_printed_settings_are_all_settings_and_can_be_fed_back(
    changes: dict[str, str], in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        for name, value in changes.items():
            patch.setenv(f"HOURGLASS_{name}", value)
        output = printed(capsys)
        settings = Settings()
    for name, field in Settings.model_fields.items():
        assert f"HOURGLASS_{name.upper()}=" in output
        assert field.description
        assert f"# {field.description}" in output
    assert Settings() != settings or not changes
    (in_folder / ".env").write_text(output)
    assert Settings() == settings
    assert printed(capsys) == output


def test_flags_come_before_variables_and_those_before_the_file(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_folder / ".env").write_text("HOURGLASS_PORT=1\nHOURGLASS_HOST=::1\nHOURGLASS_MODELS_DIR=from file\n")
    monkeypatch.setenv("HOURGLASS_PORT", "2")
    monkeypatch.setenv("HOURGLASS_HOST", "0.0.0.0")
    output = printed(capsys, "--port", "3")
    assert "HOURGLASS_PORT=3\n" in output
    assert "HOURGLASS_HOST=0.0.0.0\n" in output
    assert "from file" in output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("port", "http"),
        ("log_level", "loud"),
        ("models_poll_interval_s", "-1"),
        ("max_steps", "1"),
        ("default_model", "../up"),
        ("request_timeout_s", "inf"),
    ],
)
def test_settings_that_are_refused_end_in_a_line_that_names_them(
    name: str, value: str, in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_folder.is_dir()
    monkeypatch.setenv(f"HOURGLASS_{name.upper()}", value)
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith(f"{name}: ")


@pytest.mark.parametrize("limits", [("MAX_IMAGES", "MAX_QUEUE_IMAGES"), ("MAX_BODY_BYTES", "MAX_BUFFERED_BYTES")])
def test_limits_that_exclude_each_other_are_refused(
    limits: tuple[str, str], in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_folder.is_dir()
    monkeypatch.setenv(f"HOURGLASS_{limits[0]}", "11")
    monkeypatch.setenv(f"HOURGLASS_{limits[1]}", "10")
    assert main([]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert all(name.lower() in line for name in limits)


def test_sigterm_lets_a_request_in_flight_finish_and_ends_the_process(server: StartServer) -> None:
    one = server(HOURGLASS_MAP_PROCESSES="1")
    body = zeros(4)["content"]
    address = urlsplit(one.url)
    head = f"POST /encode HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-npy\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:100])
        with one.client() as client:
            wait_until(lambda: metric(client, "hourglass_buffered_bytes") == 100)
        one.process.terminate()
        wait_until(lambda: "Shutting down" in one.log)
        assert one.process.poll() is None
        connection.sendall(body[100:])
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"latents":[[' in answer
    one.process.wait(20)
    assert "Application shutdown complete" in one.log
    assert "Traceback" not in one.log
