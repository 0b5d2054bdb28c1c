"""The models folder, followed: what is served of it, and what happens when it changes under a running service."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from starlette.testclient import TestClient

from service.arrays import to_unit
from service.autoencoder import Autoencoder
from service.bundle import Bundle, list_versions
from service.settings import Settings
from tests.integration.conftest import (
    Server,
    StartServer,
    edit_manifest,
    json_body,
    npy_body,
    place,
    problem,
    serving_here,
    sign,
    wait_until,
)

LIMITS = (
    "max_body_bytes", "max_images", "max_json_values", "max_image_pixels", "max_steps", "max_frame_pixels",
    "max_animation_values",
    "max_map_points", "max_map_iterations", "request_timeout_s", "body_timeout_s", "map_timeout_s", "max_queue_images",
)  # fmt: skip


def other_weights(shift: float) -> Callable[[Path], None]:
    """A valid bundle of a model whose latents are a little different."""

    def change(path: Path) -> None:
        module = torch.jit.load(path / "model.pt")
        with torch.no_grad():
            dict(module.named_parameters())["encoder.last.bias"].add_(shift)
        module.save(str(path / "model.pt"))
        golden = dict(np.load(path / "golden.npz"))
        model, pixels = Autoencoder.load(path / "model.pt"), to_unit(golden["images"])
        np.savez(
            path / "golden.npz",
            images=golden["images"], latents=model.encode(pixels), reconstructions=model.reconstruct(pixels),
        )  # fmt: skip
        sign(path)

    return change


def _flip_a_byte(path: Path) -> None:
    page = path / "report" / "index.html"
    page.write_bytes(page.read_bytes()[:-1] + b"!")


def _falsify_golden(path: Path) -> None:
    golden = dict(np.load(path / "golden.npz"))
    np.savez(path / "golden.npz", **golden | {"latents": golden["latents"] + 0.01})
    sign(path)


def _replace_script(path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, path / "model.pt")
    sign(path)


def _empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


def _replace_by_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("no bundle")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "wrong checksum": (_flip_a_byte, "report/index.html is not the file that was written"),
    "missing file": (lambda path: (path / "golden.npz").unlink(), "golden.npz is missing"),
    "file too many": (lambda path: (path / "more.txt").write_text("x"), "more.txt is not in the manifest"),
    "wrong golden": (_falsify_golden, "does not give its golden latents"),
    "no JSON": (lambda path: (path / "manifest.json").write_text("{"), "manifest.json: the document: Invalid JSON"),
    "unknown field": (lambda path: edit_manifest(path, surprise=1), "manifest.json: surprise"),
    "other format": (lambda path: edit_manifest(path, format_version=2), "manifest.json: format_version"),
    "wrong name": (lambda path: edit_manifest(path, name="other"), "says that it is other version 2"),
    "wrong version": (lambda path: edit_manifest(path, version=3), "says that it is digits version 3"),
    "not TorchScript": (_replace_script, "not a TorchScript autoencoder"),
    "empty folder": (_empty, "no readable manifest.json"),
    "a file": (_replace_by_file, "no readable manifest.json"),
}


@pytest.fixture
def models(digits_bundle: Bundle, tmp_path: Path) -> Path:
    """A models folder with the digits bundle as version 1."""
    place(digits_bundle, tmp_path)
    return tmp_path


@pytest.fixture
def client(models: Path) -> Iterator[TestClient]:
    """A client of a service that looks into that folder a hundred times a second."""
    with serving_here(models) as client:
        yield client


def version_of(client: httpx.Client, name: str = "digits") -> int | None:
    """The version that `GET /models` says is served."""
    found: dict[str, int] = {one["name"]: one["version"] for one in client.get("/models").json()["models"]}
    return found.get(name)


def encode(client: httpx.Client, bundle: Bundle, **query: Any) -> httpx.Response:
    return client.post("/encode", **npy_body(bundle.reference.images[:3]), params=query)


def latents_of(path: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    module = torch.jit.load(path / "model.pt")
    with torch.inference_mode():
        return np.asarray(module.encode(torch.from_numpy(images / np.float32(255))).numpy())


def refused(client: httpx.Client) -> float:
    """How often a bundle was refused, by the metrics."""
    name = 'hourglass_bundles_refused_total{model="digits"} '
    text = client.get("/metrics").text
    return float(text.split(name)[1].split()[0]) if name in text else 0.0


def test_the_list_tells_what_the_manifests_tell(
    gallery: TestClient, digits_bundle: Bundle, colours_bundle: Bundle
) -> None:
    document = gallery.get("/models").json()
    assert document["default"] == "colours"
    assert [one["name"] for one in document["models"]] == ["colours", "digits"]
    for one, bundle in zip(document["models"], (colours_bundle, digits_bundle), strict=True):
        manifest = json.loads((bundle.path / "manifest.json").read_text())
        assert (one["version"], one["versions"]) == (1, [1])
        for key in ("created", "image", "latent_dim", "metrics"):
            assert one[key] == manifest[key]
        assert one["dataset"] == manifest["dataset"]["name"]
        assert one["limits"] == {name: Settings.model_fields[name].default for name in LIMITS}


def test_a_models_page_tells_all_of_its_manifest(gallery: TestClient, digits_bundle: Bundle) -> None:
    document = gallery.get("/models/digits").json()
    summary = gallery.get("/models").json()["models"][1]
    manifest = json.loads((digits_bundle.path / "manifest.json").read_text())
    assert document | summary == document
    assert document["classes"] == manifest["dataset"]["classes"]
    assert document["training"] == manifest["config"]
    assert document["software"] == manifest["versions"]
    assert document["all_metrics"] == json.loads((digits_bundle.path / "report" / "metrics.json").read_text())
    assert document["history"] == digits_bundle.history
    assert document["seed"] == manifest["seed"]
    assert document["data"] == manifest["dataset"]
    assert document["files"] == manifest["files"]


@pytest.mark.parametrize("page", ["/models/digits", "/models/digits?version=1", "/models/colours"])
def test_every_link_of_a_models_page_answers(page: str, models: Path, colours_bundle: Bundle) -> None:
    place(Bundle.open(models / "digits" / "1"), models, version=2)
    place(colours_bundle, models)
    with serving_here(models, map_processes=0) as client:
        document = client.get(page).json()
        links = dict(document["links"])
        assert client.get(links.pop("self")).json() == document
        for name in ("reference", "reference_images", "report"):
            shown = client.get(links.pop(name))
            assert (shown.status_code, shown.headers["x-model"]) == (200, document["name"])
            assert shown.headers["x-model-version"] == str(document["version"])
        bundle = Bundle.open(models / document["name"] / str(document["version"]))
        bodies = {name: npy_body(bundle.reference.images[:4]) for name in links}
        bodies["decode"] = npy_body(bundle.reference.latents[:4])
        assert set(links) == {"encode", "decode", "reconstruct", "interpolate", "tsne"}
        for name, link in links.items():
            response = client.post(link, **bodies[name])
            if name == "tsne":  # which this service has no process for; so much is said after the model was chosen
                problem(response, "map-failed")
            else:
                assert response.status_code == 200
                assert response.headers["x-model"] == document["name"]
                assert response.headers["x-model-version"] == str(document["version"])


def test_model_and_version_choose_who_answers(models: Path, digits_bundle: Bundle) -> None:
    place(digits_bundle, models, version=3, change=other_weights(0.5))
    place(digits_bundle, models, name="other", version=7, change=other_weights(1.5))
    images = digits_bundle.reference.images[:3]
    with serving_here(models) as client:
        for query, name, version in (
            ({}, "digits", 3),
            ({"version": 1}, "digits", 1),
            ({"model": "digits"}, "digits", 3),
            ({"model": "digits", "version": 1}, "digits", 1),
            ({"model": "other"}, "other", 7),
            ({"model": "other", "version": 7}, "other", 7),
        ):
            document = encode(client, digits_bundle, **query).json()
            assert (document["model"], document["version"]) == (name, version)
            expected = latents_of(models / name / str(version), images)
            np.testing.assert_allclose(document["latents"], expected, atol=1e-5)
            assert client.get(f"/models/{name}", params={"version": version}).json()["version"] == version


@pytest.mark.parametrize(
    ("query", "slug", "status"),
    [
        ({"model": "none"}, "unknown-model", 404),
        ({"version": 9}, "unknown-version", 404),
        ({"model": "colours", "version": 2}, "unknown-version", 404),
        ({"model": "../up"}, "invalid-parameter", 422),
        ({"version": 0}, "invalid-parameter", 422),
        ({"version": 2**31}, "invalid-parameter", 422),
        ({"version": "new"}, "invalid-parameter", 422),
    ],
)
def test_a_choice_that_is_none_is_refused(
    query: dict[str, Any], slug: str, status: int, gallery: TestClient, colours_bundle: Bundle
) -> None:
    response = encode(gallery, colours_bundle, **query)
    assert response.status_code == status
    problem(response, slug)


def test_pages_of_models_that_are_none_are_refused(gallery: TestClient) -> None:
    problem(gallery.get("/models/none"), "unknown-model")
    problem(gallery.get("/models/digits", params={"version": 2}), "unknown-version")
    assert gallery.get("/models/..%2Fup").status_code in {404, 422}


def test_the_default_model_is_the_one_that_is_set(models: Path, digits_bundle: Bundle, colours_bundle: Bundle) -> None:
    place(colours_bundle, models)
    with serving_here(models, default_model="digits") as client:
        assert client.get("/models").json()["default"] == "digits"
        assert encode(client, digits_bundle).json()["model"] == "digits"


def test_without_its_default_model_a_service_is_not_ready_and_answers_for_the_others(
    models: Path, digits_bundle: Bundle
) -> None:
    with serving_here(models, ready=False, default_model="absent") as client:
        wait_until(lambda: version_of(client) == 1)
        assert client.get("/models").json()["default"] is None
        assert client.get("/health/ready").status_code == 503
        problem(encode(client, digits_bundle), "not-ready")
        assert encode(client, digits_bundle, model="digits").status_code == 200


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_version_is_refused_once_while_the_old_one_serves_on(
    kind: str, client: TestClient, models: Path, digits_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    before = encode(client, digits_bundle).json()
    change, reason = BROKEN[kind]
    place(digits_bundle, models, version=2, change=change)
    wait_until(lambda: refused(client) == 1)
    assert encode(client, digits_bundle).json() == before
    assert client.get("/models/digits").json()["versions"] == [1]
    problem(encode(client, digits_bundle, version=2), "unknown-version")

    place(digits_bundle, models, version=3, change=other_weights(0.5))  # so that the folder was looked at again
    wait_until(lambda: version_of(client) == 3)
    assert refused(client) == 1
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [reason in line and "digits/2" in line for line in lines] == [True]


def test_a_version_that_breaks_while_it_is_served_serves_on(
    client: TestClient, models: Path, digits_bundle: Bundle
) -> None:
    path = place(digits_bundle, models, version=2, change=other_weights(0.5))
    wait_until(lambda: version_of(client) == 2)
    before = encode(client, digits_bundle).json()
    (models / "broken.pt").write_bytes(b"half of it")
    (models / "broken.pt").rename(path / "model.pt")  # at once: an empty file would be one more that is refused
    wait_until(lambda: refused(client) == 1)
    place(digits_bundle, models, name="other")  # so that the folder was looked at again
    wait_until(lambda: version_of(client, "other") == 1)
    assert encode(client, digits_bundle).json() == before
    assert refused(client) == 1


def test_a_repaired_version_takes_over(client: TestClient, models: Path, digits_bundle: Bundle) -> None:
    path = place(digits_bundle, models, version=2, change=lambda path: (path / "golden.npz").unlink())
    wait_until(lambda: refused(client) == 1)
    shutil.copy2(digits_bundle.path / "golden.npz", path)
    wait_until(lambda: version_of(client) == 2)
    assert client.get("/health/ready").json()["models"] == {"digits": 2}
    assert 'hourglass_model_version{model="digits"} 2.0' in client.get("/metrics").text


def test_a_version_that_is_copied_slowly_takes_over_when_it_is_whole(
    client: TestClient, models: Path, digits_bundle: Bundle
) -> None:
    path = models / "digits" / "2"
    path.mkdir()
    for name in ("manifest.json", *digits_bundle.manifest.files):
        (path / name).parent.mkdir(exist_ok=True)
        shutil.copy(digits_bundle.path / name, path / name)
        if name == "manifest.json":
            edit_manifest(path, version=2)
            wait_until(lambda: refused(client) > 0)
        assert encode(client, digits_bundle).status_code == 200
    wait_until(lambda: version_of(client) == 2)


def test_a_removed_version_falls_back_to_the_one_before(
    client: TestClient, models: Path, digits_bundle: Bundle
) -> None:
    before = encode(client, digits_bundle).json()
    path = place(digits_bundle, models, version=2, change=other_weights(0.5))
    wait_until(lambda: version_of(client) == 2)
    assert encode(client, digits_bundle).json() != before
    shutil.rmtree(path)
    wait_until(lambda: version_of(client) == 1)
    assert encode(client, digits_bundle).json() == before
    problem(encode(client, digits_bundle, version=2), "unknown-version")


def test_an_older_version_that_is_removed_is_no_longer_served(
    client: TestClient, models: Path, digits_bundle: Bundle
) -> None:
    place(digits_bundle, models, version=2)
    wait_until(lambda: version_of(client) == 2)
    assert encode(client, digits_bundle, version=1).status_code == 200
    shutil.rmtree(models / "digits" / "1")
    wait_until(lambda: client.get("/models/digits").json()["versions"] == [2])
    problem(encode(client, digits_bundle, version=1), "unknown-version")


def test_a_model_that_leaves_is_gone_and_one_that_comes_is_served(
    client: TestClient, models: Path, digits_bundle: Bundle
) -> None:
    place(digits_bundle, models, name="other")
    wait_until(lambda: version_of(client, "other") == 1)
    shutil.rmtree(models / "digits")
    wait_until(lambda: version_of(client) is None)
    problem(encode(client, digits_bundle, model="digits"), "unknown-model")
    assert encode(client, digits_bundle).json()["model"] == "other"
    assert 'hourglass_model_version{model="digits"}' not in client.get("/metrics").text
    shutil.rmtree(models / "other")
    wait_until(lambda: client.get("/health/ready").status_code == 503)


def test_older_versions_are_loaded_on_demand_and_only_so_many_are_kept(models: Path, digits_bundle: Bundle) -> None:
    for version in (2, 3, 4):
        place(digits_bundle, models, version=version, change=other_weights(version))
    images = digits_bundle.reference.images[:3]
    expected = {version: latents_of(models / "digits" / str(version), images) for version in (1, 2, 3, 4)}
    with serving_here(models, max_loaded_old_versions=2, models_poll_interval_s=0) as client:
        assert client.get("/models/digits").json()["versions"] == [1, 2, 3, 4]
        for version in (1, 2, 1, 3, 4, 3):
            found = encode(client, digits_bundle, version=version).json()
            assert found["version"] == version
            np.testing.assert_allclose(found["latents"], expected[version], atol=1e-5)
        for version in (1, 2, 3, 4):
            (models / "digits" / str(version) / "golden.npz").unlink()
        statuses = {version: encode(client, digits_bundle, version=version).status_code for version in (4, 3, 1, 2)}
        assert statuses == {4: 200, 3: 200, 1: 200, 2: 404}  # 2 was asked for longest ago, and must be read again


def test_what_is_no_bundle_is_left_alone(client: TestClient, models: Path, digits_bundle: Bundle) -> None:
    (models / "README.md").write_text("x")
    (models / "digits" / "checkpoint.pt").write_text("x")
    (models / "digits" / "next").mkdir()
    (models / "Not a Name" / "1").mkdir(parents=True)
    (models / "nothing").mkdir()
    place(digits_bundle, models, version=2)
    wait_until(lambda: version_of(client) == 2)
    assert [one["name"] for one in client.get("/models").json()["models"]] == ["digits"]
    assert "hourglass_bundles_refused_total{" not in client.get("/metrics").text


def test_versions_take_over_on_sighup_without_a_lost_or_a_mixed_answer(
    server: StartServer, models: Path, digits_bundle: Bundle
) -> None:
    images = digits_bundle.reference.images[:300]
    expected = {1: latents_of(models / "digits" / "1", images)}
    one = server(
        models, HOURGLASS_MODELS_POLL_INTERVAL_S="0", HOURGLASS_MAP_PROCESSES="0", HOURGLASS_ACCESS_LOG="false"
    )
    over, answers = Event(), list[tuple[int, NDArray[np.float32]]]()

    def hammer(client: httpx.Client) -> None:
        while not over.is_set():
            response = client.post("/encode", **npy_body(images))
            assert response.status_code == 200, response.text
            document = response.json()
            assert response.headers["x-model-version"] == str(document["version"])
            answers.append((document["version"], np.array(document["latents"], np.float32)))

    with ExitStack() as stack:
        clients = [stack.enter_context(one.client()) for _ in range(4)]
        threads = stack.enter_context(ThreadPoolExecutor(3))
        stack.callback(over.set)
        hammering = [threads.submit(hammer, client) for client in clients[1:]]
        for version in (2, 3, 4, 5):
            path = place(digits_bundle, models, version=version, change=other_weights(version))
            expected[version] = latents_of(path, images)
            assert version_of(clients[0]) == version - 1  # nobody looks by itself
            look(one, clients[0], version)
            seen = len(answers)
            wait_until(partial(has_more, answers, seen + 6))
        shutil.rmtree(path)
        look(one, clients[0], 4)
        over.set()
        for done in hammering:
            done.result()
    assert {version for version, _ in answers} == {1, 2, 3, 4, 5}
    for version, latents in answers:
        np.testing.assert_allclose(latents, expected[version], atol=1e-5)
    assert list_versions(models, "digits") == [1, 2, 3, 4]
    one.stop()


def look(server: Server, client: httpx.Client, version: int) -> None:
    """Have the models folder looked at, until a version is served."""
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until(lambda: version_of(client) == version)


def has_more(answers: list[Any], count: int) -> bool:
    return len(answers) > count


def test_json_bodies_choose_no_model(gallery: TestClient) -> None:
    problem(gallery.post("/encode", **json_body(images=[[0.0]], model="digits")), "invalid-body")
