"""The page as a whole: it loads, its switches work, it recovers, and it keeps to its rules."""

import re
from pathlib import Path

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from service.palette import PALETTES
from tests.browser.conftest import MARKUP, SIZES, Open
from tests.integration.conftest import ROOT, Server, StartServer

STATIC = ROOT / "service" / "static" / "playground"
MODULES = sorted(STATIC.rglob("*.js"))


def test_the_page_introduces_its_model(page: Page) -> None:
    expect(page).to_have_title("digits · Hourglass playground")
    expect(page.locator("#lead")).to_contain_text("64 values into 6 numbers")
    expect(page.get_by_role("heading", level=2)).to_have_count(5)
    expect(page.get_by_role("table", name="Squared error of an image")).to_contain_text("test")


def test_another_model_is_looked_at_and_the_address_says_so(page: Page) -> None:
    page.get_by_label("Model", exact=True).select_option("colours")
    expect(page.locator("#lead")).to_contain_text("180 values into 5 numbers")
    expect(page).to_have_url(re.compile("model=colours"))
    expect(page.get_by_label("Version")).to_be_hidden()
    page.reload()
    expect(page.get_by_label("Model", exact=True)).to_have_value("colours")


def test_an_older_version_is_looked_at_and_the_address_says_so(page: Page) -> None:
    page.get_by_label("Version").select_option("1")
    expect(page.get_by_role("heading", name="digits, version 1")).to_be_visible()
    expect(page).to_have_url(re.compile("version=1"))


def test_rows_in_the_address_that_are_not_there_are_left_out(open_page: Open) -> None:
    page = open_page("?model=digits&pins=3,99999,x,3,5&a=7&b=-1#model").page
    expect(page).to_have_url(re.compile(re.escape("/?model=digits&pins=3,5&a=7#model") + "$"))


def test_an_unknown_model_is_a_problem_beside_the_title(open_page: Open) -> None:
    visit = open_page("?model=nobody", ready=False)
    expect(visit.page.get_by_role("alert")).to_contain_text("No model of this name is served")
    visit.forgive("404")
    visit.page.get_by_label("Model", exact=True).select_option("digits")
    expect(visit.page.get_by_role("alert")).to_have_count(0)
    expect(visit.page.locator("#lead")).to_contain_text("64 values")


def test_the_page_goes_on_when_the_service_comes_back(
    open_page: Open, server: StartServer, gallery_models: Path
) -> None:
    first = server(gallery_models, HOURGLASS_DEFAULT_MODEL="digits")
    url = first.url
    visit = open_page(url=url)
    first.stop()
    visit.page.get_by_label("Model", exact=True).select_option("colours")
    expect(visit.page.locator("#lost")).to_be_visible()
    again = {"HOURGLASS_DEFAULT_MODEL": "digits", "HOURGLASS_PORT": url.rpartition(":")[2]}
    second = server(gallery_models, ready=False, **again)
    expect(visit.page.locator("#lead")).to_contain_text("180 values", timeout=90_000)
    expect(visit.page.locator("#lost")).to_be_hidden()
    visit.forgive("ERR_CONNECTION_REFUSED", "503")
    second.stop()


def test_a_chosen_theme_outlasts_the_page(page: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate(background)
    page.reload()
    assert page.evaluate(background) == dark != light


def test_a_result_is_copied_as_a_curl_line(page: Page, playground: Server) -> None:
    page.get_by_role("button", name=re.compile("Copy as curl: the model")).click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == f"curl -s {playground.url}/models/digits"


def test_the_report_opens_and_keeps_its_style(page: Page) -> None:
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open the whole report").click()
    expect(opened.value.get_by_role("heading", level=1)).to_contain_text("digits")
    assert opened.value.evaluate("getComputedStyle(document.body).maxWidth") == "992px"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_overflows(open_page: Open, size: str, scheme: str) -> None:
    page = open_page(size=size, color_scheme=scheme).page
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]


def test_the_page_is_reached_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focused = "document.activeElement.closest('section')?.id"
    assert page.evaluate(focused) in {"draw", "maps", "interpolate", "walk", "model"}


def test_pages_may_run_and_fetch_nothing_foreign(playground: Server) -> None:
    with httpx.Client(base_url=playground.url) as client:
        page = client.get("/?model=digits")
        script = client.get("/static/playground/app.js")
        again = client.get("/static/playground/app.js", headers={"If-None-Match": script.headers["etag"]})
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == script.headers["x-content-type-options"] == "nosniff"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


def test_the_page_weighs_little(playground: Server) -> None:
    files, sent_bytes = 0, 0
    with httpx.Client(base_url=playground.url, headers={"Accept-Encoding": "gzip"}) as client:
        for path in STATIC.rglob("*"):
            if path.is_file():
                sent = client.get(f"/static/playground/{path.relative_to(STATIC).as_posix()}")
                assert sent.headers["content-encoding"] == "gzip"
                assert sent.content == path.read_bytes()
                files += len(sent.content)
                sent_bytes += int(sent.headers["content-length"])
    assert files < 200_000
    assert sent_bytes < 80_000


def test_pages_are_sent_as_they_are_to_who_cannot_unpack(playground: Server) -> None:
    with httpx.Client(base_url=playground.url, headers={"Accept-Encoding": "identity"}) as client:
        page = client.get("/")
    assert "content-encoding" not in page.headers
    assert page.headers["vary"] == "Accept-Encoding"
    assert page.content == (STATIC / "index.html").read_bytes()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_module_makes_markup_or_code_of_data(module: Path) -> None:
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|\bFunction\("
    assert re.findall(sinks, module.read_text(encoding="utf-8")) == []


def test_colours_are_those_of_the_plots() -> None:
    page = re.findall(r'"(#[0-9A-F]{6})"', (STATIC / "colours.js").read_text(encoding="utf-8"))
    assert page[:20] == [*PALETTES["light"].classes, *PALETTES["dark"].classes]


def test_names_that_are_markup_are_shown_as_text(open_page: Open) -> None:
    visit = open_page("?model=hostile")
    expect(visit.page.locator("#model .facts")).to_contain_text(MARKUP)
