"""What a request may cost is bounded whatever it holds, whoever sends it, and whether or not its answer is taken."""

import re
import shutil
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from service.bundle import Bundle
from tests.integration.conftest import (
    Server,
    StartServer,
    Subject,
    encode_file,
    form_body,
    npy_body,
    place,
    problem,
    serving_here,
    wait_until,
)


def _connect(server: Server) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port))


def _send(connection: socket.socket, path: str, body: httpx.Request) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in body.headers.items() if name != "host")
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() + body.read())


def _gauge(client: httpx.Client, name: str) -> float:
    found = re.search(rf"^{name} ([\d.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    assert found
    return float(found[1])


def test_work_of_a_client_that_left_is_dropped(server: StartServer) -> None:
    """Thousands of large blank images take minutes to decode; nobody waits for them."""
    one = server(HOURGLASS_MAP_PROCESSES="0")
    blank = encode_file(np.zeros((3000, 4000, 1), np.uint8))
    body = httpx.Request("POST", one.url, **form_body([blank] * 1000))
    with one.client() as client:
        with _connect(one) as leaving:
            _send(leaving, "/encode", body)
            wait_until(lambda: _gauge(client, "hourglass_buffered_bytes") > 5_000_000)
        wait_until(lambda: _gauge(client, "hourglass_queue_images") == 0, seconds=5)
    one.stop()
    assert "Traceback" not in one.log


def test_a_small_request_does_not_wait_for_large_ones_to_be_decoded(server: StartServer) -> None:
    one = server(HOURGLASS_CODEC_THREADS="1", HOURGLASS_MAP_PROCESSES="0")
    blank = encode_file(np.zeros((3000, 4000, 1), np.uint8))
    body = httpx.Request("POST", one.url, **form_body([blank] * 1000))
    with one.client() as client, _connect(one) as busy:
        _send(busy, "/encode", body)
        wait_until(lambda: _gauge(client, "hourglass_buffered_bytes") > 5_000_000)
        began = time.monotonic()
        assert client.post("/encode", **npy_body(np.zeros((1, 8, 8), np.uint8))).status_code == 200
        assert time.monotonic() - began < 5  # decoding the others takes half a minute, their deadline
        assert _gauge(client, "hourglass_queue_images") >= 1
    one.stop()


def test_an_answer_that_nobody_takes_is_counted_and_then_given_up(server: StartServer) -> None:
    one = server(HOURGLASS_ANSWER_TIMEOUT_S="0.5", HOURGLASS_MAP_PROCESSES="0")
    latents = np.zeros((10_000, 6), np.float32)
    content, headers = npy_body(latents)["content"], {"Accept": "application/json"} | npy_body(latents)["headers"]
    body = httpx.Request("POST", one.url, content=content, headers=headers)
    with one.client() as client, _connect(one) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        _send(deaf, "/decode?images=numbers", body)
        wait_until(lambda: _gauge(client, "hourglass_buffered_bytes") > 1_000_000)
        wait_until(lambda: _gauge(client, "hourglass_buffered_bytes") == 0, seconds=10)
    one.stop()
    assert "Traceback" not in one.log


def test_large_images_are_counted_by_their_numbers(digits: Subject) -> None:
    with serving_here(digits.bundle.path.parents[1], max_values=3 * 64) as client:
        limited = Subject(client, digits.bundle, digits.module)
        assert client.get("/models/digits").json()["limits"]["max_images"] == 3
        assert limited.post("/encode", npy_body(digits.images[:3])).status_code == 200
        for path, body in (("/encode", npy_body(digits.images[:4])), ("/decode", npy_body(np.zeros((4, 6), "f4")))):
            response = limited.post(path, body)
            assert response.status_code == 413
            assert "3" in problem(response, "too-many-images")["detail"]


def test_headers_of_more_than_64_kib_are_refused(client: TestClient) -> None:
    response = client.get("/health/live", headers={"Accept": "a/b," * 20_000})
    assert response.status_code == 431
    problem(response, "headers-too-large")


def test_several_accept_lines_are_one_list(digits: Subject) -> None:
    headers = [("Accept", "text/html"), ("Accept", "application/x-npy"), ("Content-Type", "image/png")]
    response = digits.client.post("/encode?model=digits", content=encode_file(digits.images[0]), headers=headers)
    assert response.headers["content-type"] == "application/x-npy"


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/models", "/models/digits", "/docs", "/openapi.json"]
)
def test_head_is_get_without_its_body(path: str, client: TestClient) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/encode", "version"), ("/interpolate", "steps"), ("/interpolate", "scale"), ("/interpolate", "loop"),
        ("/reconstruct", "threshold"), ("/tsne", "perplexity"), ("/tsne", "seed"), ("/tsne", "dimensions"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_no_number_is_named(path: str, parameter: str, client: TestClient) -> None:
    response = client.post(path, params={parameter: "canary"}, json={})
    assert response.status_code == 422
    assert [fault["parameter"] for fault in problem(response, "invalid-parameter")["errors"]] == [parameter]
    assert "canary" not in response.text


def test_the_default_model_stays_the_default_when_others_come(digits_bundle: Bundle, tmp_path: Path) -> None:
    place(digits_bundle, tmp_path, name="middle")
    with serving_here(tmp_path) as client:
        place(digits_bundle, tmp_path, name="first")
        wait_until(lambda: len(client.get("/models").json()["models"]) == 2)
        assert client.get("/models").json()["default"] == "middle"
        shutil.rmtree(tmp_path / "middle")
        wait_until(lambda: client.get("/models").json()["default"] == "first")


def test_what_is_served_stays_when_the_models_folder_cannot_be_read(
    digits_bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = tmp_path / "models"
    place(digits_bundle, models, name="digits")
    with serving_here(models) as client:
        models.rename(tmp_path / "elsewhere")
        wait_until(lambda: "cannot be read" in caplog.text)
        assert client.get("/health/ready").status_code == 200
        assert client.post("/encode", **npy_body(np.zeros((1, 8, 8), np.uint8))).status_code == 200
