"""POST /tsne: maps of whatever points come in, computed in a process that a client's leaving stops."""

import csv
import io
import json
import socket
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from service import map_order
from service.served import ServedModel
from tests.integration.conftest import (
    IMAGE_FORMS,
    StartServer,
    Subject,
    base64_file,
    encode_file,
    form_body,
    json_body,
    npy_body,
    open_image,
    open_npy,
    problem,
    serving_here,
    wait_until,
)

QUICK: dict[str, Any] = {"iterations": 250}
LABELS = ["a", "b", "c"] * 4


def _maps(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def _coordinates(response: httpx.Response) -> NDArray[np.float64]:
    """Of all maps: (maps, points, dimensions)."""
    return np.array([found["coordinates"] for found in _maps(response)["maps"]])


@pytest.mark.parametrize("form", ["base64", "bytes as numbers", "form", "uint8 array", "flat float64 array"])
def test_every_kind_of_images_is_laid_out_alike(form: str, subject: Subject) -> None:
    images = subject.images[:12]
    document = _maps(subject.post("/tsne", IMAGE_FORMS[form](images), **QUICK))
    assert (document["model"], document["version"], document["labels"]) == (subject.bundle.manifest.name, 1, None)
    assert [found["space"] for found in document["maps"]] == ["image", "latent"]
    for found in document["maps"]:
        coordinates = np.array(found["coordinates"])
        assert coordinates.shape == (12, 2)
        assert np.isfinite(coordinates).all()
        assert found["kl_divergence"] >= 0
        assert found["perplexity"] == pytest.approx(11 / 3)
        assert 0 <= found["trustworthiness"] <= 1
        assert found["separability"] is None
    expected = _coordinates(subject.post("/tsne", npy_body(images), **QUICK))
    np.testing.assert_array_equal([found["coordinates"] for found in document["maps"]], expected)


@pytest.mark.parametrize("as_array", [True, False])
def test_latents_are_laid_out_and_in_image_space_what_they_decode_to(as_array: bool, subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:12]
    body = npy_body(latents) if as_array else json_body(latents=latents.tolist())
    found = _coordinates(subject.post("/tsne", body, **QUICK))
    assert found.shape == (2, 12, 2)
    images = open_npy(subject.post("/decode", npy_body(latents), "application/x-npy"))
    np.testing.assert_array_equal(found[1], _coordinates(subject.post("/tsne", body, space="latent", **QUICK))[0])
    pixels = _coordinates(subject.post("/tsne", npy_body(images), space="image", **QUICK))[0]
    np.testing.assert_array_equal(found[0], pixels)


def test_the_reference_sample_is_laid_out_with_its_labels(digits: Subject) -> None:
    document = _maps(digits.post("/tsne", json_body(reference=True), space="latent", **QUICK))
    reference = digits.bundle.reference
    assert reference.labels is not None
    assert document["labels"] == [digits.bundle.manifest.dataset.classes[label] for label in reference.labels]
    [found] = document["maps"]
    assert len(found["coordinates"]) == len(reference.images)
    assert found["perplexity"] == 30
    assert found["separability"]["knn_accuracy"] > 0.5
    assert -1 <= found["separability"]["silhouette"] <= 1


@pytest.mark.parametrize("space", ["image", "latent"])
def test_one_space_is_the_same_alone_as_with_the_other(space: str, digits: Subject) -> None:
    body = npy_body(digits.images[:12])
    alone = _maps(digits.post("/tsne", body, space=space, **QUICK))["maps"]
    both = _maps(digits.post("/tsne", body, space="both", **QUICK))["maps"]
    assert alone == [found for found in both if found["space"] == space]


@pytest.mark.parametrize("kind", ["images", "latents", "form"])
def test_labels_come_with_every_kind_of_points(kind: str, digits: Subject) -> None:
    images, latents = digits.images[:12], digits.bundle.reference.latents[:12]
    bodies = {
        "images": json_body(images=[base64_file(image) for image in images], labels=LABELS),
        "latents": json_body(latents=latents.tolist(), labels=LABELS),
        "form": form_body([encode_file(image) for image in images], labels=json.dumps(LABELS)),
    }
    document = _maps(digits.post("/tsne", bodies[kind], **QUICK))
    assert document["labels"] == LABELS
    for found in document["maps"]:
        assert 0 <= found["separability"]["knn_accuracy"] <= 1
        assert -1 <= found["separability"]["silhouette"] <= 1


def test_labels_may_be_numbers(digits: Subject) -> None:
    latents = digits.bundle.reference.latents[:6].tolist()
    document = _maps(digits.post("/tsne", json_body(latents=latents, labels=[3, 7, 3, 7, 3, 7]), **QUICK))
    assert document["labels"] == ["3", "7", "3", "7", "3", "7"]


@pytest.mark.parametrize("labels", [["a"] * 11, [], ["a"] * 11 + [0.5], ["a"] * 11 + [None], ["a"] * 11 + ["b" * 201]])
def test_labels_that_do_not_fit_are_refused(labels: list[Any], digits: Subject) -> None:
    latents = digits.bundle.reference.latents[:12].tolist()
    response = digits.post("/tsne", json_body(latents=latents, labels=labels))
    assert response.status_code == 422
    pointer = problem(response, "invalid-body")["errors"][0]["pointer"]
    assert pointer == ("#/labels/11" if len(labels) == 12 else "#/labels")


def test_labels_do_not_go_with_the_reference_nor_with_other_routes(digits: Subject) -> None:
    problem(digits.post("/tsne", json_body(reference=True, labels=["a"])), "invalid-body")
    problem(digits.post("/tsne", json_body(reference=False)), "invalid-body")
    latents = digits.bundle.reference.latents[:2].tolist()
    problem(digits.post("/decode", json_body(latents=latents, labels=["a", "b"])), "invalid-body")


@pytest.mark.parametrize("space", ["both", "latent"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_csv_has_a_row_for_each_point(dimensions: int, space: str, digits: Subject) -> None:
    latents = digits.bundle.reference.latents[:12].tolist()
    body = json_body(latents=latents, labels=LABELS)
    query: dict[str, Any] = {"dimensions": dimensions, "space": space, **QUICK}
    response = digits.post("/tsne", body, "text/csv", **query)
    assert response.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(response.text))
    spaces = ["image", "latent"] if space == "both" else ["latent"]
    axes = "xyz"[:dimensions]
    assert header == ["index", "id", "label", *(f"{name}_{axis}" for name in spaces for axis in axes)]
    assert [row[:3] for row in rows] == [[str(index), str(index), label] for index, label in enumerate(LABELS)]
    coordinates = np.concatenate(_coordinates(digits.post("/tsne", body, **query)), axis=1)
    np.testing.assert_allclose([[float(cell) for cell in row[3:]] for row in rows], coordinates, rtol=1e-6)


def test_csv_without_labels_has_no_column_for_them(digits: Subject) -> None:
    text = digits.post("/tsne", npy_body(digits.images[:5]), "text/csv", space="image", **QUICK).text
    assert text.splitlines()[0] == "index,id,image_x,image_y"


def test_ids_are_those_given_the_names_of_files_or_the_places_in_the_test_set(digits: Subject) -> None:
    images, latents = digits.images[:4], digits.bundle.reference.latents[:4].tolist()
    names = ["a.png", "../../b.png", "=1+1", "c.png"]
    form = {"files": [("images", (name, encode_file(image))) for name, image in zip(names, images, strict=True)]}
    bodies: dict[str, tuple[dict[str, Any], list[str] | None]] = {
        "given": (json_body(latents=latents, ids=["@x", "-1", "", "é"]), ["@x", "-1", "", "é"]),
        "files": (form, ["a.png", "b.png", "=1+1", "c.png"]),
        "named in the form": (
            form_body([encode_file(image) for image in images], ids='["p","q","r","s"]'),
            list("pqrs"),
        ),
        "none": (json_body(latents=latents), None),
        "reference": (json_body(reference=True), [str(index) for index in digits.bundle.reference.test_indices]),
    }
    cells = {"@x": "'@x", "=1+1": "'=1+1"}
    for body, ids in bodies.values():
        query: dict[str, Any] = {"space": "latent", **QUICK}
        document = _maps(digits.post("/tsne", body, **query))
        assert document["ids"] == ids
        rows = list(csv.DictReader(io.StringIO(digits.post("/tsne", body, "text/csv", **query).text)))
        expected = [cells.get(name, name) for name in ids or map(str, range(4))]
        assert [row["id"] for row in rows] == expected


@pytest.mark.parametrize("ids", [["a"] * 11, [], ["a"] * 11 + [1], ["a"] * 11 + [None], ["a"] * 11 + ["b" * 201]])
def test_ids_that_do_not_fit_are_refused(ids: list[Any], digits: Subject) -> None:
    latents = digits.bundle.reference.latents[:12].tolist()
    document = problem(digits.post("/tsne", json_body(latents=latents, ids=ids)), "invalid-body")
    assert document["errors"][0]["pointer"] == ("#/ids/11" if len(ids) == 12 else "#/ids")
    problem(digits.post("/decode", json_body(latents=latents[:1], ids=["a"])), "invalid-body")
    problem(digits.post("/tsne", json_body(reference=True, ids=["a"])), "invalid-body")


def test_a_label_is_no_formula_in_a_table(digits: Subject) -> None:
    latents = digits.bundle.reference.latents[:4].tolist()
    body = json_body(latents=latents, labels=["=cmd|' /C calc'!A0", "-1", "+a", "b"])
    rows = list(csv.DictReader(io.StringIO(digits.post("/tsne", body, "text/csv", space="latent", **QUICK).text)))
    assert [row["label"] for row in rows] == ["'=cmd|' /C calc'!A0", "-1", "'+a", "b"]


@pytest.mark.parametrize("kind", ["images", "latents"])
def test_spaces_are_measured_beside_pca_where_images_and_latents_are_at_hand(kind: str, digits: Subject) -> None:
    images, latents = digits.images[:12], digits.bundle.reference.latents[:12]
    body = json_body(images=images.tolist(), pixel_range="byte", labels=LABELS)
    body = body if kind == "images" else json_body(latents=latents.tolist(), labels=LABELS)
    expected = {
        "both": ["image", "pca", "latent"],
        "image": ["image"],
        "latent": ["pca", "latent"] if kind == "images" else ["latent"],
    }
    for space, names in expected.items():
        spaces = _maps(digits.post("/tsne", body, space=space, **QUICK))["spaces"]
        assert [found["space"] for found in spaces] == names
        for found in spaces:
            assert found["components"] == (64 if found["space"] == "image" else 6)
            assert 0 <= found["knn_accuracy"] <= 1
            assert -1 <= found["silhouette"] <= 1
            is_known = not (kind == "latents" and space == "latent")
            assert (found["trustworthiness"] is not None) == is_known


@pytest.mark.parametrize("media_type", ["image/png", "image/svg+xml"])
@pytest.mark.parametrize("kind", ["images", "latents"])
def test_pictures_take_a_theme_and_thumbnails(kind: str, media_type: str, subject: Subject) -> None:
    body = npy_body(subject.images[:12] if kind == "images" else subject.bundle.reference.latents[:12])
    dots, light, dark = (
        subject.post("/tsne", body, media_type, theme=theme, points=points, space="latent", **QUICK).content
        for theme, points in (("light", "dots"), ("light", "thumbnails"), ("dark", "thumbnails"))
    )
    assert len({dots, light, dark}) == 3
    if media_type == "image/svg+xml":
        assert b"data:image/png;base64," in light


def test_thumbnails_in_three_dimensions_are_refused(digits: Subject) -> None:
    response = digits.post("/tsne", npy_body(digits.images[:12]), "image/png", dimensions=3, points="thumbnails")
    assert problem(response, "invalid-parameter")["errors"][0]["parameter"] == "points"


@pytest.mark.parametrize("dimensions", [2, 3])
def test_plots_open(dimensions: int, subject: Subject) -> None:
    body = npy_body(subject.images[:12])
    png = subject.post("/tsne", body, "image/png", dimensions=dimensions, **QUICK)
    assert (png.headers["content-type"], png.headers["x-model"]) == ("image/png", subject.bundle.manifest.name)
    picture = open_image(png.content)
    assert min(picture.shape[:2]) > 300
    assert np.ptp(picture) > 0
    svg = subject.post("/tsne", body, "image/svg+xml", dimensions=dimensions, **QUICK)
    assert svg.headers["content-type"].startswith("image/svg+xml")
    assert ET.fromstring(svg.text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "Latent space" in svg.text


@pytest.mark.parametrize("form", ["images", "reference"])
def test_for_a_map_that_is_kept_nothing_is_computed(
    form: str, digits: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = npy_body(digits.images[:14]) if form == "images" else json_body(reference=True)
    first = _maps(digits.post("/tsne", body, seed=77, **QUICK))

    async def refuse(*_: object) -> None:
        raise AssertionError("a model is called")

    monkeypatch.setattr(ServedModel, "encode", refuse)
    monkeypatch.setattr(map_order, "to_unit", refuse)
    assert _maps(digits.post("/tsne", body, seed=77, **QUICK)) == first
    assert digits.post("/tsne", body, "text/csv", seed=77, **QUICK).status_code == 200


def test_latents_have_the_same_map_with_thumbnails_as_without(digits: Subject) -> None:
    latents = npy_body(np.random.default_rng(1).normal(size=(12, 6)).astype(np.float32))
    query: dict[str, Any] = {"space": "latent", "seed": 78, **QUICK}
    assert digits.post("/tsne", latents, "image/png", points="thumbnails", **query).status_code == 200
    [latent_space] = _maps(digits.post("/tsne", latents, **query))["spaces"]
    assert latent_space["trustworthiness"] is None  # no images came


def test_a_map_of_three_dimensions_has_three_coordinates(digits: Subject) -> None:
    assert _coordinates(digits.post("/tsne", npy_body(digits.images[:12]), dimensions=3, **QUICK)).shape == (2, 12, 3)


def test_the_seed_decides_what_the_points_leave_open(digits: Subject) -> None:
    equal = npy_body(np.ones((12, 6), np.float32))
    with serving_here(digits.bundle.path.parents[1], map_processes=1, max_cached_map_bytes=0) as client:
        forgetful = Subject(client, digits.bundle, digits.module)
        one, again, other = (
            _coordinates(forgetful.post("/tsne", equal, seed=seed, space="latent", **QUICK)) for seed in (1, 1, 2)
        )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize(("perplexity", "allowed"), [(3.66, True), (3.67, False), (0.99, False), (10_001, False)])
def test_a_perplexity_that_the_points_do_not_allow_is_refused(
    perplexity: float, allowed: bool, digits: Subject
) -> None:
    response = digits.post("/tsne", npy_body(digits.images[:12]), perplexity=perplexity, **QUICK)
    if allowed:
        assert _maps(response)["maps"][0]["perplexity"] == perplexity
    else:
        assert response.status_code == 422
        slug = "impossible-map" if 1 <= perplexity <= 10_000 else "invalid-parameter"
        document = problem(response, slug)
        assert document["errors"][0]["parameter"] == "perplexity"
        if slug == "impossible-map":
            assert "1 and 3.66" in document["detail"]


@pytest.mark.parametrize("points", [1, 3])
def test_too_few_points_are_refused(points: int, digits: Subject) -> None:
    response = digits.post("/tsne", npy_body(digits.images[:points]))
    assert response.status_code == 422
    assert f"at least 4 points, got {points}" in problem(response, "impossible-map")["detail"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("dimensions", 1), ("dimensions", 4), ("iterations", 249), ("iterations", 2001), ("seed", -1), ("seed", 2**32),
     ("space", "pixels"), ("perplexity", "nan"), ("theme", "blue"), ("points", "stars"), ("onto", "map"),
     ("optimise", "true")],
)  # fmt: skip
def test_an_option_out_of_bounds_is_refused_by_its_name(parameter: str, value: Any, digits: Subject) -> None:
    response = digits.post("/tsne", npy_body(digits.images[:12]), **{parameter: value})
    assert response.status_code == 422
    assert problem(response, "invalid-parameter")["errors"][0]["parameter"] == parameter


def test_points_and_iterations_beyond_the_limits_are_refused_before_anything_is_computed(digits: Subject) -> None:
    with serving_here(
        digits.bundle.path.parents[1], map_processes=1, max_map_points=12, max_map_iterations=750
    ) as client:
        limited = Subject(client, digits.bundle, digits.module)
        for body in (npy_body(digits.images[:13]), json_body(reference=True)):
            response = limited.post("/tsne", body, **QUICK)
            assert response.status_code == 413
            assert "12 points" in problem(response, "too-many-points")["detail"]
        response = limited.post("/tsne", npy_body(digits.images[:12]), iterations=751)
        assert problem(response, "invalid-parameter")["errors"][0]["parameter"] == "iterations"
        assert limited.post("/tsne", npy_body(digits.images[:12]), **QUICK).status_code == 200


def test_without_processes_a_map_is_refused_before_its_body_is_read(digits: Subject) -> None:
    with serving_here(digits.bundle.path.parents[1], map_processes=0) as client:
        response = Subject(client, digits.bundle, digits.module).post("/tsne", npy_body(digits.images[:12]), **QUICK)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        problem(response, "map-failed")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("image/*", "image/png"),
        ("image/svg+xml, image/png;q=0.9", "image/svg+xml"),
        ("text/csv;q=0.3, application/json;q=0.2", "text/csv"),
    ],
)
def test_accept_decides_the_form_of_the_answer(accept: str | None, media_type: str, digits: Subject) -> None:
    response = digits.post("/tsne", npy_body(digits.images[:5]), accept, space="latent", **QUICK)
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "Accept" in response.headers["vary"]
    assert (response.headers["x-model"], response.headers["x-model-version"]) == ("digits", "1")


def test_what_is_not_accepted_is_refused(digits: Subject) -> None:
    problem(digits.post("/tsne", npy_body(digits.images[:5]), "image/gif"), "not-acceptable")


def test_a_map_that_takes_too_long_is_answered_504_and_stopped(digits: Subject) -> None:
    with serving_here(digits.bundle.path.parents[1], map_processes=1, map_timeout_s=0.5) as client:
        limited = Subject(client, digits.bundle, digits.module)
        latents = np.random.default_rng(0).normal(size=(3000, 6)).astype(np.float32)
        response = limited.post("/tsne", npy_body(latents), space="latent", iterations=2000)
        assert response.status_code == 504
        assert "0.5 s" in problem(response, "deadline-exceeded")["detail"]
        wait_until(lambda: "hourglass_maps_running 0.0" in client.get("/metrics").text, seconds=5)


def test_who_waits_for_thumbnails_keeps_bytes_and_no_places_in_the_queue(digits: Subject) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4500, 8, 8), np.uint8)

    def is_held(client: TestClient, images_held: int, bytes_held: int) -> bool:
        text = client.get("/metrics").text
        return (
            f"hourglass_queue_images {images_held}.0" in text
            and f"hourglass_buffered_bytes {bytes_held}.0" in text
            and "hourglass_maps_running 1.0" in text
        )

    with (
        serving_here(digits.bundle.path.parents[1], map_processes=1, map_timeout_s=4) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        one = Subject(client, digits.bundle, digits.module)
        query: dict[str, Any] = {"points": "thumbnails", "iterations": 2000}
        asked = pool.submit(one.post, "/tsne", npy_body(images), "image/png", **query)
        wait_until(lambda: is_held(client, 0, images.nbytes))
        assert asked.result().status_code in {200, 504}  # however quick this machine is
        wait_until(lambda: "hourglass_buffered_bytes 0.0" in client.get("/metrics").text)


def test_one_who_leaves_stops_the_map_and_makes_room_for_the_one_who_was_refused(server: StartServer) -> None:
    one = server(HOURGLASS_MAX_WAITING_MAPS="0")
    endless = npy_body(np.random.default_rng(0).normal(size=(4500, 6)).astype(np.float32))["content"]
    quick = npy_body(np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32))
    address = urlsplit(one.url)
    head = (
        "POST /tsne?iterations=2000&space=latent HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npy\r\n"
        f"Content-Length: {len(endless)}\r\n\r\n"
    )
    with one.client() as client:

        def running(count: int) -> bool:
            return f"hourglass_maps_running {count}.0" in client.get("/metrics").text

        with socket.create_connection((address.hostname, address.port)) as leaving:
            leaving.sendall(head.encode() + endless)
            wait_until(lambda: running(1))
            refused = client.post("/tsne", **quick, params=QUICK)
            assert refused.status_code == 429
            problem(refused, "overloaded")
            assert 1 <= int(refused.headers["retry-after"]) <= 60
        wait_until(lambda: running(0), seconds=5)
        assert client.post("/tsne", **quick, params=QUICK).status_code == 200
    one.stop()
    assert "Traceback" not in one.log
