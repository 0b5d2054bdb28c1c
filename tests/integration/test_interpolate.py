"""POST /interpolate: a walk from image to image, whose frames are exactly what the options say."""

import io
import zipfile
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from service.arrays import to_bytes
from service.comparison import side_by_side
from service.contact_sheet import columns_and_rows
from service.images import enlarge
from tests.integration.conftest import (
    FILE_FORMATS,
    IMAGE_FORMS,
    Subject,
    as_unit,
    encode_file,
    file_body,
    form_body,
    json_body,
    npy_body,
    open_image,
    open_npy,
    problem,
    serving_here,
)

TOLERANCE = 1e-5
ANIMATIONS = ["image/gif", "image/webp", "image/apng"]
NPY = "application/x-npy"


def _walk(subject: Subject, stops: int = 2, accept: str = NPY, **query: Any) -> httpx.Response:
    """A walk through the first images of the sample."""
    response = subject.post("/interpolate", npy_body(subject.images[:stops]), accept, **query)
    assert response.status_code == 200, response.text
    return response


def _frames(response: httpx.Response) -> list[NDArray[np.uint8]]:
    """The pictures of an animation, a zip or JSON, each (height, width, channels)."""
    media_type = response.headers["content-type"]
    if media_type == "application/zip":
        archive = zipfile.ZipFile(io.BytesIO(response.content))
        assert archive.namelist() == [f"frame-{index:04d}.png" for index in range(len(archive.namelist()))]
        return [open_image(archive.read(name)) for name in archive.namelist()]
    if media_type == "application/json":
        return [open_image(frame["image"]) for frame in response.json()["frames"]]
    with Image.open(io.BytesIO(response.content)) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


def _durations(response: httpx.Response) -> list[float]:
    with Image.open(io.BytesIO(response.content)) as animation:
        durations = []
        for index in range(getattr(animation, "n_frames", 1)):
            animation.seek(index)
            animation.load()
            durations.append(animation.info["duration"])
        return durations


def _in_colour(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(pictures, (*pictures.shape[:-1], 3))


@pytest.mark.parametrize("form", IMAGE_FORMS)
def test_every_form_of_images_is_walked_through(form: str, subject: Subject) -> None:
    images = subject.images[:3]
    frames = open_npy(subject.post("/interpolate", IMAGE_FORMS[form](images), NPY, steps=4))
    np.testing.assert_allclose(frames[::3], subject.reconstruct(images), atol=TOLERANCE)


@pytest.mark.parametrize("media_type", FILE_FORMATS)
def test_files_of_a_form_are_walked_through(media_type: str, subject: Subject) -> None:
    file_format, options = FILE_FORMATS[media_type]
    files = [encode_file(image, file_format, **options) for image in subject.images[:2]]
    frames = open_npy(subject.post("/interpolate", form_body(files), NPY, steps=2))
    np.testing.assert_allclose(frames, subject.reconstruct(subject.images[:2]), atol=TOLERANCE)


@pytest.mark.parametrize("method", ["linear", "slerp"])
@pytest.mark.parametrize("as_array", [True, False])
def test_latents_are_walked_through(as_array: bool, method: str, subject: Subject) -> None:
    latents = subject.bundle.reference.latents[:3]
    body = npy_body(latents) if as_array else json_body(latents=latents.tolist())
    frames = open_npy(subject.post("/interpolate", body, NPY, steps=5, method=method))
    np.testing.assert_allclose(frames[::4], subject.decode(latents), atol=TOLERANCE)
    in_pixels = open_npy(subject.post("/interpolate", body, NPY, steps=5, space="image"))
    np.testing.assert_allclose(in_pixels[::4], subject.decode(latents), atol=TOLERANCE)


def test_a_straight_walk_in_latent_space_is_the_decoded_line(subject: Subject) -> None:
    start, end = subject.encode(subject.images[:2])
    line = np.stack([start + (end - start) * share for share in np.linspace(0, 1, 7, dtype=np.float32)])
    np.testing.assert_allclose(open_npy(_walk(subject, steps=7)), subject.decode(line), atol=TOLERANCE)


def test_a_spherical_walk_turns_by_equal_angles(subject: Subject) -> None:
    start, end = subject.encode(subject.images[:2]).astype(np.float64)
    angle = np.arccos(start @ end / np.linalg.norm(start) / np.linalg.norm(end))
    shares = np.linspace(0, 1, 7)[:, None]
    arc = (np.sin((1 - shares) * angle) * start + np.sin(shares * angle) * end) / np.sin(angle)
    frames = open_npy(_walk(subject, steps=7, method="slerp"))
    np.testing.assert_allclose(frames, subject.decode(arc.astype(np.float32)), atol=TOLERANCE)
    assert np.abs(frames - open_npy(_walk(subject, steps=7))).max() > 1e-3


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_a_walk_in_image_space_blends_the_images_themselves(method: str, subject: Subject) -> None:
    start, end = as_unit(subject.images[:2])
    blend = np.stack([start + (end - start) * share for share in np.linspace(0, 1, 5, dtype=np.float32)])
    frames = open_npy(_walk(subject, steps=5, space="image", method=method))
    np.testing.assert_allclose(frames, blend, atol=1e-6)
    np.testing.assert_array_equal(frames[[0, -1]], as_unit(subject.images[:2]))


def test_both_spaces_are_the_two_walks_pixels_first(subject: Subject) -> None:
    both = open_npy(_walk(subject, 3, steps=4, space="both"))
    assert both.shape == (2, 7, *subject.image_shape)
    np.testing.assert_array_equal(both[0], open_npy(_walk(subject, 3, steps=4, space="image")))
    np.testing.assert_array_equal(both[1], open_npy(_walk(subject, 3, steps=4, space="latent")))


@pytest.mark.parametrize("stops", [2, 3, 9, 16])
@pytest.mark.parametrize("steps", [2, 5])
def test_each_leg_has_its_steps_and_each_stop_one_frame(steps: int, stops: int, subject: Subject) -> None:
    count = (stops - 1) * (steps - 1) + 1
    frames = open_npy(_walk(subject, stops, steps=steps))
    assert len(frames) == count
    np.testing.assert_allclose(frames[:: steps - 1], subject.reconstruct(subject.images[:stops]), atol=TOLERANCE)
    turned = open_npy(_walk(subject, stops, steps=steps, boomerang=True))
    assert len(turned) == 2 * count - 1
    np.testing.assert_array_equal(turned[:count], frames)
    np.testing.assert_array_equal(turned[::-1], turned)


@pytest.mark.parametrize("stops", [1, 17])
def test_too_few_and_too_many_stops_are_refused(stops: int, digits: Subject) -> None:
    response = digits.post("/interpolate", npy_body(digits.images[:stops]))
    assert f"2 to 16 images or latents; got {stops}" in problem(response, "invalid-body")["detail"]


def test_a_single_file_is_no_body_of_a_walk(digits: Subject) -> None:
    response = digits.post("/interpolate", file_body(encode_file(digits.images[0]), "image/png"))
    assert response.status_code == 415
    assert "image/png" not in problem(response, "unsupported-media-type")["detail"]


@pytest.mark.parametrize("accept", [*ANIMATIONS, "application/zip", "application/json"])
@pytest.mark.parametrize("space", ["image", "latent"])
def test_pictures_are_the_frames_enlarged(space: str, accept: str, subject: Subject) -> None:
    """Exactly, but for the colours of a GIF, whose palette only comes near them."""
    expected = to_bytes(open_npy(_walk(subject, 3, steps=4, space=space))).repeat(3, axis=1).repeat(3, axis=2)
    pictures = np.stack(_frames(_walk(subject, 3, accept, steps=4, space=space, scale=3)))
    assert pictures.shape[:3] == expected.shape[:3]
    tolerance = 60 if (accept, subject.image_shape[2]) == ("image/gif", 3) else 0
    np.testing.assert_allclose(_in_colour(pictures).astype(int), _in_colour(expected), atol=tolerance)


@pytest.mark.parametrize("scale", [None, 1, 7])
def test_scale_enlarges_and_unset_it_fits_128_pixels(scale: int | None, subject: Subject) -> None:
    height, width, _ = subject.image_shape
    used = scale or 128 // max(height, width)
    query = {} if scale is None else {"scale": scale}
    for picture in _frames(_walk(subject, 2, "image/webp", steps=2, **query)):
        assert picture.shape == (height * used, width * used, 3)


def test_smooth_enlargement_draws_between_pixels(subject: Subject) -> None:
    walk = to_bytes(open_npy(_walk(subject, steps=3)))
    response = _walk(subject, 2, "application/zip", steps=3, scale=5, enlargement="smooth")
    np.testing.assert_array_equal(_frames(response), enlarge(walk, 5, smooth=True))
    assert (enlarge(walk, 5, smooth=True) != enlarge(walk, 5)).any()


@pytest.mark.parametrize("accept", ["image/webp", "application/zip"])
def test_both_spaces_stand_side_by_side_under_their_names(accept: str, subject: Subject) -> None:
    pixels, latent = (
        to_bytes(open_npy(_walk(subject, steps=3, space=space))).repeat(6, axis=1).repeat(6, axis=2)
        for space in ("image", "latent")
    )
    expected = side_by_side(pixels, latent, ("pixels", "latent"))
    pictures = np.stack(_frames(_walk(subject, 2, accept, steps=3, space="both", scale=6)))
    np.testing.assert_array_equal(_in_colour(pictures), _in_colour(expected))
    height, width, _ = subject.image_shape
    assert pictures.shape[1] > 6 * height
    assert pictures.shape[2] > 2 * 6 * width


def test_json_tells_space_ghosting_and_duration_of_every_frame(subject: Subject) -> None:
    response = _walk(subject, 2, "application/json", steps=4, space="both", duration_ms=50, hold_ms=300)
    document = response.json()
    assert (document["model"], document["version"]) == (subject.bundle.manifest.name, 1)
    frames = document["frames"]
    assert [frame["space"] for frame in frames] == ["image"] * 4 + ["latent"] * 4
    assert [frame["duration_ms"] for frame in frames] == [300, 50, 50, 300] * 2
    pixels = open_npy(_walk(subject, steps=4, space="both")).reshape(8, -1).astype(float)
    ghosting = (4 * pixels * (1 - pixels)).sum(axis=1) / pixels.sum(axis=1)
    np.testing.assert_allclose([frame["ghosting"] for frame in frames], ghosting, atol=TOLERANCE)


@pytest.mark.parametrize("accept", ANIMATIONS)
def test_holds_are_durations_and_not_frames(accept: str, digits: Subject) -> None:
    query: dict[str, Any] = {"steps": 4, "duration_ms": 60, "hold_ms": 500, "space": "image"}
    assert _durations(_walk(digits, 3, accept, **query)) == [500, 60, 60, 500, 60, 60, 500]
    back = _durations(_walk(digits, 3, accept, boomerang=True, **query))
    assert back == [500, 60, 60, 500, 60, 60, 500, 60, 60, 500, 60, 60, 500]
    assert _durations(_walk(digits, 2, accept, steps=3, duration_ms=90, hold_ms=0, space="image")) == [90, 90, 90]


@pytest.mark.parametrize(("accept", "once"), [("image/gif", None), ("image/webp", 1), ("image/apng", 1)])
def test_a_file_says_whether_it_repeats(accept: str, once: int | None, digits: Subject) -> None:
    for loop, said in ((True, 0), (False, once)):
        with Image.open(io.BytesIO(_walk(digits, 2, accept, steps=3, loop=loop).content)) as animation:
            assert animation.info.get("loop") == said
            assert getattr(animation, "n_frames", 1) == 3


def test_a_png_is_a_sheet_of_all_frames(subject: Subject) -> None:
    sheet = open_image(_walk(subject, 2, "image/png", steps=5, scale=2).content)
    height, width, channels = subject.image_shape
    columns, rows = columns_and_rows(5)
    assert sheet.shape == (rows * (2 * height + 1) - 1, columns * (2 * width + 1) - 1, channels)
    first = to_bytes(open_npy(_walk(subject, steps=5)))[:1].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(sheet[: 2 * height, : 2 * width], first[0])


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "image/gif"),
        ("image/*", "image/gif"),
        ("image/webp, image/gif;q=0.9", "image/webp"),
        ("text/html, application/*;q=0.5", "application/x-npy"),
        ("application/json", "application/json"),
    ],
)
def test_accept_decides_the_form_of_the_answer(accept: str | None, media_type: str, digits: Subject) -> None:
    response = digits.post("/interpolate", npy_body(digits.images[:2]), accept, steps=2)
    assert response.headers["content-type"] == media_type
    assert "Accept" in response.headers["vary"]
    assert (response.headers["x-model"], response.headers["x-model-version"]) == ("digits", "1")


def test_what_is_neither_accepted_nor_read_is_refused(digits: Subject) -> None:
    problem(digits.post("/interpolate", npy_body(digits.images[:2]), "image/jpeg"), "not-acceptable")
    problem(digits.post("/interpolate", file_body(b"x", "text/plain")), "unsupported-media-type")
    problem(digits.post("/interpolate", json_body(reference=True)), "invalid-body")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("steps", 1), ("steps", 241), ("space", "pixels"), ("method", "cubic"), ("loop", "maybe"), ("duration_ms", 9),
        ("duration_ms", 10_001), ("hold_ms", -1), ("hold_ms", 60_001), ("scale", 0), ("scale", 129),
        ("enlargement", "bilinear"), ("step", 3),
    ],
)  # fmt: skip
def test_an_option_out_of_bounds_is_refused_by_its_name(parameter: str, value: Any, digits: Subject) -> None:
    response = digits.post("/interpolate", npy_body(digits.images[:2]), **{parameter: value})
    assert response.status_code == 422
    document = problem(response, "invalid-parameter")
    assert document["errors"][0].get("parameter") == (None if parameter == "step" else parameter)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"steps": 26, "scale": 1}, "steps"),
        ({"scale": 5, "steps": 2}, "scale"),
        ({"steps": 10, "scale": 4}, "steps"),
        ({"steps": 6, "scale": 4, "boomerang": True}, "steps"),
        ({"steps": 6, "scale": 4, "space": "both"}, "steps"),
    ],
)
def test_a_walk_beyond_the_limits_is_refused_by_what_to_lower(
    query: dict[str, Any], parameter: str, digits: Subject
) -> None:
    """Frames of at most 4 x 8 x 8 pixels at scale 4, and nine of them."""
    with serving_here(
        digits.bundle.path.parents[1], max_steps=25, max_frame_pixels=1024, max_animation_values=9 * 1024
    ) as client:
        limited = Subject(client, digits.bundle, digits.module)
        response = limited.post("/interpolate", npy_body(digits.images[:2]), **query)
        assert response.status_code == 422
        assert problem(response, "invalid-parameter")["errors"][0]["parameter"] == parameter
        assert len(open_npy(_walk(limited, steps=25))) == 25  # an array is not enlarged
        assert len(_frames(_walk(limited, 2, "image/webp", steps=9, scale=4))) == 9
