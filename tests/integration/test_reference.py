"""What a bundle shows of its model: the reference sample, its pictures, and the report."""

import re
from pathlib import Path

import numpy as np
import pytest

from service.arrays import mean_squared_errors, to_unit
from service.bundle import Bundle
from tests.integration.conftest import Subject, open_image, place, problem, serving_here, sign

PAGES = ("reference", "reference/images", "reference/images/0", "report")


def address(subject: Subject, page: str) -> str:
    return f"/models/{subject.bundle.manifest.name}/{page}"


def test_the_sample_is_told_as_the_bundle_holds_it(subject: Subject) -> None:
    document = subject.client.get(address(subject, "reference")).json()
    reference = subject.bundle.reference
    assert document["count"] == len(reference.images)
    assert document["labels"] == (None if reference.labels is None else reference.labels.tolist())
    assert document["classes"] == list(subject.bundle.manifest.dataset.classes)
    assert document["test_indices"] == reference.test_indices.tolist()
    np.testing.assert_array_equal(np.float32(document["latents"]), reference.latents)
    np.testing.assert_array_equal(np.float32(document["maps"]["image"]), reference.image_map)
    np.testing.assert_array_equal(np.float32(document["maps"]["latent"]), reference.latent_map)


def test_the_errors_of_the_sample_are_those_of_its_reconstructions(subject: Subject) -> None:
    errors = subject.client.get(address(subject, "reference")).json()["errors"]
    images = subject.images
    expected = mean_squared_errors(to_unit(images), subject.reconstruct(images))
    np.testing.assert_allclose(errors["mse"], expected, rtol=1e-4, atol=1e-7)
    order = np.argsort(errors["mse"])
    assert (np.diff(np.array(errors["percentile"])[order]) >= 0).all()
    assert 0 <= min(errors["percentile"]) <= max(errors["percentile"]) <= 1


def test_the_sheet_is_cut_into_the_images_of_the_sample(subject: Subject) -> None:
    sheet = subject.client.get(address(subject, "reference")).json()["sheet"]
    picture = open_image(subject.client.get(address(subject, "reference/images")).content)
    width, height = sheet["tile_width"], sheet["tile_height"]
    assert sheet["scale"] == 1
    for row, image in enumerate(subject.images):
        top, left = row // sheet["columns"] * height, row % sheet["columns"] * width
        np.testing.assert_array_equal(picture[top : top + height, left : left + width], image)


@pytest.mark.parametrize("row", [0, -1])
def test_one_image_is_shown_as_the_model_takes_it(subject: Subject, row: int) -> None:
    row %= len(subject.images)
    answer = subject.client.get(address(subject, f"reference/images/{row}"))
    assert answer.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(open_image(answer.content), subject.images[row])


def test_there_is_no_image_behind_the_last(subject: Subject) -> None:
    problem(subject.client.get(address(subject, f"reference/images/{len(subject.images)}")), "not-found")
    problem(subject.client.get(address(subject, "reference/images/-1")), "invalid-parameter")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_client_has_is_not_sent_again(subject: Subject, page: str) -> None:
    first = subject.client.get(address(subject, page))
    assert first.headers["cache-control"] == "no-cache"
    again = subject.client.get(address(subject, page), headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    changed = subject.client.get(address(subject, page), headers={"If-None-Match": '"other"'})
    assert changed.content == first.content


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_a_model_names_its_version(subject: Subject, page: str) -> None:
    answer = subject.client.get(address(subject, page), params={"version": 1})
    assert (answer.headers["x-model"], answer.headers["x-model-version"]) == (subject.bundle.manifest.name, "1")
    problem(subject.client.get(address(subject, page), params={"version": 7}), "unknown-version")
    problem(subject.client.get(f"/models/nobody/{page}"), "unknown-model")


def test_the_report_runs_nothing_and_fetches_nothing(digits: Subject) -> None:
    answer = digits.client.get(address(digits, "report"))
    assert answer.content == (digits.bundle.path / "report" / "index.html").read_bytes()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert not re.search(r"allow-scripts|allow-same-origin", policy)


def test_a_bundle_without_a_report_says_so(digits_bundle: Bundle, tmp_path: Path) -> None:
    def without_report(path: Path) -> None:
        (path / "report" / "index.html").unlink()
        sign(path)

    place(digits_bundle, tmp_path, change=without_report)
    with serving_here(tmp_path) as client:
        problem(client.get("/models/digits/report"), "not-found")
