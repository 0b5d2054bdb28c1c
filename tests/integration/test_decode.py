"""POST /decode: whatever form latents come in, the answer is the model's image of each, in every form."""

import io
import zipfile

import numpy as np
import pytest

from service.contact_sheet import columns_and_rows
from tests.integration.conftest import (
    Subject,
    base64_file,
    file_body,
    form_body,
    json_body,
    npy_body,
    open_image,
    open_npy,
    problem,
    without_grey_axis,
)

TOLERANCE = 1e-5
HALF_A_BYTE = 0.5 / 255 + TOLERANCE


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("form", ["json", "<f4", "<f8", ">f4", "Fortran"])
def test_every_form_of_latents_gives_the_models_images(form: str, count: int, subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:count]
    bodies = {
        "json": json_body(latents=latents.tolist()),
        "Fortran": npy_body(np.asfortranarray(latents)),
    }
    body = bodies.get(form) or npy_body(latents.astype(form))
    pixels = open_npy(subject.post("/decode", body, "application/x-npy"))
    assert pixels.shape == (count, *subject.image_shape)
    np.testing.assert_allclose(pixels, subject.decode(latents), atol=TOLERANCE)


def test_half_precision_gives_the_images_of_its_rounded_numbers(subject: Subject) -> None:
    half = subject.bundle.reference.latents[:3].astype(np.float16)
    pixels = open_npy(subject.post("/decode", npy_body(half), "application/x-npy"))
    np.testing.assert_allclose(pixels, subject.decode(half.astype(np.float32)), atol=TOLERANCE)


@pytest.mark.parametrize("count", [1, 5])
def test_every_form_of_the_answer_shows_the_models_images(count: int, subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:count]
    expected = subject.decode(latents)
    body = json_body(latents=latents.tolist())

    files = subject.post("/decode", body).json()["images"]
    np.testing.assert_allclose([open_image(file) / 255 for file in files], expected, atol=HALF_A_BYTE)

    numbers = subject.post("/decode", body, images="numbers").json()["images"]
    np.testing.assert_allclose(numbers, without_grey_axis(expected), atol=TOLERANCE)

    archive = zipfile.ZipFile(io.BytesIO(subject.post("/decode", body, "application/zip").content))
    assert archive.namelist() == [f"image-{index:04d}.png" for index in range(count)]
    zipped = [open_image(archive.read(name)) for name in archive.namelist()]
    np.testing.assert_array_equal(zipped, [open_image(file) for file in files])


def test_one_image_as_png_has_its_own_size(subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:1]
    response = subject.post("/decode", npy_body(latents), "image/png")
    assert response.headers["content-type"] == "image/png"
    shown = open_image(response.content)
    assert shown.shape == subject.image_shape
    np.testing.assert_allclose(shown / 255, subject.decode(latents)[0], atol=HALF_A_BYTE)


def test_many_images_as_png_are_a_sheet_of_all_of_them(subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:7]
    sheet = open_image(subject.post("/decode", npy_body(latents), "image/png").content)
    columns, rows = columns_and_rows(7)
    height, width, channels = subject.image_shape
    assert sheet.shape == (rows * (height + 1) - 1, columns * (width + 1) - 1, channels)
    for index, image in enumerate(subject.decode(latents)):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        np.testing.assert_allclose(sheet[top : top + height, left : left + width] / 255, image, atol=HALF_A_BYTE)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("image/*", "image/png"),
        ("image/png;q=0.9, application/zip", "application/zip"),
        ("text/csv, application/x-npy;q=0.1", "application/x-npy"),
    ],
)
def test_accept_decides_the_form_of_the_answer(accept: str | None, media_type: str, subject: Subject) -> None:
    response = subject.post("/decode", npy_body(subject.bundle.reference.latents[:2]), accept)
    assert response.headers["content-type"] == media_type
    assert "Accept" in response.headers["vary"]
    assert (response.headers["x-model"], response.headers["x-model-version"]) == (subject.bundle.manifest.name, "1")


def test_an_answer_that_is_not_accepted_is_refused(subject: Subject) -> None:
    response = subject.post("/decode", npy_body(subject.bundle.reference.latents[:2]), "image/gif")
    assert response.status_code == 406
    problem(response, "not-acceptable")


def test_images_are_no_latents(subject: Subject) -> None:
    image = subject.images[0]
    assert subject.post("/decode", form_body([b"x"])).status_code == 415
    assert subject.post("/decode", file_body(b"x", "image/png")).status_code == 415
    problem(subject.post("/decode", json_body(images=[base64_file(image)])), "invalid-body")
    wrong = subject.post("/decode", npy_body(subject.images[:2]))
    assert f"[n, {subject.bundle.manifest.latent_dim}]" in problem(wrong, "wrong-shape")["detail"]


def test_the_latents_that_are_wrong_are_named(subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:4].tolist()
    latents[1], latents[3] = [0.0], latents[3] + [0.0]
    document = problem(subject.post("/decode", json_body(latents=latents)), "wrong-shape")
    assert [error["pointer"] for error in document["errors"]] == ["#/latents/1", "#/latents/3"]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_latents_that_are_not_finite_are_refused(value: float, subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:3].astype(np.float64)
    latents[2, 1] = value
    document = problem(subject.post("/decode", npy_body(latents)), "out-of-range")
    assert [error["pointer"] for error in document["errors"]] == ["#/latents/2"]


def test_latents_without_a_finite_image_are_refused(subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:3].copy()
    signs = np.random.default_rng(0).choice([-1, 1], (200, latents.shape[1]))
    too_far = (3e38 * signs).astype(np.float32)  # which of them, depends on the processor
    latents[1] = next(one for one in too_far if not np.isfinite(subject.decode(np.stack([one, latents[1]]))).all())
    document = problem(subject.post("/decode", npy_body(latents)), "out-of-range")
    assert [error["pointer"] for error in document["errors"]] == ["#/latents/1"]


def test_an_option_that_is_unknown_is_refused(digits: Subject) -> None:
    body = npy_body(digits.bundle.reference.latents[:1])
    assert digits.post("/decode", body, images="jpeg").status_code == 422
    assert digits.post("/decode", body, image="png").status_code == 422
