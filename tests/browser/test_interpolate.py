"""The way between two images: it is there at once, is scrubbed, played and saved, and says its ghosting."""

import io
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, Position, Route, expect

from tests.browser.conftest import SIZES, Open

READY = "#interpolate .stage[aria-busy=false]"
INK = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value, at) => sum + (at % 4 < 3 ? value : 0), 0);
}"""


def panel_of(page: Page) -> Locator:
    """The panel, once its frames are there."""
    page.wait_for_selector(READY)
    return page.locator("#interpolate")


def slider_of(panel: Locator) -> Locator:
    return panel.get_by_role("slider", name="Step of the walk")


def shown_frame(panel: Locator, title: str) -> str:
    """What the large picture of a row holds, as a data URL."""
    url: str = panel.get_by_role("img", name=re.compile(f"^{title}, frame")).evaluate("canvas => canvas.toDataURL()")
    return url


def classes_of(panel: Locator) -> list[str]:
    """The classes of A and B, as their pictures are called."""
    ends = [panel.get_by_role("img", name=re.compile(f"^{end}: test image")) for end in "AB"]
    return [re.findall(r"class (\d)", end.get_attribute("aria-label") or "")[0] for end in ends]


def violations(page: Page) -> list[tuple[str, list[str]]]:
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_a_first_visitor_sees_a_way_between_two_classes(page: Page) -> None:
    panel = panel_of(page)
    names = [
        panel.get_by_role("img", name=re.compile(f"^{end}: test image")).get_attribute("aria-label") for end in "AB"
    ]
    classes = [re.findall(r"class (\d)", name or "")[0] for name in names]
    assert classes[0] != classes[1]
    expect(panel.get_by_role("img", name=re.compile("^Latent path: 24 frames, ghosting from"))).to_be_visible()
    expect(panel.get_by_role("img", name=re.compile("^Pixel blend: 24 frames, ghosting from"))).to_be_visible()
    expect(slider_of(panel)).to_have_attribute("aria-valuetext", re.compile("^13 of 24; ghosting .* pixel blend$"))
    assert panel.locator(".film").first.evaluate(INK) > 0


def test_stand_ins_are_not_in_the_address(page: Page) -> None:
    panel_of(page)
    assert not re.search("[?&][ab]=", page.url)


def test_the_ghosting_of_each_frame_is_that_of_the_service(page: Page) -> None:
    with page.expect_response(re.compile(r"/interpolate\?")) as answered:
        page.reload()
    frames = json.loads(answered.value.body())["frames"]
    panel = panel_of(page)
    panel.get_by_text("Ghosting as a table").click()
    rows = panel.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(25)
    latent, image = (
        [frame["ghosting"] for frame in frames if frame["space"] == space] for space in ("latent", "image")
    )
    cells = [float(text) for text in rows.nth(13).get_by_role("cell").all_inner_texts()]
    assert cells == pytest.approx([latent[12], image[12]], rel=5e-3)


def test_keys_scrub_both_rows(page: Page) -> None:
    panel = panel_of(page)
    slider = slider_of(panel)
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^1 of 24"))
    before = [shown_frame(panel, title) for title in ("Latent path", "Pixel blend")]
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^24 of 24"))
    after = [shown_frame(panel, title) for title in ("Latent path", "Pixel blend")]
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_the_pixel_blend_begins_as_a_itself(open_page: Open) -> None:
    page = open_page("?a=3&b=9").page
    panel = panel_of(page)
    slider_of(panel).focus()
    page.keyboard.press("Home")
    end = panel.get_by_role("img", name=re.compile("^A: ")).evaluate("canvas => canvas.toDataURL()")
    assert shown_frame(panel, "Pixel blend") == end


@pytest.mark.parametrize("size", SIZES)
def test_a_finger_or_mouse_on_the_film_picks_a_frame(open_page: Open, size: str) -> None:
    visit = open_page(size=size, has_touch=size != "desktop")
    panel = panel_of(visit.page)
    film = panel.get_by_role("img", name=re.compile("^Pixel blend: 24"))
    film.scroll_into_view_if_needed()
    box = film.bounding_box()
    assert box is not None
    place = Position(x=box["width"] - 2, y=8)
    if size == "desktop":
        film.click(position=place)
    else:
        film.tap(position=place)
    expect(slider_of(panel)).to_have_attribute("aria-valuetext", re.compile("^24 of 24"))


def test_a_drag_over_the_film_scrubs(page: Page) -> None:
    panel = panel_of(page)
    film = panel.get_by_role("img", name=re.compile("^Latent path: 24"))
    film.scroll_into_view_if_needed()
    box = film.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    page.mouse.down()
    expect(slider_of(panel)).to_have_attribute("aria-valuetext", re.compile("^1 of 24"))
    page.mouse.move(box["x"] + box["width"] * 0.52, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(slider_of(panel)).to_have_attribute("aria-valuetext", re.compile("^13 of 24"))


def test_it_plays_there_and_back_and_pauses(open_page: Open) -> None:
    page = open_page(reduced_motion="no-preference").page
    panel = panel_of(page)
    panel.get_by_label("Steps").select_option("8")
    expect(slider_of(panel)).to_have_attribute("max", "7")
    slider_of(panel).focus()
    page.keyboard.press("Home")
    panel.get_by_role("button", name="Play").click()
    is_at = "place => document.querySelector('#interpolate .place').value === place"
    page.wait_for_function(is_at, arg="7")
    page.wait_for_function(is_at, arg="5")
    panel.get_by_role("button", name="Pause").click()
    expect(panel.get_by_role("button", name="Play")).to_be_visible()


def test_without_a_loop_it_plays_once(open_page: Open) -> None:
    page = open_page(reduced_motion="no-preference").page
    panel = panel_of(page)
    panel.get_by_label("Loop").uncheck()
    slider_of(panel).focus()
    page.keyboard.press("End")
    panel.get_by_role("button", name="Play").click()
    page.wait_for_function("() => Number(document.querySelector('#interpolate .place').value) < 10")
    expect(panel.get_by_role("button", name="Play")).to_be_visible()
    expect(slider_of(panel)).to_have_value("23")


def test_nothing_moves_by_itself_under_reduced_motion(page: Page) -> None:
    panel = panel_of(page)
    slider_of(panel).focus()
    page.keyboard.press("Home")
    following = panel.get_by_role("button", name="Next frame")
    following.press("Enter")
    expect(slider_of(panel)).to_have_value("1")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(slider_of(panel)).to_have_value("1")


def test_ends_are_swapped_and_chosen_by_chance_and_the_address_says_so(open_page: Open) -> None:
    page = open_page("?a=3&b=9").page
    panel = panel_of(page)
    panel.get_by_role("button", name="Swap").click()
    expect(page).to_have_url(re.compile("a=9&b=3"))
    panel.get_by_role("button", name="Random pair").click()
    expect(page).not_to_have_url(re.compile("a=9&b=3"))
    page.wait_for_selector(READY)
    panel.get_by_role("button", name="Random image for A").click()
    page.wait_for_selector(READY)
    classes = classes_of(panel)
    assert classes[0] != classes[1]


def test_the_image_looked_at_becomes_an_end(open_page: Open) -> None:
    page = open_page("?subject=5").page
    panel = panel_of(page)
    panel.get_by_role("button", name="Use the image looked at for B").click()
    expect(page).to_have_url(re.compile("[?&]b=5"))


@pytest.mark.parametrize(
    ("name", "kind", "ending"), [("GIF", "GIF", "gif"), ("WebP", "WEBP", "webp"), ("APNG", "PNG", "png")]
)
def test_the_walk_is_downloaded(page: Page, tmp_path: Path, name: str, kind: str, ending: str) -> None:
    panel = panel_of(page)
    panel.get_by_label("Steps").select_option("8")
    panel.get_by_label("What the animation shows").select_option("latent")
    panel.get_by_label("Format of the animation").select_option(label=name)
    page.wait_for_selector(READY)
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == f"digits-walk.{ending}"
    saved.value.save_as(tmp_path / "walk")
    image = Image.open(io.BytesIO((tmp_path / "walk").read_bytes()))
    assert image.format == kind
    assert getattr(image, "n_frames", 1) > 8  # there and back


def test_the_copied_line_writes_the_animation(page: Page, tmp_path: Path) -> None:
    panel = panel_of(page)
    panel.get_by_role("button", name="Copy as curl: the animation").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    line = page.evaluate("navigator.clipboard.readText()")
    subprocess.run(shlex.split(line), cwd=tmp_path, check=True, timeout=30)
    assert (tmp_path / "digits-walk.gif").read_bytes().startswith(b"GIF89a")


def test_arcs_are_another_way_than_straight_lines(open_page: Open) -> None:
    page = open_page("?a=3&b=9").page
    panel = panel_of(page)
    straight = shown_frame(panel, "Latent path")
    with page.expect_response(re.compile("method=slerp")):
        panel.get_by_label("Way").select_option("slerp")
    is_another = "before => document.querySelector('#interpolate .frame canvas').toDataURL() !== before"
    page.wait_for_function(is_another, arg=straight)


def test_a_problem_is_shown_beside_the_frames(open_page: Open) -> None:
    visit = open_page()
    panel = panel_of(visit.page)
    visit.forgive("422")

    def refuse(route: Route) -> None:
        route.continue_(url=route.request.url.replace("steps=48", "steps=480000"))

    visit.page.route("**/interpolate*", refuse)
    panel.get_by_label("Steps").select_option("48")
    expect(panel.get_by_role("alert")).to_contain_text("steps")
    expect(panel.get_by_role("button", name="Download")).to_be_disabled()
    panel.get_by_label("Steps").select_option("8")
    expect(panel.get_by_role("alert")).to_have_count(0)
    expect(panel.get_by_role("button", name="Download")).to_be_enabled()


def test_another_model_begins_anew(page: Page) -> None:
    panel_of(page)
    page.get_by_label("Model", exact=True).select_option("colours")
    panel = panel_of(page)
    expect(panel.get_by_role("img", name=re.compile("^A: test image .*, class a$"))).to_be_visible()
    frame = panel.get_by_role("img", name=re.compile("^Pixel blend, frame 13 of 24"))
    assert frame.evaluate("canvas => [canvas.width, canvas.height]") == [10, 6]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_states_of_the_panel(open_page: Open, size: str, scheme: str) -> None:
    page = open_page("?model=colours&subject=2", size=size, color_scheme=scheme).page
    panel = panel_of(page)
    panel.get_by_text("Ghosting as a table").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
