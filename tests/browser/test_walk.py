"""Walking through latent space: every place is decoded, what is far from data is said and shown, nothing is lost."""

import base64
import json
import re
import shlex
import subprocess

import httpx2 as httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Position, Request, Route, expect

from tests.browser.conftest import SIZES, Open
from tests.integration.conftest import Server

PLANE = "import(new URL('static/playground/plane.js', document.baseURI).href)"


def panel_of(page: Page) -> Locator:
    """The panel, once its first place is decoded."""
    panel = page.locator("#walk")
    expect(panel.get_by_role("img", name=re.compile("^What the model makes of this place"))).to_be_visible()
    return panel


def ground_of(panel: Locator) -> Locator:
    ground = panel.get_by_role("application")
    ground.scroll_into_view_if_needed()
    return ground


def place_of(panel: Locator) -> tuple[float, float]:
    """Where the walker is on the plane, as it is said."""
    label = ground_of(panel).get_attribute("aria-label") or ""
    found = re.search(r"You are at (\S+), (\S+)\. ", label)
    assert found is not None, label
    return float(found[1]), float(found[2])


def decoded(panel: Locator) -> str:
    url: str = panel.locator(".pictures canvas").first.evaluate("canvas => canvas.toDataURL()")
    return url


def wait_for_another(page: Page, picture: str) -> None:
    page.wait_for_function("old => document.querySelector('#walk .pictures canvas').toDataURL() !== old", arg=picture)


def corner_of(ground: Locator) -> Position:
    box = ground.bounding_box()
    assert box is not None
    return Position(x=3, y=box["height"] - 3)


def latents_of(request: Request) -> list[list[float]]:
    latents: list[list[float]] = json.loads(request.post_data or "")["latents"]
    return latents


def test_a_first_visitor_stands_at_a_test_image_and_sees_it(page: Page) -> None:
    panel = panel_of(page)
    expect(ground_of(panel)).to_have_attribute("aria-label", re.compile("At test image .*, class"))
    expect(panel.get_by_role("img", name=re.compile("^The nearest test image: test image"))).to_be_visible()
    expect(panel.locator(".where")).to_contain_text("Near data")


@pytest.mark.parametrize("size", SIZES)
def test_a_drag_by_mouse_or_a_tap_by_finger_decodes_another_place(open_page: Open, size: str) -> None:
    page = open_page(size=size, has_touch=size != "desktop").page
    panel = panel_of(page)
    ground, picture, place = ground_of(panel), decoded(panel), place_of(panel)
    box = ground.bounding_box()
    assert box is not None
    if size == "desktop":
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3, steps=5)
        page.mouse.up()
    else:
        ground.tap(position={"x": box["width"] / 3, "y": box["height"] / 3})
    wait_for_another(page, picture)
    assert place_of(panel) != place


def test_the_decoded_picture_is_that_of_the_service(page: Page) -> None:
    panel = panel_of(page)
    with page.expect_response(re.compile(r"/decode\?")) as answered:
        ground_of(panel).press("ArrowLeft")
    bytes_of = """async text => {
        const file = new Blob([Uint8Array.from(atob(text), one => one.charCodeAt(0))], { type: "image/png" });
        const bitmap = await createImageBitmap(file);
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
        canvas.drawImage(bitmap, 0, 0);
        return [...canvas.getImageData(0, 0, bitmap.width, bitmap.height).data];
    }"""
    expected = page.evaluate(bytes_of, json.loads(answered.value.body())["images"][0])
    shown = """expected => {
        const canvas = document.querySelector('#walk .pictures canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.length === expected.length && data.every((value, at) => Math.abs(value - expected[at]) <= 1);
    }"""
    page.wait_for_function(shown, arg=expected)


def test_keys_walk_and_lead_back(page: Page) -> None:
    panel = panel_of(page)
    ground, start = ground_of(panel), place_of(panel)
    ground.press("ArrowLeft")
    short = start[0] - place_of(panel)[0]
    assert short > 0
    ground.press("Shift+ArrowLeft")
    assert start[0] - short - place_of(panel)[0] == pytest.approx(5 * short, rel=0.05)
    ground.press("ArrowUp")
    assert place_of(panel)[1] > start[1]
    expect(page.get_by_role("status").filter(has_text=re.compile("from test image"))).to_have_count(1)
    ground.press("Home")
    assert place_of(panel) == start


def test_one_request_is_under_way_and_the_newest_place_wins(page: Page) -> None:
    panel = panel_of(page)
    held: list[Route] = []
    sent: list[Request] = []

    def hold_the_first(route: Route) -> None:
        sent.append(route.request)
        if len(sent) == 1:
            held.append(route)
        else:
            route.continue_()

    page.route("**/decode*", hold_the_first)
    ground = ground_of(panel)
    with page.expect_request(re.compile(r"/decode\?")):
        ground.press("ArrowLeft")
    for _ in range(4):
        ground.press("ArrowUp")
    assert len(sent) == 1
    with page.expect_response(lambda response: response.request == sent[-1] and len(sent) == 2):
        held[0].continue_()
    panel.get_by_role("button", name="Copy as curl: the decoded image").click()
    line = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert json.loads(line[-1])["latents"] == latents_of(sent[-1])
    assert len(sent) == 2


def test_far_from_data_is_shaded_and_said(page: Page) -> None:
    panel = panel_of(page)
    ground = ground_of(panel)
    ground.click(position=corner_of(ground))
    expect(panel.locator(".where")).to_contain_text("Far from data")
    expect(ground).to_have_attribute("aria-label", re.compile("Far from data"))
    pixel = "(canvas, at) => [...canvas.getContext('2d').getImageData(at === 0 ? 4 : canvas.width - 4, 4, 1, 1).data]"
    paper = [255, 255, 255, 255]
    assert ground.evaluate(pixel, 0) != paper or ground.evaluate(pixel, 1) != paper


def test_a_slider_moves_one_number_by_keys(page: Page) -> None:
    panel = panel_of(page)
    picture, place = decoded(panel), place_of(panel)
    slider = panel.get_by_role("slider").first
    with page.expect_request(re.compile(r"/decode\?")) as sent:
        slider.press("End")
    assert len(latents_of(sent.value)[0]) == 6
    expect(slider).to_have_attribute("aria-valuetext", re.compile("beyond its usual range; usual from .* to"))
    wait_for_another(page, picture)
    assert place_of(panel) != place


def test_walking_changes_the_image_looked_at_only_when_asked(page: Page) -> None:
    panel = panel_of(page)
    ground_of(panel).press("ArrowLeft")
    expect(panel.get_by_role("button", name="The image looked at")).to_be_disabled()
    panel.get_by_role("button", name="Look at it").click()
    expect(panel.get_by_role("button", name="The image looked at")).to_be_enabled()


def test_a_place_becomes_an_end_and_the_way_begins_at_its_latent(page: Page) -> None:
    panel = panel_of(page)
    with page.expect_request(re.compile(r"/decode\?")) as decoding:
        ground_of(panel).press("Shift+ArrowUp")
    expect(page.get_by_role("status").filter(has_text="from test image")).to_have_count(1)
    with page.expect_request(re.compile(r"/interpolate\?")) as sent:
        panel.get_by_role("button", name="Set as A").click()
    assert latents_of(sent.value)[0] == latents_of(decoding.value)[0]
    expect(page.locator("#interpolate").get_by_role("img", name="A: a place in latent space")).to_be_visible()


def test_it_starts_from_the_image_looked_at_a_random_one_or_the_middle(open_page: Open) -> None:
    page = open_page("?subject=5").page
    panel = panel_of(page)
    panel.get_by_role("button", name="The image looked at").click()
    expect(page.get_by_role("status").filter(has_text="Started from the image looked at. At test image")).to_have_count(
        1
    )
    panel.get_by_role("button", name="Random image").click()
    expect(ground_of(panel)).to_have_attribute("aria-label", re.compile("At test image"))
    panel.get_by_role("button", name="The middle").click()
    assert np.abs(place_of(panel)).max() < 1e-4
    panel.get_by_role("button", name="Start here, from the nearest test image").click()
    expect(ground_of(panel)).to_have_attribute("aria-label", re.compile("At test image"))


def test_a_problem_is_shown_beside_the_picture_and_goes(open_page: Open) -> None:
    visit = open_page()
    panel = panel_of(visit.page)
    visit.forgive("422")
    visit.page.route("**/decode*", lambda route: route.continue_(post_data='{"latents": [[1]]}'))
    ground_of(panel).press("ArrowLeft")
    expect(panel.get_by_role("alert")).to_contain_text("Numbers of the wrong shape")
    visit.page.unroute("**/decode*")
    ground_of(panel).press("ArrowRight")
    expect(panel.get_by_role("alert")).to_have_count(0)


def test_it_goes_on_when_the_service_comes_back(open_page: Open) -> None:
    visit = open_page()
    visit.forgive("ERR_CONNECTION_REFUSED")
    panel = panel_of(visit.page)
    picture = decoded(panel)
    visit.page.route("**/decode*", lambda route: route.abort("connectionrefused"))
    ground_of(panel).press("Shift+ArrowLeft")
    expect(visit.page.locator("#lost")).to_be_visible()
    visit.page.unroute("**/decode*")
    wait_for_another(visit.page, picture)
    expect(visit.page.locator("#lost")).to_be_hidden()


def test_a_sample_without_labels_is_walked_too(page: Page) -> None:
    def forget_labels(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"labels": None, "classes": []})

    page.route("**/models/digits/reference", forget_labels)
    page.reload()
    panel = panel_of(page)
    expect(ground_of(panel)).to_have_attribute("aria-label", re.compile(r"At test image \d+\.$"))
    panel.get_by_text("Where the classes are, as a table").click()
    expect(panel.get_by_role("row")).to_have_count(2)
    page.wait_for_selector("#interpolate .stage[aria-busy=false]")
    names = [page.get_by_role("img", name=re.compile(f"^{end}: test image \\d+$")) for end in "AB"]
    assert names[0].get_attribute("aria-label") != f"A: {(names[1].get_attribute('aria-label') or '')[3:]}"


def test_the_copied_line_decodes_the_same_place(page: Page) -> None:
    panel = panel_of(page)
    panel.get_by_role("button", name="Copy as curl: the decoded image").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    line = page.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run(shlex.split(line), check=True, timeout=30, capture_output=True)
    assert base64.b64decode(json.loads(ran.stdout)["images"][0]).startswith(b"\x89PNG")


def test_the_plane_is_that_of_principal_components(page: Page, playground: Server) -> None:
    latents = np.array(httpx.get(f"{playground.url}/models/digits/reference").json()["latents"])
    script = f"""async latents => {{
        const {{ findPlane }} = await {PLANE};
        const {{ axes, shares }} = findPlane(Float32Array.from(latents.flat()), latents[0].length);
        return [axes.map(axis => [...axis]), shares];
    }}"""
    axes, shares = page.evaluate(script, latents.tolist())
    _, scales, directions = np.linalg.svd(latents - latents.mean(axis=0), full_matrices=False)
    assert np.abs(np.sum(np.array(axes) * directions[:2], axis=1)) == pytest.approx([1, 1], abs=1e-3)
    assert shares == pytest.approx(scales[:2] ** 2 / np.sum(scales**2), abs=1e-4)


def test_the_shade_measures_the_distance_to_the_nearest_latent(page: Page) -> None:
    latents = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    script = f"""async latents => {{
        const {{ findPlane, measureGrid, moveTo }} = await {PLANE};
        const flat = Float32Array.from(latents.flat());
        const plane = findPlane(flat, 5);
        const start = flat.slice(0, 5);
        const grid = measureGrid(plane, flat, start, {{ left: -2, top: 2, width: 4, height: 4 }}, 4, 4);
        const centres = [-1.5, -0.5, 0.5, 1.5];
        const places = [...centres].reverse().flatMap(y => centres.map(x => [...moveTo(plane, start, [x, y])]));
        return [[...grid], places];
    }}"""
    grid, places = page.evaluate(script, latents.tolist())
    expected = np.linalg.norm(np.array(places)[:, None] - latents[None], axis=2).min(axis=1)
    assert grid == pytest.approx(expected, rel=1e-4)


def test_latents_of_one_number_have_a_line_for_a_plane(page: Page) -> None:
    script = f"""async () => {{
        const {{ findPlane, moveTo, project }} = await {PLANE};
        const plane = findPlane(Float32Array.of(1, 2, 3, 6), 1);
        return [[...plane.places], plane.shares, [...moveTo(plane, Float32Array.of(3), [2, 5])]];
    }}"""
    places, shares, moved = page.evaluate(script)
    assert places == [-2, 0, -1, 0, 0, 0, 3, 0]
    assert shares == [1, 0]
    assert moved == [5]


def test_another_model_begins_anew(page: Page) -> None:
    panel_of(page)
    page.get_by_label("Model", exact=True).select_option("colours")
    panel = panel_of(page)
    expect(panel.get_by_role("slider")).to_have_count(5)
    panel.get_by_text("Where the classes are, as a table").click()
    expect(panel.get_by_role("row")).to_have_count(3)
    assert panel.locator(".pictures canvas").first.evaluate("canvas => [canvas.width, canvas.height]") == [10, 6]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_states_of_the_panel(open_page: Open, size: str, scheme: str) -> None:
    page = open_page("?subject=2&a=3", size=size, color_scheme=scheme).page
    panel = panel_of(page)
    ground = ground_of(panel)
    ground.click(position=corner_of(ground))
    expect(panel.locator(".where")).to_contain_text("Far from data")
    panel.get_by_text("Where the classes are, as a table").click()
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
