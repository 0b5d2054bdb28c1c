"""POST /encode: whatever form images come in, the answer is the model's latent of each."""

import io

import numpy as np
import pytest
from PIL import Image

from service.images import decode
from tests.integration.conftest import (
    FILE_FORMATS,
    IMAGE_FORMS,
    Subject,
    encode_file,
    file_body,
    form_body,
    json_body,
    npy_body,
    open_npy,
    problem,
)

TOLERANCE = 1e-5


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("form", IMAGE_FORMS)
def test_every_form_of_a_batch_gives_the_models_latents(form: str, count: int, subject: Subject) -> None:
    images = subject.images[:count]
    response = subject.post("/encode", IMAGE_FORMS[form](images))
    assert response.status_code == 200, response.text
    np.testing.assert_allclose(response.json()["latents"], subject.encode(images), atol=TOLERANCE)


@pytest.mark.parametrize("media_type", FILE_FORMATS)
def test_every_lossless_file_format_gives_the_models_latent(media_type: str, subject: Subject) -> None:
    file_format, options = FILE_FORMATS[media_type]
    file = encode_file(subject.images[3], file_format, **options)
    for body in (file_body(file, media_type), form_body([file])):
        latents = subject.post("/encode", body).json()["latents"]
        np.testing.assert_allclose(latents, subject.encode(subject.images[3:4]), atol=TOLERANCE)


@pytest.mark.parametrize(("media_type", "file_format"), [("image/jpeg", "JPEG"), ("image/webp", "WEBP")])
def test_a_lossy_file_gives_the_latent_of_what_it_shows(media_type: str, file_format: str, subject: Subject) -> None:
    file = encode_file(subject.images[3], file_format, quality=60)
    with Image.open(io.BytesIO(file)) as image:
        shown = np.asarray(image.convert("L" if subject.image_shape[2] == 1 else "RGB")).reshape(
            1, *subject.image_shape
        )
    latents = subject.post("/encode", file_body(file, media_type)).json()["latents"]
    np.testing.assert_allclose(latents, subject.encode(shown), atol=TOLERANCE)


def test_half_precision_gives_the_latents_of_its_rounded_numbers(subject: Subject) -> None:
    half = (subject.images[:4] / 255).astype(np.float16)
    latents = open_npy(subject.post("/encode", npy_body(half), "application/x-npy"))
    np.testing.assert_allclose(latents, subject.encode(half), atol=TOLERANCE)


def test_json_png_and_npy_of_one_image_give_the_same_latent(subject: Subject) -> None:
    image = subject.images[7:8]
    bodies = [IMAGE_FORMS[form](image) for form in ("base64", "numbers", "bytes as numbers", "uint8 array", "form")]
    bodies += [file_body(encode_file(image[0]), "image/png"), IMAGE_FORMS["float32 array"](image)]
    first, *others = (subject.post("/encode", body).json()["latents"] for body in bodies)
    assert all(other == first for other in others)


def test_a_file_of_another_size_and_colour_is_converted(subject: Subject) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (45, 31, 3), np.uint8)
    latents = subject.post("/encode", file_body(encode_file(photo), "image/png")).json()["latents"]
    converted = decode(encode_file(photo), *subject.image_shape)
    np.testing.assert_allclose(latents, subject.encode(converted[None]), atol=TOLERANCE)


def test_a_batch_of_many_turns_keeps_its_order(subject: Subject) -> None:
    images = np.resize(subject.images, (700, *subject.image_shape))
    latents = open_npy(subject.post("/encode", npy_body(images), "application/x-npy"))
    np.testing.assert_allclose(latents, subject.encode(images), atol=TOLERANCE)


def test_an_image_has_the_same_latent_alone_and_in_a_batch(subject: Subject) -> None:
    images = subject.images[:6]
    together = subject.post("/encode", npy_body(images)).json()["latents"]
    alone = [subject.post("/encode", npy_body(images[row : row + 1])).json()["latents"][0] for row in range(6)]
    np.testing.assert_allclose(alone, together, atol=TOLERANCE)


def test_json_and_npy_answers_hold_the_same_numbers(subject: Subject) -> None:
    body = npy_body(subject.images[:3])
    array = open_npy(subject.post("/encode", body, "application/x-npy"))
    assert array.dtype == np.float32
    np.testing.assert_array_equal(np.float32(subject.post("/encode", body).json()["latents"]), array)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/x-npy", "application/x-npy"),
        ("application/json;q=0.5, application/x-npy;q=0.8", "application/x-npy"),
        ("application/x-npy;q=0.5, application/json", "application/json"),
        ("application/*;q=0.4, application/json;q=0.1", "application/x-npy"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "application/x-npy"),
    ],
)
def test_accept_decides_the_form_of_the_answer(accept: str | None, media_type: str, digits: Subject) -> None:
    response = digits.post("/encode", npy_body(digits.images[:1]), accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert "Accept" in response.headers["vary"]


def test_an_answer_names_its_model_and_version(subject: Subject) -> None:
    response = subject.post("/encode", npy_body(subject.images[:1]))
    name = subject.bundle.manifest.name
    assert (response.headers["x-model"], response.headers["x-model-version"]) == (name, "1")
    assert {key: response.json()[key] for key in ("model", "version")} == {"model": name, "version": 1}


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/json;q=0", "application/*;q=0"])
def test_an_answer_that_is_not_accepted_is_refused(accept: str, digits: Subject) -> None:
    response = digits.post("/encode", npy_body(digits.images[:1]), accept)
    assert response.status_code == 406
    assert "application/x-npy" in problem(response, "not-acceptable")["detail"]
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize("media_type", ["text/plain", "image/tiff", "application/octet-stream", ""])
def test_a_body_of_another_media_type_is_refused(media_type: str, digits: Subject) -> None:
    response = digits.post("/encode", file_body(b"{}", media_type))
    assert response.status_code == 415
    problem(response, "unsupported-media-type")
    assert "image/png" in response.headers["accept-post"]


def test_a_media_type_may_have_capitals_and_parameters(digits: Subject) -> None:
    body = file_body(b'{"images": [[%s]]}' % b",".join([b"0"] * 64), "Application/JSON; charset=utf-8")
    assert digits.post("/encode", body).status_code == 200


def test_the_image_that_is_wrong_is_named(subject: Subject) -> None:
    images = (subject.images[:4] / 255).tolist()
    images[2] = [0.5]
    response = subject.post("/encode", json_body(images=images))
    assert response.status_code == 422
    document = problem(response, "wrong-shape")
    assert [error["pointer"] for error in document["errors"]] == ["#/images/2"]
    assert str(list(subject.image_shape)) in document["detail"]
    assert "got [1]" in document["detail"]


def test_what_is_computed_is_counted(digits: Subject) -> None:
    def counted() -> float:
        text = digits.client.get("/metrics").text
        line = 'hourglass_images_total{model="digits",operation="encode"} '
        return float(text.split(line)[1].split()[0]) if line in text else 0.0

    before = counted()
    digits.post("/encode", npy_body(digits.images[:7]))
    assert counted() == before + 7
