"""Pictures of maps: the same every time, and safe and legible whatever the classes are called."""

import io
import re
from typing import get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from service.maps import PictureFormat, Space, SpaceMap
from service.metrics import MapQuality
from service.plots import draw_maps

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
SVG = "{http://www.w3.org/2000/svg}"


def _maps(count: int = 60, dimensions: int = 2, *spaces: Space, labelled: bool = True) -> dict[Space, SpaceMap]:
    points = np.random.default_rng(0).normal(size=(count, dimensions)).astype(np.float32)
    separability = (
        {"knn_accuracy": 0.777, "silhouette": -0.123} if labelled else dict.fromkeys(["knn_accuracy", "silhouette"])
    )
    quality = MapQuality(kl_divergence=1.234, perplexity=30, trustworthiness=0.987, **separability)
    return {space: SpaceMap(points, quality) for space in spaces or get_args(Space)}


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
    texts = _texts(draw_maps(_maps(60, dimensions, *spaces, labelled=labelled), labels, names, "svg"))
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
        Image.open(io.BytesIO(draw_maps(_maps(60, 2, *spaces), None, (), "png"))).size
        for spaces in (("image",), ("image", "latent"))
    )
    assert two == (2 * one[0], one[1])


@pytest.mark.parametrize("picture", get_args(PictureFormat))
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_same_maps_give_the_same_bytes_and_say_nothing_of_when_and_how(
    dimensions: int, picture: PictureFormat
) -> None:
    one, again = (draw_maps(_maps(60, dimensions), _labels(3), "abc", picture) for _ in range(2))
    assert one == again
    assert not re.search(rb"matplotlib v|matplotlib\.org|dc:date|Software|20\d\d-\d\d", one, re.IGNORECASE)


@pytest.mark.parametrize("picture", get_args(PictureFormat))
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_is_drawn_as_plain_text(hostile: str, picture: PictureFormat) -> None:
    data = draw_maps(_maps(), _labels(2), (hostile, "tame"), picture)
    if picture == "png":
        Image.open(io.BytesIO(data)).load()
        return
    elements = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(data).iter()}
    assert elements.isdisjoint({"script", "img", "image", "foreignObject", "a"})
    assert "tame" in _texts(data)
    assert len(_texts(data)) == 2 * (1 + 4 * 2) + 2  # of each map its title and four numbers; two classes
    assert max(map(len, _texts(data))) < 20


def test_a_name_with_dollars_keeps_them() -> None:
    assert "$\\frac" in _texts(draw_maps(_maps(), _labels(2), ("$\\frac", "b"), "svg"))


@pytest.mark.parametrize("classes", [1, 10, 11, 26, 500])
@pytest.mark.parametrize("picture", get_args(PictureFormat))
def test_any_number_of_classes_is_drawn(classes: int, picture: PictureFormat) -> None:
    names = [f"class number {place}" for place in range(classes)]
    data = draw_maps(_maps(1000), _labels(classes, 1000), names, picture)
    if picture == "svg":
        assert (f"{classes} classes, dark to light in order" in _texts(data)) == (classes > 10)


def test_five_thousand_points_in_both_spaces_stay_below_1300_kilobytes_of_svg() -> None:
    assert len(draw_maps(_maps(5000), _labels(10, 5000), "0123456789", "svg")) < 1_300_000


def test_points_of_different_classes_differ_in_lightness_or_hue() -> None:
    data = draw_maps(_maps(60, 2, "image"), _labels(10), "0123456789", "svg").decode()
    assert len(set(re.findall(r"<use [^>]*style=\"fill: (#\w+)", data))) == 10
