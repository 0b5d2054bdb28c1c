"""The running service for all integration tests: within this process, or as one of its own."""

import base64
import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx2 as httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.arrays import BytePixels, Latents, Pixels
from service.bundle import Bundle, list_files, sha256
from service.settings import Settings
from tests.conftest import TrainOnce
from training.config import Config

ROOT = Path(__file__).parents[2]
_STOPS_WITHIN_S = 20
_ADDRESS = re.compile(r"running on (http://[\d.:]+)")


def wait_until(claim: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds."""
    began = time.monotonic()
    while not claim():
        assert time.monotonic() - began < seconds, "it never came to hold"
        time.sleep(0.02)


def is_ready(client: httpx.Client) -> bool:
    return client.get("/health/ready").status_code == 200


@contextlib.contextmanager
def serving_here(models_dir: Path, *, ready: bool = True, **settings: Any) -> Iterator[TestClient]:
    """A client of an application in this process, within its lifespan; it computes no maps unless told to."""
    chosen: dict[str, Any] = {"map_processes": 0, "models_poll_interval_s": 0.01} | settings
    app = create_app(Settings(models_dir=models_dir, _env_file=None, **chosen))
    app.openapi()  # else FastAPI makes its routes in a first request, and hides its warnings from no other thread
    with TestClient(app) as client:
        if ready:
            wait_until(lambda: is_ready(client), seconds=90)
        yield client


@dataclass(frozen=True)
class Server:
    """A `python -m service` of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    """What it prints, both streams."""

    @property
    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """Where it listens, as soon as it does."""
        found: list[str] = []

        def listens() -> bool:
            assert self.process.poll() is None, self.log
            found[:] = _ADDRESS.findall(self.log)
            return bool(found)

        wait_until(listens)
        return found[0]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)

    def stop(self) -> None:
        """End it as an operator does; it must end by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not stop:\n{self.log}") from None


class StartServer(Protocol):
    """Starts a server whose settings are the defaults, but for environment variables: `HOURGLASS_MAX_IMAGES="3"`."""

    def __call__(self, models_dir: Path | None = None, *, ready: bool = True, **environment: str) -> Server: ...


@pytest.fixture(scope="session")
def server(digits_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts real servers on free ports; those that a test leaves running end with the session."""
    started: list[Server] = []

    def start(models_dir: Path | None = None, *, ready: bool = True, **environment: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        output = folder / "output.txt"
        others = {name: value for name, value in os.environ.items() if not name.startswith("HOURGLASS_")}
        models = {"HOURGLASS_MODELS_DIR": str(models_dir or digits_bundle.path.parents[1]), "HOURGLASS_PORT": "0"}
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "service"], cwd=folder, stdout=file, stderr=file,
                env={**others, "PYTHONPATH": str(ROOT), **models, **environment},
            )  # fmt: skip
        one = Server(process, output)
        started.append(one)
        if ready:
            with one.client() as client:
                wait_until(lambda: is_ready(client), seconds=90)
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def client(digits_bundle: Bundle) -> Iterator[TestClient]:
    """A client of the service on the digits bundle, in this process, with everything at its defaults."""
    with serving_here(digits_bundle.path.parents[1], map_processes=1, models_poll_interval_s=5.0) as client:
        yield client


@dataclass(frozen=True)
class Subject:
    """A model that is served, and the same TorchScript file loaded by nothing of ours."""

    client: TestClient
    bundle: Bundle
    module: torch.jit.ScriptModule

    @property
    def image_shape(self) -> tuple[int, int, int]:
        image = self.bundle.manifest.image
        return image.height, image.width, image.channels

    @property
    def images(self) -> BytePixels:
        """Images of the model's size, of the reference sample."""
        return self.bundle.reference.images

    def post(self, path: str, body: dict[str, Any], accept: str | None = None, **query: Any) -> httpx.Response:
        """Ask this model, with a body as the functions below make them."""
        headers = body.get("headers", {}) | ({"Accept": accept} if accept else {})
        parameters = {"model": self.bundle.manifest.name} | query
        return self.client.post(path, **{**body, "headers": headers}, params=parameters)

    def encode(self, images: BytePixels | NDArray[np.floating[Any]]) -> Latents:
        """What the model itself says."""
        return self._call("encode", as_unit(images))

    def reconstruct(self, images: BytePixels) -> Pixels:
        return self._call("forward", as_unit(images))

    def decode(self, latents: Latents) -> Pixels:
        return self._call("decode", latents)

    def _call(self, method: str, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            answer: torch.Tensor = getattr(self.module, method)(torch.from_numpy(np.array(batch)))
        return np.asarray(answer.numpy())


@pytest.fixture(scope="session")
def colours_bundle(tmp_path_factory: pytest.TempPathFactory, train_once: TrainOnce) -> Bundle:
    """A bundle of colour images that are not square, trained for two epochs."""
    root = tmp_path_factory.mktemp("colours")
    random = np.random.default_rng(0)
    y, x = np.mgrid[:6, :10][..., None]
    for index in range(80):
        (slope, turn), phase = random.uniform(0.3, 0.8, (2, 3)), random.uniform(0, 6.3, 3)
        waves = 127 + 100 * np.sin(slope * x + turn * y * (1 + index % 2) + phase) + random.normal(0, 8, (6, 10, 3))
        folder = root / "data" / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(waves.clip(0, 255).astype(np.uint8)).save(folder / f"{index}.png")
    config = Config(
        dataset="folder", name="colours", hidden=(24,), bottleneck=5, epochs=2, threads=1, data_root=root / "data"
    )  # fmt: skip
    return train_once(config)


@pytest.fixture(scope="session")
def gallery(
    digits_bundle: Bundle, colours_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A client of a service with both models, which can also make maps."""
    models = tmp_path_factory.mktemp("gallery")
    for bundle in (digits_bundle, colours_bundle):
        place(bundle, models)
    with serving_here(models, map_processes=1, models_poll_interval_s=60) as client:
        yield client


@pytest.fixture(scope="session")
def digits(gallery: TestClient, digits_bundle: Bundle) -> Subject:
    """Grey images, 8 x 8."""
    return Subject(gallery, digits_bundle, load_script(digits_bundle))


@pytest.fixture(scope="session")
def colours(gallery: TestClient, colours_bundle: Bundle) -> Subject:
    """Colour images, 6 x 10."""
    return Subject(gallery, colours_bundle, load_script(colours_bundle))


@pytest.fixture(params=["digits", "colours"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each of the two models."""
    found: Subject = request.getfixturevalue(request.param)
    return found


def load_script(bundle: Bundle) -> torch.jit.ScriptModule:
    module: torch.jit.ScriptModule = torch.jit.load(bundle.path / "model.pt")
    return module


def place(
    bundle: Bundle,
    models_dir: Path,
    name: str | None = None,
    version: int = 1,
    change: Callable[[Path], object] = lambda _: None,
) -> Path:
    """Let a copy of a bundle, changed or not, appear in a models folder, whole and at once, under another name."""
    name = name or bundle.manifest.name
    stage, path = models_dir / name / f".{version}.partial", models_dir / name / str(version)
    shutil.copytree(bundle.path, stage)
    edit_manifest(stage, name=name, version=version)
    change(stage)
    return stage.rename(path)


def edit_manifest(path: Path, **fields: Any) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | fields))


def sign(path: Path) -> None:
    """Make a bundle's checksums right again after a change."""
    edit_manifest(path, files={name: sha256(path / name) for name in list_files(path)})


def json_body(**members: Any) -> dict[str, Any]:
    return {"json": members}


def npy_body(array: NDArray[Any]) -> dict[str, Any]:
    file = io.BytesIO()
    np.save(file, array)
    return {"content": file.getvalue(), "headers": {"Content-Type": "application/x-npy"}}


def form_body(files: list[bytes], **fields: str) -> dict[str, Any]:
    return {"files": [("images", (f"{index}.png", file)) for index, file in enumerate(files)], "data": fields}


def file_body(file: bytes, media_type: str) -> dict[str, Any]:
    return {"content": file, "headers": {"Content-Type": media_type}}


def encode_file(image: BytePixels, file_format: str = "PNG", **options: Any) -> bytes:
    """`(height, width, channels)` bytes -> a file."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, file_format, **options)
    return buffer.getvalue()


def base64_file(image: BytePixels) -> str:
    return base64.b64encode(encode_file(image)).decode()


def open_image(file: bytes | str) -> NDArray[np.uint8]:
    """A file, or its base64 -> (height, width, channels) bytes."""
    data = base64.b64decode(file) if isinstance(file, str) else file
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def open_npy(response: httpx.Response) -> NDArray[Any]:
    assert response.headers["content-type"] == "application/x-npy"
    array: NDArray[Any] = np.load(io.BytesIO(response.content), allow_pickle=False)
    return array


def as_unit(images: NDArray[Any]) -> NDArray[np.float32]:
    """Bytes, or numbers in [0, 1] already -> numbers in [0, 1]."""
    return images.astype(np.float32) / np.float32(255 if images.dtype == np.uint8 else 1)


def without_grey_axis(images: NDArray[Any]) -> NDArray[Any]:
    return images[..., 0] if images.shape[-1] == 1 else images


def problem(response: httpx.Response, slug: str) -> dict[str, Any]:
    """The problem document that a response must be."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    assert document["type"] == f"/problems/{slug}", document
    assert document["status"] == response.status_code
    return document


IMAGE_FORMS: dict[str, Callable[[BytePixels], dict[str, Any]]] = {
    "base64": lambda images: json_body(images=[base64_file(image) for image in images]),
    "data URIs": lambda images: json_body(images=[f"data:image/png;base64,{base64_file(image)}" for image in images]),
    "numbers": lambda images: json_body(images=(images / 255).tolist()),
    "numbers without the grey axis": lambda images: json_body(images=(without_grey_axis(images) / 255).tolist()),
    "flat numbers": lambda images: json_body(images=(images.reshape(len(images), -1) / 255).tolist()),
    "bytes as numbers": lambda images: json_body(images=images.tolist(), pixel_range="byte"),
    "flat bytes as numbers": lambda images: json_body(
        images=images.reshape(len(images), -1).tolist(), pixel_range="byte"
    ),
    "files and numbers mixed": lambda images: json_body(
        images=[base64_file(images[0]), *images[1:].tolist()], pixel_range="byte"
    ),
    "form": lambda images: form_body([encode_file(image) for image in images]),
    "uint8 array": npy_body,
    "uint8 array without the grey axis": lambda images: npy_body(without_grey_axis(images)),
    "flat uint8 array": lambda images: npy_body(images.reshape(len(images), -1)),
    "float32 array": lambda images: npy_body((images / 255).astype(np.float32)),
    "float64 array": lambda images: npy_body(images / 255),
    "flat float64 array": lambda images: npy_body(images.reshape(len(images), -1) / 255),
    "array in Fortran order": lambda images: npy_body(np.asfortranarray(images)),
    "big-endian array": lambda images: npy_body((images / 255).astype(">f4")),
}
"""Every form of a batch that loses nothing."""
FILE_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "image/png": ("PNG", {}),
    "image/bmp": ("BMP", {}),
    "image/gif": ("GIF", {}),
    "image/webp": ("WEBP", {"lossless": True}),
}
"""Every form of a single file that loses nothing."""
