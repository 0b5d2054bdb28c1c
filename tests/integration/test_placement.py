"""POST /tsne?onto=reference: new images among the known ones, on the known map, without any map process."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.integration.conftest import (
    IMAGE_FORMS,
    Subject,
    encode_file,
    json_body,
    npy_body,
    open_npy,
    problem,
    serving_here,
)


@pytest.fixture(scope="module")
def known(digits: Subject) -> Iterator[Subject]:
    """The digits, served where no maps are computed."""
    with serving_here(digits.bundle.path.parents[1], map_processes=0) as client:
        yield Subject(client, digits.bundle, digits.module)


def _place(subject: Subject, body: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    response = subject.post("/tsne", body, onto="reference", **query)
    assert response.status_code == 200, response.text
    document = response.json()
    assert (document["model"], document["version"], document["space"]) == ("digits", 1, "latent")
    placements: list[dict[str, Any]] = document["placements"]
    return placements


def test_a_known_image_is_its_own_nearest_neighbour_and_lies_among_its_neighbours(known: Subject) -> None:
    reference = known.bundle.reference
    assert reference.labels is not None
    found = _place(known, npy_body(known.images[:30]))
    for index, placement in enumerate(found):
        nearest = placement["neighbours"]
        assert nearest[0]["index"] == index
        assert nearest[0]["distance"] == pytest.approx(0, abs=1e-3)
        rows = [neighbour["index"] for neighbour in nearest]
        assert [neighbour["label"] for neighbour in nearest] == [str(reference.labels[row]) for row in rows]
        np.testing.assert_allclose(placement["coordinates"], np.median(reference.latent_map[rows], axis=0), rtol=1e-5)
        distances = [neighbour["distance"] for neighbour in nearest]
        assert distances == sorted(distances)
        assert placement["distance"] == pytest.approx(np.mean(distances), rel=1e-5)
    assert not any(placement["far"] for placement in found[:5])


@pytest.mark.parametrize("form", ["base64", "bytes as numbers", "form", "uint8 array"])
def test_images_of_any_form_and_their_latents_are_placed_alike(form: str, known: Subject) -> None:
    images = known.images[:7]
    latents = open_npy(known.post("/encode", npy_body(images), "application/x-npy"))
    assert _place(known, IMAGE_FORMS[form](images)) == _place(known, npy_body(latents))
    [alone] = _place(known, json_body(latents=latents[:1].tolist()))
    assert alone["neighbours"][0]["index"] == 0


def test_what_is_far_from_everything_is_flagged(known: Subject) -> None:
    latents = 100 * known.bundle.reference.latents[:3]
    assert [placement["far"] for placement in _place(known, npy_body(latents))] == [True] * 3
    shares = [placement["far"] for placement in _place(known, npy_body(known.bundle.reference.latents))]
    assert np.mean(shares) < 0.05


@pytest.mark.parametrize("optimise", [False, True])
def test_the_table_says_the_same(optimise: bool, known: Subject) -> None:
    images = [encode_file(image) for image in known.images[:3]]
    body = {"files": [("images", (name, file)) for name, file in zip(["=a", "b.png", "c"], images, strict=True)]}
    query: dict[str, Any] = {"onto": "reference", "optimise": str(optimise).lower()}
    response = known.post("/tsne", body, "text/csv", **query)
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["id"] for row in rows] == ["'=a", "b.png", "c"]
    for row, placement in zip(rows, _place(known, body, optimise=query["optimise"]), strict=True):
        assert [float(row["latent_x"]), float(row["latent_y"])] == pytest.approx(placement["coordinates"])
        assert row["far"] == str(placement["far"]).lower()
        assert float(row["distance"]) == pytest.approx(placement["distance"])
        assert int(row["nearest"]) == placement["neighbours"][0]["index"]
        assert row["nearest_label"] == placement["neighbours"][0]["label"]


@pytest.mark.parametrize("name", ["perplexity", "iterations", "seed", "dimensions", "space", "theme", "points"])
def test_an_option_of_new_maps_is_refused_by_its_name(name: str, known: Subject) -> None:
    values: dict[str, Any] = {
        "perplexity": 30,
        "iterations": 750,
        "dimensions": 3,
        "space": "both",
        "theme": "dark",
        "points": "dots",
    }
    query: dict[str, Any] = {"onto": "reference", name: values.get(name, 0)}
    document = problem(known.post("/tsne", npy_body(known.images[:2]), **query), "invalid-parameter")
    assert [error["parameter"] for error in document["errors"]] == [name]


def test_options_that_say_what_the_known_map_is_are_taken(known: Subject) -> None:
    assert len(_place(known, npy_body(known.images[:2]), space="latent", dimensions=2)) == 2


@pytest.mark.parametrize("accept", ["image/png", "image/svg+xml", "application/x-npy"])
def test_other_forms_are_not_acceptable(accept: str, known: Subject) -> None:
    problem(known.post("/tsne", npy_body(known.images[:2]), accept, onto="reference"), "not-acceptable")


def test_bodies_that_are_no_points_are_refused(known: Subject) -> None:
    latents = known.bundle.reference.latents[:2].tolist()
    for body in (json_body(reference=True), json_body(latents=latents, labels=["a", "b"]), json_body(latents=[])):
        problem(known.post("/tsne", body, onto="reference"), "invalid-body")
    response = known.post("/tsne", json_body(latents=latents, ids=["a"]), onto="reference")
    assert problem(response, "invalid-body")["errors"][0]["pointer"] == "#/ids"
    response = known.post("/tsne", json_body(latents=[latents[0], [1e30] * 6]), onto="reference")
    assert problem(response, "out-of-range")["errors"][0]["pointer"] == "#/latents/1"


def test_more_images_than_encode_takes_are_refused(digits: Subject) -> None:
    with serving_here(digits.bundle.path.parents[1], max_images=3) as client:
        limited = Subject(client, digits.bundle, digits.module)
        response = limited.post("/tsne", npy_body(digits.images[:4]), onto="reference")
        problem(response, "too-many-images")
        assert len(_place(limited, npy_body(digits.images[:3]))) == 3
