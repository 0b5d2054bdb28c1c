"""Pictures of maps: the same every time, and safe and legible whatever the classes are called."""

import io
import re
from collections.abc import Sequence
from typing import get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from service.arrays import Labels
from service.maps import MeasuredSpace, PictureFormat, Space, SpaceMap, SpaceNumbers, Theme
from service.metrics import MapQuality
from service.palette import PALETTES
from service.plots import Drawing, draw_maps
from service.thumbnails import draw_thumbnails

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "]]>&amp;",
    "$\\frac",
    "$\\frac{1}{2}$",
    "a\nb\r\n",
    "x" * 10_000,
    "\0\x1b[31m",
    "😀",
    "\ud800",
    "_under",
    "",
)
NUMBERS: dict[MeasuredSpace, SpaceNumbers] = {
    "image": SpaceNumbers(784, 0.611, 0.112, 1.0),
    "pca": SpaceNumbers(30, 0.622, 0.113, 0.933),
    "latent": SpaceNumbers(30, 0.633, 0.111, 0.922),
}
SVG = "{http://www.w3.org/2000/svg}"


def _maps(count: int = 60, dimensions: int = 2, *spaces: Space, labelled: bool = True) -> dict[Space, SpaceMap]:
    points = np.random.default_rng(0).normal(size=(count, dimensions)).astype(np.float32)
    separability = (
        {"knn_accuracy": 0.777, "silhouette": -0.123} if labelled else dict.fromkeys(["knn_accuracy", "silhouette"])
    )
    quality = MapQuality(kl_divergence=1.234, perplexity=30, trustworthiness=0.987, **separability)
    return {space: SpaceMap(points, quality) for space in spaces or get_args(Space)}


def draw(
    maps: dict[Space, SpaceMap], labels: Labels | None, classes: Sequence[str], drawing: Drawing, *, table: bool = False
) -> bytes:
    return draw_maps(maps, NUMBERS if table else {}, labels, classes, drawing)


def _labels(classes: int, count: int = 60) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(count, dtype=np.int64) % classes


def _texts(svg: bytes) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("spaces", [("image",), ("latent",), ("image", "latent")])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_picture_names_its_maps_its_numbers_and_its_classes(
    dimensions: int, spaces: tuple[Space, ...], labelled: bool
) -> None:
    names = ("cat", "dog", "owl")
    labels = _labels(3) if labelled else None
    texts = _texts(draw(_maps(60, dimensions, *spaces, labelled=labelled), labels, names, Drawing("svg")))
    for number in ("1.234", "0.987"):
        assert texts.count(number) == len(spaces)
    for number in ("0.777", "-0.123"):
        assert texts.count(number) == len(spaces) * labelled
    assert [title in texts for title in ("Image space", "Latent space")] == [
        space in spaces for space in ("image", "latent")
    ]
    assert all((name in texts) == labelled for name in names)


def test_two_maps_stand_side_by_side() -> None:
    one, two = (
        Image.open(io.BytesIO(draw(_maps(60, 2, *spaces), None, (), Drawing("png")))).size
        for spaces in (("image",), ("image", "latent"))
    )
    assert two == (2 * one[0], one[1])


@pytest.mark.parametrize("picture", get_args(PictureFormat))
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_same_maps_give_the_same_bytes_and_say_nothing_of_when_and_how(
    dimensions: int, picture: PictureFormat
) -> None:
    one, again = (draw(_maps(60, dimensions), _labels(3), "abc", Drawing(picture)) for _ in range(2))
    assert one == again
    assert not re.search(rb"matplotlib v|matplotlib\.org|dc:date|Software|20\d\d-\d\d", one, re.IGNORECASE)


@pytest.mark.parametrize("picture", get_args(PictureFormat))
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_is_drawn_as_plain_text(hostile: str, picture: PictureFormat) -> None:
    data = draw(_maps(), _labels(2), (hostile, "tame"), Drawing(picture))
    if picture == "png":
        Image.open(io.BytesIO(data)).load()
        return
    elements = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(data).iter()}
    assert elements.isdisjoint({"script", "img", "image", "foreignObject", "a"})
    assert "tame" in _texts(data)
    assert len(_texts(data)) == 2 * (1 + 4 * 2) + 2  # of each map its title and four numbers; two classes
    assert max(map(len, _texts(data))) < 20


def test_a_name_with_dollars_keeps_them() -> None:
    assert "$\\frac" in _texts(draw(_maps(), _labels(2), ("$\\frac", "b"), Drawing("svg")))


@pytest.mark.parametrize("classes", [1, 10, 11, 26, 500])
@pytest.mark.parametrize("picture", get_args(PictureFormat))
def test_any_number_of_classes_is_drawn(classes: int, picture: PictureFormat) -> None:
    names = [f"class number {place}" for place in range(classes)]
    data = draw(_maps(1000), _labels(classes, 1000), names, Drawing(picture))
    if picture == "svg":
        assert (f"{classes} classes, dark to light in order" in _texts(data)) == (classes > 10)


def test_five_thousand_points_in_both_spaces_stay_below_1300_kilobytes_of_svg() -> None:
    assert len(draw(_maps(5000), _labels(10, 5000), "0123456789", Drawing("svg"))) < 1_300_000


def test_points_of_different_classes_differ_in_lightness_or_hue() -> None:
    data = draw(_maps(60, 2, "image"), _labels(10), "0123456789", Drawing("svg")).decode()
    assert len(set(re.findall(r"<use [^>]*style=\"fill: (#\w+)", data))) == 10


def test_the_numbers_of_the_spaces_stand_below_their_maps() -> None:
    texts = _texts(draw(_maps(), _labels(3), "abc", Drawing("svg"), table=True))
    for number in ("0.611", "0.622", "0.633", "0.112", "0.113", "0.111", "0.933", "0.922"):
        assert texts.count(number) == 1
    assert {"PCA", "784 dimensions", "30 dimensions"} <= set(texts)
    assert "1.000" not in texts  # of images to themselves, which tells nothing


@pytest.mark.parametrize("numbers", [SpaceNumbers(6, None, None, 0.9), SpaceNumbers(6, 0.5, 0.1, None)])
def test_a_table_leaves_out_what_was_not_measured(numbers: SpaceNumbers) -> None:
    texts = _texts(draw_maps(_maps(60, 2, "latent"), {"latent": numbers}, None, (), Drawing("svg")))
    assert ("0.500" in texts) == (numbers.knn_accuracy is not None)
    assert texts.count("trustworthiness") == 1 + (numbers.trustworthiness is not None)


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("thumbnails", [True, False])
def test_paper_and_ink_follow_the_theme(theme: Theme, thumbnails: bool) -> None:
    images = np.full((60, 8, 8, 1), 200, np.uint8) if thumbnails else None
    picture = Image.open(io.BytesIO(draw(_maps(), _labels(3), "abc", Drawing("png", theme, images), table=True)))
    assert picture.convert("RGB").getpixel((0, 0)) == tuple(bytes.fromhex(PALETTES[theme].paper[1:]))


@pytest.mark.parametrize("theme", get_args(Theme))
def test_classes_and_text_stand_out_from_the_paper(theme: Theme) -> None:
    """WCAG 2.2: 4.5 for text, 3 for what else must be seen; the yellow and the sky blue of light paper are paler."""
    palette = PALETTES[theme]
    assert _contrast(palette.ink, palette.paper) > 7
    assert _contrast(palette.quiet, palette.paper) > 4.5
    assert min(_contrast(colour, palette.paper) for colour in palette.classes) > (3 if theme == "dark" else 2)


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    values = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("picture", get_args(PictureFormat))
@pytest.mark.parametrize("shape", [(60, 8, 8, 1), (60, 20, 5, 3), (60, 40, 200, 1)])
def test_thumbnails_of_any_size_are_drawn_the_same_every_time(shape: tuple[int, ...], picture: PictureFormat) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    one, again = (draw(_maps(), _labels(3), "abc", Drawing(picture, "light", images), table=True) for _ in range(2))
    assert one == again


def test_thumbnails_keep_an_svg_small() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5000, 28, 28, 1), np.uint8)
    assert len(draw(_maps(5000), _labels(10, 5000), "0123456789", Drawing("svg", "light", images))) < 3_000_000


def test_thumbnails_do_not_cover_each_other_and_every_crowd_has_one() -> None:
    places = np.random.default_rng(0).uniform(0.05, 0.95, (500, 2)).astype(np.float32)
    images = np.full((500, 8, 8, 3), 255, np.uint8)
    found = draw_thumbnails(images, places, np.zeros((500, 3)), 600)
    side = 48
    inside = found.canvas[..., 3] > 0
    assert inside.sum() == found.drawn.sum() * side**2
    gaps = np.abs(places[:, None] - places[found.drawn][None]).max(axis=2).min(axis=1)
    assert gaps.max() < (side + 6) / 600  # each has a drawn one so near that there was no room


def test_grey_images_are_drawn_in_the_ink_of_their_class_on_nothing() -> None:
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[0, 2:6, 2:6] = 255
    colour = np.array([[1.0, 0.5, 0.0]])
    for images in (image, 255 - image):  # white on black, and black on white
        canvas = draw_thumbnails(images, np.full((1, 2), 0.5, np.float32), colour, 300).canvas
        assert tuple(canvas[150, 150]) == (255, 128, 0, 255)
        assert canvas[150, 150 - 70, 3] == 0


def test_colour_images_are_drawn_as_they_are_in_a_frame_of_their_class() -> None:
    images = np.full((1, 8, 8, 3), (10, 200, 30), np.uint8)
    canvas = draw_thumbnails(images, np.full((1, 2), 0.5, np.float32), np.array([[1.0, 0.0, 0.0]]), 300).canvas
    assert tuple(canvas[150, 150]) == (10, 200, 30, 255)
    assert tuple(canvas[150, 150 - 74]) == (255, 0, 0, 255)
