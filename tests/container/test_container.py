"""Both images and docker-compose.yml with a real engine: built, started, called, renewed, stopped.

`make test-container` runs this, and plain pytest does not: it trains the embedded default as a user's first `up` would.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import pytest

from service.bundle import Bundle
from service.images import decode, encode_png

ROOT = Path(__file__).parents[2]
TAGS = {"service": "hourglass-test:service", "training": "hourglass-test:training"}
"""They stay, and make the next build quick."""
PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
USER = "10001:10001"
READY_S = 60
GRACE_S = 40

pytestmark = pytest.mark.timeout(3600)


def _run(*command: str | Path, **environment: str) -> str:
    """Run a command to its successful end, and return what it printed to standard output."""
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{' '.join(map(str, command))} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout.strip()


def _answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait for what the engine tells nobody about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.2)


@dataclass(frozen=True)
class Stack:
    """One project of docker-compose, of its own name, on a port of its own."""

    compose: tuple[str | Path, ...]
    client: httpx2.Client
    port: int

    def run(self, *arguments: str) -> str:
        return _run(*self.compose, *arguments, HOURGLASS_PORT=f"127.0.0.1:{self.port}")

    def up(self) -> None:
        """What a user does, and what they then wait for."""
        self.run("up", "-d", "--no-build")
        _until(lambda: self.version is not None, READY_S)

    def container(self, name: str) -> str:
        return self.run("ps", "-a", "-q", name)

    def inspect(self, name: str, template: str) -> str:
        return _run("docker", "inspect", "--format", template, self.container(name))

    def in_service(self, code: str) -> str:
        """Run Python in the container of the running service."""
        return _run("docker", "exec", self.container("service"), "python", "-c", code)

    @property
    def version(self) -> int | None:
        """The version of the digits model that is being served; None while the service is not ready."""
        try:
            answer = self.client.get("/health/ready")
        except httpx2.TransportError:
            return None
        return int(answer.json()["models"]["digits"]) if answer.status_code == 200 else None

    def bundle(self, version: int, folder: Path) -> Bundle:
        """A copy of what lies in the volume."""
        path = folder / str(version)
        _run("docker", "cp", f"{self.container('service')}:/models/digits/{version}", path)
        return Bundle.open(path)


@pytest.fixture(scope="module")
def compose() -> tuple[str, ...]:
    """Docker's compose, in either of its two shapes; skips where no engine answers."""
    if not _answers("docker", "version"):
        pytest.skip("no container engine answers `docker version`; DOCKER_HOST tells which one to ask")
    for command in (("docker", "compose"), ("docker-compose",)):
        if _answers(*command, "version"):
            return command
    pytest.skip("neither `docker compose` nor `docker-compose` is installed")


@pytest.fixture(scope="module")
def images(compose: tuple[str, ...]) -> dict[str, str]:  # noqa: ARG001
    """Both images, built with the network and the package index of this machine."""
    arguments = [f"--build-arg={name}" for name in PASSED_ON if name in os.environ]
    for target, tag in TAGS.items():
        _run("docker", "build", "--network=host", *arguments, "--target", target, "--tag", tag, ".")
    return TAGS


@pytest.fixture(scope="module")
def stack(
    compose: tuple[str, ...], images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The stack as docker-compose.yml describes it, up once; but new versions are looked for on SIGHUP only."""
    override = tmp_path_factory.mktemp("compose") / "test.json"
    service = {"image": images["service"], "environment": {"HOURGLASS_MODELS_POLL_INTERVAL_S": "0"}}
    services = {"train": {"image": images["training"]}, "service": service}
    files = ("-f", ROOT / "docker-compose.yml", "-f", override)
    version = {"version": "3.9"} if compose == ("docker-compose",) else {}  # 1.29 wants files to agree on one
    override.write_text(json.dumps({**version, "services": services}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        stack = Stack((*compose, "-p", f"hourglass-test-{uuid.uuid4().hex[:8]}", *files), client, port)
        try:
            stack.up()
            yield stack
        finally:
            stack.run("down", "--volumes", "--remove-orphans", "--timeout", "0")


@pytest.mark.parametrize("target", TAGS)
def test_an_image_runs_as_a_fixed_user_who_is_not_root(images: dict[str, str], target: str) -> None:
    assert _run("docker", "inspect", "--format", "{{.Config.User}}", images[target]) == USER


def test_the_service_image_holds_neither_training_nor_tests_nor_tools(stack: Stack) -> None:
    assert stack.in_service("import os; print(*sorted(os.listdir()))") == "LICENSE models service"
    listing = "import importlib.metadata as m; print(*{d.name.lower() for d in m.distributions(path=['%s'])})"
    packages = "import torch, os; print(os.path.dirname(os.path.dirname(torch.__file__)))"
    installed = set(stack.in_service(listing % stack.in_service(packages)).split())
    assert "fastapi" in installed
    assert not installed & {"torchvision", "rich", "pyyaml", "pip", "pytest", "ruff", "mypy"}
    assert stack.in_service("import shutil; print(*filter(shutil.which, ['gcc', 'cc', 'c++', 'make']))") == ""


def test_the_service_image_carries_no_cuda(stack: Stack) -> None:
    assert stack.in_service("import torch; print(torch.version.cuda)") == "None"


def test_up_trains_the_embedded_default_and_then_serves_it(stack: Stack, tmp_path: Path) -> None:
    assert stack.inspect("train", "{{.State.Status}} {{.State.ExitCode}}") == "exited 0"
    assert stack.version == 1
    assert stack.bundle(1, tmp_path).manifest.dataset.name == "digits"


def test_a_ready_container_becomes_healthy(stack: Stack) -> None:
    _until(lambda: stack.inspect("service", "{{.State.Health.Status}}") == "healthy", READY_S)


def test_json_images_are_answered_with_the_latents_that_the_bundle_promises(stack: Stack, tmp_path: Path) -> None:
    golden = stack.bundle(stack.version or 0, tmp_path).golden
    body = {"images": golden.images[..., 0].tolist(), "pixel_range": "byte"}
    answer = stack.client.post("/encode", json=body)
    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(answer.json()["latents"], golden.latents, atol=1e-5)


def test_a_png_is_answered_with_the_png_of_its_reconstruction(stack: Stack, tmp_path: Path) -> None:
    golden = stack.bundle(stack.version or 0, tmp_path).golden
    types = {"Content-Type": "image/png", "Accept": "image/png"}
    answer = stack.client.post("/reconstruct", content=encode_png(golden.images[0]), headers=types)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    expected = golden.reconstructions[0, ..., 0] * 255
    np.testing.assert_allclose(np.squeeze(decode(answer.content, 8, 8, 1)), expected, atol=0.51)


def test_a_map_is_computed_and_drawn(stack: Stack) -> None:
    types = {"Accept": "image/svg+xml"}
    answer = stack.client.post("/tsne?iterations=250", json={"reference": True}, headers=types, timeout=120)
    assert answer.status_code == 200, answer.text
    assert "<svg" in answer.text


def test_maps_of_two_spaces_may_be_computed_side_by_side_by_loops_that_were_compiled_before(stack: Stack) -> None:
    code = (
        "from service.compiled import may_run_together\n"
        "from service.tsne.exact import _repel_in_plane as loop\n"
        "from service.tsne import warm_up\n"
        "warm_up(); print(may_run_together(), sum(loop.stats.cache_misses.values()))"
    )
    assert stack.in_service(code) == "True 0"


def test_only_the_cache_folder_can_be_written_to(stack: Stack) -> None:
    attempt = (
        "import pathlib\n"
        "for folder in ['/', '/app', '/venv', '/models', '/tmp']:\n"
        "    try: pathlib.Path(folder, 'new').touch(); print(folder)\n"
        "    except OSError: pass"
    )
    assert stack.in_service(attempt) == "/tmp"


def test_the_service_has_no_capabilities_and_can_gain_none(stack: Stack) -> None:
    status = dict(line.split(":\t") for line in stack.in_service("print(open('/proc/1/status').read())").splitlines())
    assert int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_a_second_up_trains_nothing(stack: Stack) -> None:
    before = stack.version
    assert "epoch" in _run("docker", "logs", stack.container("train"))
    stack.run("down")
    stack.up()
    assert stack.version == before
    assert stack.inspect("train", "{{.State.Status}} {{.State.ExitCode}}") == "exited 0"
    assert "epoch" not in _run("docker", "logs", stack.container("train"))


def test_a_new_version_takes_over_on_sighup(stack: Stack, tmp_path: Path) -> None:
    before = stack.version or 0
    stack.run("run", "--rm", "-T", "train", "python", "-m", "training", "train", "--epochs", "1", "--bottleneck", "8")
    assert stack.version == before
    _run("docker", "kill", "--signal", "HUP", stack.container("service"))
    _until(lambda: stack.version == before + 1, READY_S)
    golden = stack.bundle(before + 1, tmp_path).golden
    answer = stack.client.post("/encode", json={"images": golden.images[..., 0].tolist(), "pixel_range": "byte"})
    np.testing.assert_allclose(answer.json()["latents"], golden.latents, atol=1e-5)


def test_stop_ends_the_service_gracefully(stack: Stack) -> None:
    began = time.monotonic()
    _run("docker", "stop", stack.container("service"))
    took_s = time.monotonic() - began
    assert stack.inspect("service", "{{.State.ExitCode}} {{.State.OOMKilled}}") == "0 false"
    assert "Application shutdown complete" in stack.run("logs", "--no-color", "service")
    assert took_s < GRACE_S
    stack.up()


def test_stop_ends_a_training_run_before_it_is_killed(stack: Stack) -> None:
    name = f"hourglass-test-{uuid.uuid4().hex[:8]}"
    command = ("python", "-m", "training", "train", "--epochs", "100000")
    stack.run("run", "-d", "-T", "--name", name, "train", *command)
    try:
        _until(lambda: "epoch 2/" in _run("docker", "logs", name), READY_S)
        _run("docker", "stop", "--time", "60", name)
        assert _run("docker", "inspect", "--format", "{{.State.ExitCode}}", name) == "130"
    finally:
        _run("docker", "rm", "--force", name)
