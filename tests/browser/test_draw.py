"""Draw, pick or upload: what is drawn reaches the model looking as its own images do, and what comes of it is told."""

import json
import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, Request, Route, expect

from service.bundle import Bundle
from tests.browser.conftest import MARKUP, SIZES, Open

VERDICT = re.compile(r"sual: the error is (higher|lower) than that of .* known images\.$")
SEVEN = ((0.2, 0.15), (0.75, 0.15), (0.4, 0.85))
READ = "canvas => canvas.toDataURL('image/png').split(',')[1]"
PASTE = """([bytes, name, type]) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(bytes)], name, {type}));
    document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: files}));
}"""
DROP = """(root, [bytes, name, type]) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(bytes)], name, {type}));
    for (const kind of ["dragenter", "dragover", "drop"])
        root.dispatchEvent(new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true}));
}"""


def pad_of(page: Page) -> Locator:
    return page.locator("#draw .pad canvas")


def picture(page: Page, name: str) -> Locator:
    return page.locator("#draw").get_by_role("img", name=re.compile(f"^{name}"))


def read(canvas: Locator) -> NDArray[np.uint8]:
    """A canvas as the numbers that it shows, `(height, width, 3)`."""
    return np.asarray(Image.open(BytesIO(b64decode(canvas.evaluate(READ)))).convert("RGB"))


def button(page: Page, name: str) -> Locator:
    return page.locator("#draw").get_by_role("button", name=name, exact=True)


def live(page: Page) -> Locator:
    return page.locator("#live")


def draw(page: Page, points: tuple[tuple[float, float], ...] = SEVEN) -> None:
    """One stroke of the mouse, through places given as shares of the pad."""
    pad = pad_of(page)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def swipe(page: Page, points: tuple[tuple[float, float], ...] = SEVEN, rest_ms: float = 0) -> None:
    """The same by a finger, which rests before it moves."""
    pad = pad_of(page)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [places[0]]})
    page.wait_for_timeout(rest_ms)
    for place in places:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def press_pen(page: Page, force: float) -> None:
    """A dot by a pen that is pressed so much, of 1."""
    pad = pad_of(page)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    pen = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "pointerType": "pen", "button": "left"}
    session = page.context.new_cdp_session(page)
    session.send(
        "Input.dispatchMouseEvent", {**pen, "type": "mousePressed", "buttons": 1, "force": force, "clickCount": 1}
    )
    session.send("Input.dispatchMouseEvent", {**pen, "type": "mouseReleased", "buttons": 0, "clickCount": 1})


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def upload(page: Page, content: bytes, name: str = "mine.png", kind: str = "image/png") -> None:
    payload: FilePayload = {"name": name, "mimeType": kind, "buffer": content}
    with page.expect_file_chooser() as chosen:
        button(page, "Choose a file").click()
    chosen.value.set_files(payload)


def assert_no_violations(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_begins_with_an_example_that_no_link_carries(page: Page) -> None:
    expect(page.get_by_role("heading", name="For example, test image")).to_be_visible()
    expect(page.locator("#draw .words")).to_contain_text("% of known images")
    expect(page).not_to_have_url(re.compile("subject"))


@pytest.mark.parametrize("size", SIZES)
def test_a_drawing_by_mouse_is_seen_rebuilt_and_judged(open_page: Open, size: str) -> None:
    page = open_page(size=size).page
    draw(page)
    expect(live(page)).to_contain_text("Your drawing.")
    expect(pad_of(page)).to_have_accessible_name("Drawing pad: 1 stroke")
    seen = read(picture(page, "What the model sees"))
    assert seen.shape == (8, 8, 3)
    # Cropped and scaled, the bar of the seven lies at the top, and its foot at the bottom.
    assert seen[0].mean() > 100
    assert seen[-1].max() > 60
    assert seen[3:, -1].max() == 0
    assert np.abs(read(picture(page, "What it rebuilds")).astype(int) - seen).mean() < 100
    assert np.ptp(read(picture(page, "Where they differ")).astype(int), axis=2).max() > 20
    expect(picture(page, "The latent vector")).to_have_accessible_name(re.compile("grey bands"))
    expect(page.locator("#draw .words")).to_have_text(VERDICT)
    assert_no_violations(page)


@pytest.mark.parametrize("size", SIZES)
def test_a_finger_draws_and_does_not_scroll(open_page: Open, size: str) -> None:
    page = open_page(size=size, has_touch=True).page
    pad_of(page).scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    swipe(page)
    expect(live(page)).to_contain_text("Your drawing.")
    assert read(picture(page, "What the model sees"))[0].mean() > 100
    assert page.evaluate("scrollY") == before
    button(page, "Clear").tap()
    expect(pad_of(page)).to_have_accessible_name("Drawing pad: empty")
    assert_no_violations(page)


def test_a_tap_after_a_finger_that_rested_on_the_pad_counts(open_page: Open) -> None:
    page = open_page(size="phone", has_touch=True).page
    swipe(page, rest_ms=1500)  # longer than a long press, after which Chromium swallows the next tap
    expect(live(page)).to_contain_text("Your drawing.")
    button(page, "Clear").tap()
    expect(pad_of(page)).to_have_accessible_name("Drawing pad: empty")


@pytest.mark.parametrize("size", SIZES)
def test_the_keyboard_draws_undoes_and_clears(open_page: Open, size: str) -> None:
    page = open_page(size=size).page
    pad = pad_of(page)
    pad.focus()
    page.keyboard.press("ArrowLeft")
    expect(live(page)).to_have_text("46 from the left, 50 from the top")
    page.keyboard.press("Space")
    expect(pad).to_have_accessible_name("Drawing pad: 1 stroke, pen down")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(live(page)).to_contain_text("Your drawing.")
    upright = read(picture(page, "What the model sees"))
    assert (upright.max(axis=(0, 2)) > 0).sum() < (upright.max(axis=(1, 2)) > 0).sum()  # narrower than high
    assert_no_violations(page)
    page.keyboard.press("Backspace")
    expect(pad).to_have_accessible_name("Drawing pad: empty, pen up")
    expect(page.get_by_role("heading", name="Nothing drawn yet")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Brush size")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_label("Brush size")).to_have_value("80")


def test_a_thicker_brush_leaves_more_ink(page: Page) -> None:
    def ink(brush: str) -> float:
        page.get_by_label("Brush size").fill(brush)
        button(page, "Clear").click()
        draw(page)
        return float(read(pad_of(page)).mean())

    assert 0 < ink("16") < ink("80") / 2


def test_a_pen_that_is_pressed_harder_leaves_more_ink(page: Page) -> None:
    def ink(force: float) -> float:
        button(page, "Clear").click()
        press_pen(page, force)
        expect(pad_of(page)).to_have_accessible_name("Drawing pad: 1 stroke")
        return float(read(pad_of(page)).mean())

    light, hard = ink(0.1), ink(1)
    assert 0 < light < hard / 4


def test_undo_brings_back_what_clear_took(page: Page) -> None:
    draw(page)
    before = read(pad_of(page))
    draw(page, ((0.1, 0.9), (0.9, 0.9)))
    expect(pad_of(page)).to_have_accessible_name("Drawing pad: 2 strokes")
    button(page, "Clear").click()
    expect(button(page, "Clear")).to_be_disabled()
    button(page, "Undo").click()
    expect(pad_of(page)).to_have_accessible_name("Drawing pad: 2 strokes")
    button(page, "Undo").click()
    assert np.array_equal(read(pad_of(page)), before)


def test_while_one_request_is_under_way_only_the_newest_drawing_waits(page: Page) -> None:
    expect(page.locator("#draw .words")).to_contain_text("known images")
    held, sent = list[Route](), list[Request]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/reconstruct**", hold, times=1)
    page.on("request", lambda request: sent.append(request) if "/reconstruct" in request.url else None)
    with page.expect_request("**/reconstruct**"):
        draw(page)
    draw(page, ((0.1, 0.9), (0.9, 0.9)))
    expect(pad_of(page)).to_have_accessible_name("Drawing pad: 2 strokes")
    assert len(sent) == 1
    held[0].continue_()
    expect(live(page)).to_contain_text("Your drawing.")
    assert len(sent) == 2
    [image] = json.loads(sent[1].post_data or "")["images"]
    shown = read(picture(page, "What the model sees"))
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(image))).convert("RGB")), shown)


def test_a_random_image_is_shown_and_a_link_carries_it(page: Page) -> None:
    button(page, "Random image").click()
    expect(live(page)).to_contain_text("Test image")
    expect(page).to_have_url(re.compile(r"subject=\d+"))
    heading = page.locator("#draw .findings h3").first.text_content()
    assert heading is not None
    page.reload()
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(pad_of(page)).to_have_accessible_name(f"Drawing pad: shows {heading[0].lower()}{heading[1:]}")
    assert_no_violations(page)


def test_a_file_of_the_models_size_is_taken_as_it_is(page: Page, digits_bundle: Bundle) -> None:
    pixels = (digits_bundle.reference.images[5].reshape(8, 8)).astype(np.uint8)
    upload(page, png(pixels))
    expect(live(page)).to_contain_text("Mine.png.")
    assert np.array_equal(read(picture(page, "What the model sees"))[..., 0], pixels)
    expect(page.get_by_label("Crop, centre")).not_to_be_checked()


def test_a_scan_is_cropped_centred_and_inverted_unless_asked_not_to(page: Page) -> None:
    scan = np.full((300, 200), 235, np.uint8)
    scan[40:120, 30:50] = 20
    upload(page, png(scan))
    expect(live(page)).to_contain_text("Mine.png.")
    seen = read(picture(page, "What the model sees"))[..., 0]
    assert seen[:, 3:5].min() > 200
    assert seen[:, [0, 7]].max() == 0
    page.get_by_label("Crop, centre").uncheck()
    expect(page.locator("#draw .words")).to_contain_text("Unusual")
    assert read(picture(page, "What the model sees"))[4:].min() > 200
    assert_no_violations(page)


def test_a_picture_is_pasted_and_dropped(page: Page) -> None:
    content = list(png(np.eye(8, dtype=np.uint8) * 255))
    page.evaluate(PASTE, [content, "pasted.png", "image/png"])
    expect(live(page)).to_contain_text("Pasted.png.")
    page.locator("#draw").evaluate(DROP, [content, "dropped.png", "image/png"])
    expect(live(page)).to_contain_text("Dropped.png.")
    assert read(picture(page, "What the model sees"))[..., 0].diagonal().min() == 255


def test_what_is_no_picture_is_refused_beside_the_button(page: Page) -> None:
    upload(page, b"no picture", name=f"{MARKUP}.png")
    expect(page.locator("#draw .sources").get_by_role("alert")).to_contain_text(f"{MARKUP}.png cannot be read")
    assert_no_violations(page)
    button(page, "Random image").click()
    expect(page.locator("#draw").get_by_role("alert")).to_have_count(0)


def test_a_refusal_of_the_service_stands_beside_the_result_and_goes_with_the_next(open_page: Open) -> None:
    visit = open_page()
    page = visit.page
    visit.forgive("504")
    problem = {"type": "/problems/deadline-exceeded", "title": "Too late", "detail": "Ask again."}
    answer = {"status": 504, "body": json.dumps(problem), "content_type": "application/problem+json"}
    page.route("**/reconstruct**", lambda route: route.fulfill(**answer))
    button(page, "Random image").click()
    expect(page.locator("#draw .findings").get_by_role("alert")).to_contain_text("Ask again.")
    expect(page.locator("#draw .words")).to_contain_text("Nothing to judge yet")
    page.unroute("**/reconstruct**")
    draw(page)
    expect(live(page)).to_contain_text("Your drawing.")
    expect(page.locator("#draw").get_by_role("alert")).to_have_count(0)


def test_a_drawing_and_a_test_image_become_the_ends(page: Page) -> None:
    draw(page)
    expect(live(page)).to_contain_text("Your drawing. ")
    button(page, "Set as A").click()
    expect(button(page, "Set as A")).to_have_attribute("aria-pressed", "true")
    expect(live(page)).to_have_text("Your drawing is A of the interpolation.")
    button(page, "Random image").click()
    expect(button(page, "Set as A")).to_have_attribute("aria-pressed", "false")
    button(page, "Set as B").click()
    expect(page).to_have_url(re.compile(r"subject=(\d+)&b=\1"))


def test_results_are_copied_as_curl_lines_that_hold_the_image(page: Page) -> None:
    draw(page)
    expect(live(page)).to_contain_text("Your drawing.")
    for what, path in (("the reconstruction", "/reconstruct"), ("the latent vector", "/encode")):
        button(page, f"Copy as curl: {what}").click()
        expect(live(page)).to_contain_text(f"Copied the curl line for {what}.")
        line = page.evaluate("navigator.clipboard.readText()")
        assert path in line
        assert '{"images":["iVBOR' in line


def test_the_latent_vector_is_also_a_table(page: Page) -> None:
    page.locator("#draw summary").click()
    table = page.get_by_role("table", name="The latent vector")
    expect(table.get_by_role("row")).to_have_count(7)
    assert_no_violations(page)
    draw(page)
    first = table.get_by_role("row").nth(1)
    before = first.text_content()
    expect(first).to_contain_text(re.compile(r"^1-?\d"))
    button(page, "Random image").click()
    expect(first).not_to_have_text(before or "")


@pytest.fixture(params=SIZES)
def colours(open_page: Open, request: pytest.FixtureRequest) -> Page:
    """A window on a model of colours, whose images are not square."""
    return open_page("?model=colours", size=request.param).page


def test_a_model_of_colours_has_no_pen_and_takes_files(colours: Page) -> None:
    expect(colours.locator("#draw").get_by_role("application")).to_have_count(0)
    expect(colours.get_by_label("Brush size")).to_have_count(0)
    red = np.zeros((60, 100, 3), np.uint8)
    red[:, 50:] = (250, 20, 30)
    upload(colours, png(red))
    expect(live(colours)).to_contain_text("Mine.png.")
    seen = read(picture(colours, "What the model sees"))
    assert seen.shape == (6, 10, 3)
    assert np.abs(seen[:, 5:].astype(int) - (250, 20, 30)).max() <= 1
    assert seen[:, :5].max() == 0
    expect(colours.get_by_label("Crop, centre")).to_be_hidden()
    assert_no_violations(colours)


def test_a_drawing_is_left_behind_with_its_model(page: Page) -> None:
    draw(page)
    expect(live(page)).to_contain_text("Your drawing.")
    page.get_by_label("Model", exact=True).select_option("colours")
    expect(page.get_by_role("heading", name="For example, test image")).to_be_visible()
    assert read(picture(page, "What the model sees")).shape == (6, 10, 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_an_unusual_drawing_is_called_so_in_both_themes(open_page: Open, size: str, scheme: str) -> None:
    page = open_page(size=size, color_scheme=scheme).page
    for height in (0.1, 0.3, 0.5, 0.7, 0.9):
        draw(page, ((0.1, height), (0.9, height)))
    expect(page.locator("#draw .unusual .words")).to_contain_text("Unusual: the error is higher than that of")
    assert_no_violations(page)
