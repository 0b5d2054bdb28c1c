"""The running service against its own OpenAPI document: schemathesis, every phase, every check.

This module is also the extension that schemathesis loads: it says what a JSON schema cannot, such as which text is an
encoded image. Only parts that are meant to be valid are touched; what is meant to be wrong is sent as it is.

Four checks find nothing to look at, since the service has no resources that clients make (`use_after_free`,
`ensure_resource_availability`) and no authentication (`ignored_auth`, `object_level_authorization`); they are on
nevertheless.
"""

import base64
import io
import json
import os
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case, HookContext
from schemathesis.core.parameters import ParameterLocation

from service.npy import write_npy
from service.settings import Settings
from tests.integration.conftest import ROOT, StartServer

SIDE, LATENT_DIM = 8, 6
"""Of the digits bundle."""
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/bmp": "BMP", "image/gif": "GIF"}
JSON, NPY, FORM = "application/json", "application/x-npy", "multipart/form-data"
MOST_STOPS = 4
"""Of a walk here."""
MOST_PIXELS: int = Settings.model_fields["max_animation_values"].default
"""Of all frames of a walk, by default; the digits have one number a pixel."""
EXAMPLES = 40
CONFIG = """
[[operations]]
include-path = "/tsne"
generation.max-examples = 12
"""


def encoded(media_type: str, side: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, FORMATS[media_type])
    return buffer.getvalue()


FILES = {media_type: [encoded(media_type, side) for side in (1, SIDE, 20)] for media_type in FORMATS}
BASE64 = [base64.b64encode(file).decode() for files in FILES.values() for file in files]
TEXTS = [*BASE64, *(f"data:image/png;base64,{text}" for text in BASE64)]
PIXELS, LATENTS = np.full((7, SIDE, SIDE), 128, np.uint8), np.ones((7, LATENT_DIM), np.float32)

for name, files in FILES.items():
    schemathesis.openapi.media_type(name, st.sampled_from(files))
schemathesis.openapi.media_type(NPY, st.just(write_npy(PIXELS)))
schemathesis.openapi.format("binary", st.sampled_from([file for files in FILES.values() for file in files]))


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    """Bring the valid parts of a request to what the served model and the limits make of valid."""
    if case.meta is None or case.method != "POST":
        return
    if case.query and not case.meta.is_negative_at(ParameterLocation.QUERY):
        case.query = fitting_query(case.path, dict(case.query))
    if case.meta.is_negative_at(ParameterLocation.BODY):
        if isinstance(case.body, bytes):  # from above, as there are no other bytes to send: not wrong as yet
            case.body = case.body[:-20]
    elif case.media_type == NPY:
        kwargs["data"] = write_npy(LATENTS if case.path == "/decode" else PIXELS)
    elif not isinstance(case.body, dict):
        return
    elif case.media_type == FORM and not {"labels", "ids"}.isdisjoint(case.body):
        files = [("images", (f"{index}.png", file)) for index, file in enumerate(FILES["image/png"] * 3)]
        names = json.dumps([str(index) for index in range(len(files))])
        beside = [(key, (None, names)) for key in ("labels", "ids") if key in case.body]
        kwargs["files"] = [*files, *beside]
    elif case.media_type == JSON:
        case.body = fitting_body(case.path, case.body)


def fitting_query(path: str, query: dict[str, Any]) -> dict[str, Any]:
    """A model that is served, and options that fit few small images."""
    query |= {name: value for name, value in (("model", "digits"), ("version", 1)) if name in query}
    if path == "/tsne":
        query["iterations"] = min(int(query.get("iterations", 250)), 300)
        query["perplexity"] = 1  # the only one for four points
        query["dimensions"] = 2 if query.get("points") == "thumbnails" else query.get("dimensions", 2)
        for name in ("onto", "optimise"):  # which of the other parameters they leave is tested in test_placement
            query.pop(name, None)
    if path == "/interpolate":
        query["scale"] = min(int(query.get("scale") or 16), 32)
        most_steps = MOST_PIXELS // (4 * MOST_STOPS * (SIDE * query["scale"]) ** 2)
        query["steps"] = min(int(query.get("steps", 2)), max(2, most_steps))
    return query


def fitting_body(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A body of the same structure, with images and latents of the model in place of any."""
    fitted = dict(body)
    for key, fit in (("images", fitting_image), ("latents", fitting_latent)):
        if key in body:
            count = min(len(body[key]), MOST_STOPS) if path == "/interpolate" else len(body[key])
            fitted[key] = [fit(index, item) for index, item in enumerate(body[key][:count])]
            for names in {"labels", "ids"} & body.keys():
                fitted[names] = list(islice(cycle(body[names] or ["a"]), count))
    return fitted


def fitting_image(index: int, item: Any) -> Any:
    if isinstance(item, str):
        return TEXTS[(index + len(item)) % len(TEXTS)]
    array = np.random.default_rng(index).random((SIDE, SIDE, 1))
    if not isinstance(item[0], list):
        return array.ravel().tolist()
    return array.tolist() if isinstance(item[0][0], list) else array[..., 0].tolist()


def fitting_latent(index: int, item: list[float]) -> list[float]:
    return [float(number) if abs(number) < 5 else index % 5 for number in islice(cycle(item), LATENT_DIM)]


@pytest.mark.timeout(300)
def test_the_service_keeps_its_own_document(server: StartServer, tmp_path: Path) -> None:
    running = server()
    (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    command = [
        "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "--no-color", "run",
        f"{running.url}/openapi.json", "--checks", "all", "--mode", "all", "--phases",
        "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--max-examples", str(EXAMPLES),
        "--generation-deterministic", "--request-timeout", "30",
    ]  # fmt: skip
    result = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=290, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": __name__},
    )  # fmt: skip
    with running.client() as client:
        [model] = client.get("/models").json()["models"]
        metrics = client.get("/metrics").text
    running.stop()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in running.log
    assert (model["image"]["height"], model["latent_dim"]) == (SIDE, LATENT_DIM)
    for route in ("/encode", "/decode", "/reconstruct", "/interpolate", "/tsne"):
        assert answers(metrics, route, 200) >= 20, route
        assert answers(metrics, route, 422) >= 20, route


def answers(metrics: str, route: str, status: int) -> float:
    """How often a route was posted to and answered so."""
    name = f'hourglass_requests_total{{method="POST",route="{route}",status="{status}"}} '
    return sum(float(line.removeprefix(name)) for line in metrics.splitlines() if line.startswith(name))
