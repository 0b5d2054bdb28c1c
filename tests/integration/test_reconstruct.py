"""POST /reconstruct: what the model makes of images, its error, and how unusual that error is."""

import csv
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.bundle import QUANTILE_PROBABILITIES
from tests.integration.conftest import (
    FILE_FORMATS,
    IMAGE_FORMS,
    Subject,
    as_unit,
    encode_file,
    file_body,
    npy_body,
    open_image,
    open_npy,
    problem,
    without_grey_axis,
)

TOLERANCE = 1e-5
HALF_A_BYTE = 0.5 / 255 + TOLERANCE


def _errors(subject: Subject, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The mean squared error of each image, by numpy and the model alone."""
    differences = as_unit(images).astype(np.float64) - subject.reconstruct(images)
    return np.asarray((differences**2).mean(axis=(1, 2, 3)))


def _judge(subject: Subject, images: NDArray[np.uint8], **query: Any) -> list[dict[str, Any]]:
    response = subject.post("/reconstruct", npy_body(images), **query)
    assert response.status_code == 200, response.text
    reconstructions: list[dict[str, Any]] = response.json()["reconstructions"]
    return reconstructions


def _noise(subject: Subject, count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, *subject.image_shape), np.uint8)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("form", IMAGE_FORMS)
def test_every_form_of_images_gives_the_models_reconstructions(form: str, count: int, subject: Subject) -> None:
    images = subject.images[:count]
    response = subject.post("/reconstruct", IMAGE_FORMS[form](images), images="numbers")
    numbers = [found["image"] for found in response.json()["reconstructions"]]
    np.testing.assert_allclose(numbers, without_grey_axis(subject.reconstruct(images)), atol=TOLERANCE)


@pytest.mark.parametrize("media_type", FILE_FORMATS)
def test_a_file_gives_its_reconstruction(media_type: str, subject: Subject) -> None:
    file_format, options = FILE_FORMATS[media_type]
    body = file_body(encode_file(subject.images[2], file_format, **options), media_type)
    pixels = open_npy(subject.post("/reconstruct", body, "application/x-npy"))
    np.testing.assert_allclose(pixels, subject.reconstruct(subject.images[2:3]), atol=TOLERANCE)


@pytest.mark.parametrize("count", [1, 5])
def test_every_form_of_the_answer_shows_the_reconstructions(count: int, subject: Subject) -> None:
    images = subject.images[:count]
    expected, body = subject.reconstruct(images), npy_body(images)

    np.testing.assert_allclose(
        open_npy(subject.post("/reconstruct", body, "application/x-npy")), expected, atol=TOLERANCE
    )

    files = [found["image"] for found in _judge(subject, images)]
    np.testing.assert_allclose([open_image(file) / 255 for file in files], expected, atol=HALF_A_BYTE)

    archive = zipfile.ZipFile(io.BytesIO(subject.post("/reconstruct", body, "application/zip").content))
    *names, table = archive.namelist()
    assert (names, table) == ([f"image-{index:04d}.png" for index in range(count)], "errors.csv")
    np.testing.assert_array_equal([open_image(archive.read(name)) for name in names], [open_image(f) for f in files])

    picture = open_image(subject.post("/reconstruct", body, "image/png").content)
    height, width, _ = subject.image_shape
    np.testing.assert_array_equal(picture[:height, :width], open_image(files[0]))
    assert (picture.shape == subject.image_shape) == (count == 1)


def test_the_error_is_the_mean_squared_error_per_value(subject: Subject) -> None:
    images = np.concatenate([subject.images[:50], _noise(subject, 10)])
    errors = [found["mse"] for found in _judge(subject, images)]
    np.testing.assert_allclose(errors, _errors(subject, images), rtol=1e-4, atol=1e-9)


def test_the_percentile_is_the_errors_place_among_the_bundles_quantiles(subject: Subject) -> None:
    images = np.concatenate([subject.images[:50], _noise(subject, 10)])
    quantiles = subject.bundle.reference.error_quantiles
    for error, found in zip(_errors(subject, images), _judge(subject, images), strict=True):
        below = np.searchsorted(quantiles, [error * (1 - 1e-4), error * (1 + 1e-4)])
        low, high = QUANTILE_PROBABILITIES[np.clip((below[0] - 1, below[1]), 0, 1000)]
        assert low <= found["percentile"] <= high


def test_the_percentile_rises_with_the_error(subject: Subject) -> None:
    found = _judge(subject, np.concatenate([subject.images[:50], _noise(subject, 10)]))
    by_error = sorted(found, key=lambda one: float(one["mse"]))
    percentiles = [one["percentile"] for one in by_error]
    assert percentiles == sorted(percentiles)
    assert 0 <= percentiles[0] < percentiles[-1] <= 1


@pytest.mark.parametrize("threshold", [0, 0.25, 0.8, 1])
def test_unusual_is_what_is_at_or_above_the_threshold(threshold: float, subject: Subject) -> None:
    found = _judge(subject, np.concatenate([subject.images[:50], _noise(subject, 10)]), threshold=threshold)
    assert [one["unusual"] for one in found] == [one["percentile"] >= threshold for one in found]
    share = np.mean([one["unusual"] for one in found])
    assert share == 1 if threshold == 0 else 0 < share < 1


@pytest.mark.parametrize("threshold", [-0.01, 1.01, "nan", "inf", "high"])
def test_a_threshold_that_is_no_share_is_refused(threshold: float | str, digits: Subject) -> None:
    response = digits.post("/reconstruct", npy_body(digits.images[:1]), threshold=threshold)
    assert response.status_code == 422
    assert problem(response, "invalid-parameter")["errors"][0]["parameter"] == "threshold"


@pytest.mark.parametrize("threshold", [0.9, 0.95, 0.99])
def test_of_ordinary_images_about_the_share_beyond_the_threshold_is_flagged(threshold: float, digits: Subject) -> None:
    flagged = np.mean([one["unusual"] for one in _judge(digits, digits.images, threshold=threshold)])
    expected = 1 - threshold  # calibrated on 144 images and tried on 359, so with an error of either sample
    assert abs(flagged - expected) < 4 * np.sqrt(expected * threshold * (1 / 144 + 1 / 359))


def test_noise_is_flagged(digits: Subject) -> None:
    assert all(found["unusual"] for found in _judge(digits, _noise(digits, 20)))


@pytest.mark.parametrize("accept", ["application/json", "image/png", "application/x-npy", "application/zip"])
def test_headers_judge_a_single_image(accept: str, digits: Subject) -> None:
    for image in (digits.images[:1], _noise(digits, 1)):
        headers = digits.post("/reconstruct", npy_body(image), accept).headers
        [expected] = _judge(digits, image)
        assert float(headers["x-mse"]) == pytest.approx(expected["mse"])
        assert float(headers["x-percentile"]) == pytest.approx(expected["percentile"], abs=1e-6)
        assert headers["x-unusual"] == str(expected["unusual"]).lower()
        assert headers["x-model"] == "digits"
    assert "x-mse" not in digits.post("/reconstruct", npy_body(digits.images[:2]), accept).headers


def test_the_zip_has_a_table_of_what_json_says(subject: Subject) -> None:
    images = np.concatenate([subject.images[:3], _noise(subject, 1)])
    archive = zipfile.ZipFile(io.BytesIO(subject.post("/reconstruct", npy_body(images), "application/zip").content))
    rows = list(csv.DictReader(io.StringIO(archive.read("errors.csv").decode())))
    expected = _judge(subject, images)
    assert [row["image"] for row in rows] == ["0", "1", "2", "3"]
    assert [float(row["mse"]) for row in rows] == [one["mse"] for one in expected]
    assert [float(row["percentile"]) for row in rows] == [one["percentile"] for one in expected]
    assert [row["unusual"] for row in rows] == [str(one["unusual"]).lower() for one in expected]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("image/*;q=0.5, application/json;q=0.4", "image/png"),
        ("application/zip, application/json;q=0.999", "application/zip"),
    ],
)
def test_accept_decides_the_form_of_the_answer(accept: str | None, media_type: str, digits: Subject) -> None:
    response = digits.post("/reconstruct", npy_body(digits.images[:2]), accept)
    assert response.headers["content-type"] == media_type
    assert "Accept" in response.headers["vary"]


def test_what_is_neither_accepted_nor_read_is_refused(digits: Subject) -> None:
    problem(digits.post("/reconstruct", npy_body(digits.images[:2]), "image/webp"), "not-acceptable")
    problem(digits.post("/reconstruct", file_body(b"x", "text/csv")), "unsupported-media-type")
    problem(digits.post("/reconstruct", {"json": {"latents": [[0.0] * 6]}}), "invalid-body")
