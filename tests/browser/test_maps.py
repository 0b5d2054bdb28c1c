"""The two maps: by mouse, by keyboard and by touch, with pixels that must be there."""

import csv
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import MARKUP, SIZES, Open

CLASS_COLOURS = ["#0072B2", "#E69F00", "#009E73"]
SPOT = """async ([space, row]) => {
    const { fit, place } = await import(new URL("static/playground/map_points.js", document.baseURI));
    const { project, WHOLE } = await import(new URL("static/playground/map_view.js", document.baseURI));
    const query = new URLSearchParams(location.search);
    const sample = await (await fetch(`models/${query.get("model") ?? "digits"}/reference`)).json();
    const map = Float32Array.from(sample.maps[space].flat());
    const places = place(map, fit(map));
    const root = document.querySelector(`[aria-describedby="${space}-keys"]`);
    root.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = root.getBoundingClientRect();
    const at = project(WHOLE, { width, height });
    return [left + at.left + at.scale * places[2 * row], top + at.top + at.scale * places[2 * row + 1]];
}"""
"""Where a row of the sample is on the screen, while the whole map is seen."""
COLOURS = """(root, number) => {
    const seen = root.querySelectorAll("canvas")[number];
    const canvas = Object.assign(document.createElement("canvas"), { width: seen.width, height: seen.height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(seen, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const found = {};
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 0) continue;
        const hex = [0, 1, 2].map((step) => data[at + step].toString(16).padStart(2, "0")).join("").toUpperCase();
        found[`#${hex}`] = (found[`#${hex}`] ?? 0) + 1;
    }
    return found;
}"""
"""How many pixels of each colour a canvas of a map has: 0 the dots, 1 the marks over them."""
FRAMES = """async ([root, keys]) => {
    const frame = () => new Promise(requestAnimationFrame);
    const times = [await frame()];
    for (let turn = 0; turn < 40; turn++) {
        const key = keys[turn % keys.length];
        root.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: key.startsWith("Arrow"), bubbles: true }));
        times.push(await frame());
    }
    return times.slice(1).map((time, at) => time - times[at]).sort((one, other) => one - other);
}"""


def window(page: Page, space: str) -> Locator:
    """The map of a space."""
    return page.get_by_role("application", name=re.compile(f"^{space.capitalize()} space"))


def spot(page: Page, space: str, row: int) -> tuple[float, float]:
    """Where a row is on the screen."""
    left, top = page.evaluate(SPOT, [space, row])
    return left, top


def pinned(page: Page) -> Locator:
    return page.get_by_role("list", name="Pinned points").locator("> li")


def drag(page: Page, places: list[tuple[float, float]]) -> None:
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def lasso(page: Page, space: str) -> None:
    """Draw a line around the left half of a map."""
    page.get_by_role("button", name="Lasso").click()
    root = window(page, space)
    root.scroll_into_view_if_needed()
    box = root.bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 3, box["y"] + 3, box["x"] + box["width"] / 2, box["y"] + box["height"] - 3
    drag(page, [(left, top), (right, top), (right, bottom), (left, bottom)])


def with_reference(page: Page, change: Callable[[dict[str, Any]], None]) -> None:
    """Let the page see another sample than the bundle's."""

    def answer(route: Route) -> None:
        document = route.fetch().json()
        change(document)
        route.fulfill(json=document)

    page.route(re.compile(r"/reference(\?|$)"), answer)
    page.reload()
    page.wait_for_selector("#model .tiles")


def enlarged(count: int) -> Callable[[dict[str, Any]], None]:
    """A sample of so many points in ten clouds."""

    def change(document: dict[str, Any]) -> None:
        random = np.random.default_rng(0)
        labels = random.integers(0, 10, count)
        places = random.normal(size=(count, 2)) + 6 * np.column_stack([np.cos(labels), np.sin(labels)])
        coordinates = places.round(3).tolist()
        document |= {"count": count, "labels": labels.tolist(), "test_indices": list(range(count))}
        document |= {"latents": [[0] * document["latent_dim"]] * count}
        document |= {"maps": {"image": coordinates, "latent": coordinates}}
        document |= {"errors": {"mse": [0] * count, "percentile": [0] * count}}

    return change


def test_every_class_is_painted_on_both_maps(page: Page) -> None:
    for space in ("image", "latent"):
        root = window(page, space)
        expect(root).to_have_accessible_name(re.compile(r"points$"))
        root.scroll_into_view_if_needed()
        page.wait_for_function("root => root.querySelector('canvas').width > 300", arg=root.element_handle())
        assert root.evaluate(COLOURS, 0).keys() >= set(CLASS_COLOURS)


def test_pointing_at_a_dot_rings_it_in_both_maps_and_shows_its_image(page: Page) -> None:
    page.mouse.move(0, 0)
    place = spot(page, "image", 7)
    assert window(page, "latent").evaluate(COLOURS, 1) == {}
    page.mouse.move(*place)
    for space in ("image", "latent"):
        expect(window(page, space)).to_have_accessible_name(re.compile("At test image"))
        page.wait_for_function(
            f"root => Object.keys(({COLOURS})(root, 1)).length > 0", arg=window(page, space).element_handle()
        )
    expect(page.locator("#maps .peek:visible canvas")).to_have_count(1)
    page.mouse.move(0, 0)
    expect(page.locator("#maps .peek:visible")).to_have_count(0)


def test_a_pinned_point_lists_its_neighbours_in_both_spaces_and_stays_in_the_address(page: Page) -> None:
    page.mouse.click(*spot(page, "latent", 11))
    expect(pinned(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"pins=\d+"))
    card = pinned(page).first
    expect(card.get_by_role("heading", name=re.compile("Nearest in latent space"))).to_be_visible()
    expect(card.get_by_role("button", name=re.compile("distance .*: pin it"))).to_have_count(16)
    page.reload()
    expect(pinned(page)).to_have_count(1)
    pinned(page).first.get_by_role("button", name=re.compile("pin it")).nth(8).click()
    expect(pinned(page)).to_have_count(2)
    pinned(page).first.get_by_role("button", name=re.compile("^Unpin")).click()
    expect(pinned(page)).to_have_count(1)


def test_the_lasso_selects_and_the_sheet_and_counts_show_what(page: Page) -> None:
    lasso(page, "image")
    selection = page.get_by_role("region", name="Selection")
    expect(selection.get_by_role("heading", level=3)).to_have_text(re.compile(r"Selected: \d+ images"))
    total = int(re.findall(r"\d+", selection.get_by_role("heading", level=3).inner_text())[0])
    amounts = selection.locator(".counts .amount").all_inner_texts()
    assert sum(int(text.split()[0]) for text in amounts) == total
    sheet = selection.get_by_role("img", name=re.compile("Contact sheet"))
    shades = sheet.evaluate("one => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data).size")
    assert shades > 8
    selection.get_by_role("button", name="Let go").click()
    expect(selection).to_be_hidden()


@pytest.mark.parametrize(("scale", "thumbnail"), [(0.5, 4), (16, 96)])
def test_thumbnails_follow_the_tiles_but_are_never_large(page: Page, scale: float, thumbnail: int) -> None:
    tile = int(8 * scale)

    def resize(route: Route) -> None:
        sheet, other = Image.open(BytesIO(route.fetch().body())), BytesIO()
        sheet.resize((int(sheet.width * scale), int(sheet.height * scale))).save(other, "PNG")
        route.fulfill(body=other.getvalue(), content_type="image/png")

    page.route(re.compile(r"/reference/images(\?|$)"), resize)
    with page.expect_request(re.compile(r"/reference/images/0(\?|$)")):
        with_reference(page, lambda document: document["sheet"].update(scale=scale, tile_width=tile, tile_height=tile))
    page.get_by_role("button", name="Select all in view").click()
    selection = page.get_by_role("region", name="Selection")
    selection.get_by_role("button", name="Show 96 more").click()
    sheet = selection.get_by_role("img", name="Contact sheet of 192 selected images")
    assert sheet.evaluate("one => [one.width, one.height]") == [24 * thumbnail, 8 * thumbnail]
    shades = "(one, side) => new Set(one.getContext('2d').getImageData(23 * side, 7 * side, side, side).data).size"
    assert sheet.evaluate(shades, thumbnail) > 4
    seen = page.locator("#draw").get_by_role("img", name=re.compile("^What the model sees"))
    assert seen.evaluate("one => [one.width, one.height]") == [8, 8]


def test_the_legend_hides_and_isolates_classes_and_a_link_keeps_that(page: Page) -> None:
    root = window(page, "latent")
    root.scroll_into_view_if_needed()
    page.get_by_role("button", name="Show class 0", exact=True).click()
    expect(page).to_have_url(re.compile("hidden=0"))
    page.wait_for_function(f"root => !(({COLOURS})(root, 0)['{CLASS_COLOURS[0]}'])", arg=root.element_handle())
    page.get_by_role("button", name="Show only class 1", exact=True).click()
    page.wait_for_function(f"root => !(({COLOURS})(root, 0)['{CLASS_COLOURS[2]}'])", arg=root.element_handle())
    assert CLASS_COLOURS[1] in root.evaluate(COLOURS, 0)
    page.reload()
    expect(page.get_by_role("button", name="Show class 0", exact=True)).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Show all").click()
    expect(page).not_to_have_url(re.compile("hidden="))


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    root = window(page, "image")
    root.focus()
    page.keyboard.press("ArrowRight")
    first = root.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    second = root.get_attribute("aria-label")
    assert "At test image" in (first or "")
    assert first != second
    expect(page.locator("#live")).to_contain_text("test image")
    expect(page.locator("#maps .peek:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(pinned(page)).to_have_count(1)
    page.keyboard.press("s")
    expect(page.get_by_role("region", name="Selection")).to_contain_text("1 image")
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Selection")).to_be_hidden()
    for _ in range(4):
        page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowLeft")
    expect(root).to_have_accessible_name(re.compile("3.8 times enlarged"))
    expect(page).to_have_url(re.compile(r"view=image\.-?\d+\.-?\d+\.\d+"))
    page.get_by_role("button", name="Select all in view").press("Enter")
    expect(page.get_by_role("region", name="Selection")).to_contain_text(re.compile(r"Selected: \d+ images"))
    page.reload()
    expect(root).to_have_accessible_name(re.compile("3.8 times enlarged"))
    root.press("0")
    expect(root).not_to_have_accessible_name(re.compile("enlarged"))
    expect(page).not_to_have_url(re.compile("view="))


def test_the_wheel_zooms_a_drag_pans_and_the_button_shows_all_again(page: Page) -> None:
    root = window(page, "latent")
    left, top = spot(page, "latent", 3)
    page.mouse.move(left - 5, top)
    page.mouse.move(left, top)
    page.mouse.wheel(0, -400)
    expect(root).to_have_accessible_name(re.compile(r"1\.5 times enlarged"))
    before = root.evaluate(COLOURS, 0)
    drag(page, [(left, top), (left + 60, top + 40)])
    expect(page).to_have_url(re.compile("view=latent"))
    assert root.evaluate(COLOURS, 0) != before
    page.get_by_role("button", name="Show the whole map: Latent space").click()
    expect(page).not_to_have_url(re.compile("view="))


def test_the_page_scrolls_on_where_the_pointer_was_not_moved_to_a_map(page: Page) -> None:
    root = window(page, "image")
    spot(page, "image", 0)
    page.evaluate("scrollBy({ top: 1, behavior: 'instant' })")
    root.dispatch_event("wheel", {"deltaY": -100, "bubbles": True, "cancelable": True})
    expect(root).not_to_have_accessible_name(re.compile("enlarged"))


@pytest.mark.parametrize("size", SIZES)
def test_fingers_pin_and_pinch(open_page: Open, size: str) -> None:
    page = open_page("?model=digits#maps", size=size, has_touch=True).page
    page.touchscreen.tap(*spot(page, "latent", 5))
    expect(pinned(page)).to_have_count(1)
    expect(page.locator("#maps .peek:visible")).to_have_count(1)
    left, top = spot(page, "latent", 5)
    touches = page.context.new_cdp_session(page)
    for kind, gap in (("touchStart", 20), ("touchMove", 40), ("touchMove", 70), ("touchEnd", None)):
        points = [] if gap is None else [{"x": left - gap, "y": top, "id": 0}, {"x": left + gap, "y": top, "id": 1}]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(window(page, "latent")).to_have_accessible_name(re.compile(r"[23]\.\d times enlarged"))


def test_numbers_stand_under_each_map_with_what_follows_from_them(page: Page) -> None:
    for number in range(2):
        expect(page.locator("#maps .numbers").nth(number)).to_contain_text(
            re.compile(r"KL divergence[\d.]+Trustworthiness[\d.]+10-NN accuracy[\d.]+.%Silhouette-?[\d.]+")
        )
    expect(page.locator("#maps .verdict")).to_contain_text("of PCA with as many numbers")
    expect(page.get_by_role("heading", name="How to read such maps")).to_be_visible()


def test_a_table_beside_each_map_says_what_is_in_view(page: Page) -> None:
    for summary in page.get_by_text("The points in view as a table").all():
        summary.click()
    table = page.get_by_role("table", name=re.compile("Latent space: the first of"))
    expect(table.get_by_role("row")).to_have_count(61)
    page.get_by_role("button", name="Show only class 1", exact=True).click()
    expect(table.get_by_role("row")).not_to_have_count(61)


def test_maps_are_computed_anew_while_one_watches(open_page: Open) -> None:
    page = open_page("?model=digits#maps", reduced_motion="no-preference").page
    form = page.get_by_role("form", name="Compute the maps again")
    numbers = page.locator("#maps .numbers").first
    before = numbers.inner_text()
    form.get_by_label("Perplexity").fill("12")
    form.get_by_label("Seed").fill("5")
    with page.expect_request(re.compile("/tsne")) as asked:
        form.get_by_role("button", name="Recompute").click()
    assert {"perplexity=12", "seed=5", "progress=coordinates"} <= set(asked.value.url.partition("?")[2].split("&"))
    expect(form.get_by_role("progressbar")).to_be_visible()
    expect(form.get_by_role("status")).to_contain_text("Computed with perplexity 12 and seed 5.", timeout=120_000)
    assert numbers.inner_text() not in {before, ""}
    form.get_by_role("button", name="Back to the bundle").click()
    expect(numbers).to_have_text(re.compile(re.escape(before.replace("\n", ""))))


def _leave_unanswered(route: Route) -> None:
    """A service that never begins."""


def test_a_computation_can_be_stopped(open_page: Open) -> None:
    page = open_page("?model=digits#maps").page
    page.route("**/tsne?*", _leave_unanswered)
    form = page.get_by_role("form", name="Compute the maps again")
    with page.expect_event("requestfailed", lambda request: "/tsne" in request.url):
        form.get_by_role("button", name="Recompute").click()
        expect(form.get_by_role("button", name="Stop")).to_be_focused()
        page.keyboard.press("Enter")
    expect(form.get_by_role("status")).to_contain_text("Stopped")
    expect(page.locator("#maps .numbers").first).to_contain_text(re.compile(r"KL divergence\d"))
    expect(form.get_by_role("button", name="Recompute")).to_be_enabled()


def test_a_refusal_stands_beside_the_form(open_page: Open) -> None:
    visit = open_page("?model=digits#maps")
    visit.forgive("422")
    form = visit.page.get_by_role("form", name="Compute the maps again")
    form.get_by_label("Perplexity").evaluate("input => { input.max = ''; input.value = '9000'; }")
    form.get_by_role("button", name="Recompute").click()
    expect(form.get_by_role("alert")).to_contain_text("The perplexity for")
    expect(form.get_by_role("button", name="Recompute")).to_be_enabled()


def test_a_point_that_is_looked_at_is_marked_on_both_maps(open_page: Open) -> None:
    page = open_page("?model=digits&subject=4#maps").page
    expect(page.locator("#maps .subject")).to_contain_text("is a point of both maps")
    accent = "#00639B"
    for space in ("image", "latent"):
        root = window(page, space)
        root.scroll_into_view_if_needed()
        page.wait_for_function(f"root => ({COLOURS})(root, 1)['{accent}'] > 8", arg=root.element_handle())


def test_an_image_of_elsewhere_is_marked_approximately_on_the_latent_map(open_page: Open) -> None:
    page = open_page("?model=digits", ready=False).page
    stub = "export function mount(root, context) { window.context = context; }"
    page.route("**/panels/walk.js", lambda route: route.fulfill(body=stub, content_type="text/javascript"))
    page.reload()
    page.wait_for_selector("#model .tiles")
    page.evaluate("""() => {
        const latent = window.context.state.get().sample.latent(9).map((value) => value + 0.01);
        window.context.state.set({ subject: { kind: "drawing", row: null, image: null, latent } });
    }""")
    expect(page.locator("#maps .subject")).to_contain_text(re.compile("The drawing lies about here .* approximation"))
    root = window(page, "latent")
    root.scroll_into_view_if_needed()
    page.wait_for_function(f"root => ({COLOURS})(root, 1)['#00639B'] > 8", arg=root.element_handle())
    assert window(page, "image").evaluate(COLOURS, 1) == {}
    page.get_by_role("button", name="Copy as curl: the place on the map").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    assert "onto=reference" in page.evaluate("navigator.clipboard.readText()")


def test_the_maps_are_saved_as_a_table_and_as_a_picture(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as table:
        page.get_by_role("button", name="Download CSV").click()
    table.value.save_as(tmp_path / "maps.csv")
    rows = list(csv.DictReader((tmp_path / "maps.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) > 100
    assert set(rows[0]) >= {"test_image", "label", "image_x", "image_y", "latent_x", "latent_y", "mse"}
    with page.expect_download() as picture:
        page.get_by_role("button", name="Download PNG").click()
    picture.value.save_as(tmp_path / "maps.png")
    with Image.open(tmp_path / "maps.png") as drawn:
        width, height = drawn.size
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 24) or []}
    assert width > height > 300
    assert (0x00, 0x72, 0xB2) in colours


def test_a_sample_without_labels_has_maps_without_a_legend(open_page: Open) -> None:
    page = open_page("?model=digits#maps").page
    with_reference(page, lambda document: document.update(labels=None, classes=[]))
    expect(page.get_by_role("group", name="Classes", exact=True)).to_have_count(0)
    lasso(page, "latent")
    expect(page.get_by_role("region", name="Selection")).to_be_visible()
    page.mouse.click(*spot(page, "image", 2))
    expect(pinned(page)).to_have_count(1)


def test_colours_have_maps_too_and_names_that_are_markup_are_text(open_page: Open) -> None:
    page = open_page("?model=hostile&pins=1#maps").page
    expect(pinned(page)).to_have_count(1)
    expect(page.get_by_role("button", name=f"Show class {MARKUP}", exact=True)).to_be_visible()
    page.get_by_label("Model", exact=True).select_option("digits")
    expect(page.get_by_role("button", name="Show class 9", exact=True)).to_be_visible()
    expect(pinned(page)).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_pins_a_selection_and_hidden_classes(open_page: Open, size: str, scheme: str) -> None:
    page = open_page("?model=digits&pins=3,17&hidden=2,5&subject=4#maps", size=size, color_scheme=scheme).page
    lasso(page, "latent")
    expect(page.get_by_role("region", name="Selection")).to_be_visible()
    for summary in page.locator("#maps summary").all():
        summary.click()
    window(page, "latent").press("ArrowRight")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]


@pytest.mark.parametrize(("count", "most_ms"), [(2_000, 100), (70_000, 400)])
@pytest.mark.parametrize("keys", ["+-", ["+", "ArrowLeft", "ArrowRight", "-"]], ids=["zoom", "pan"])
def test_many_points_keep_up_with_the_hand(open_page: Open, count: int, most_ms: int, keys: str | list[str]) -> None:
    page = open_page("?model=digits#maps").page
    with_reference(page, enlarged(count))
    root = window(page, "latent")
    root.scroll_into_view_if_needed()
    root.press("ArrowRight")
    expect(root).to_have_accessible_name(re.compile(f"{count:,} points"))
    times = page.evaluate(FRAMES, [root.element_handle(), list(keys)])
    print(f"{count:,} points: median frame {times[len(times) // 2]:.1f} ms, slowest {times[-1]:.1f} ms")
    assert times[len(times) // 2] < most_ms
