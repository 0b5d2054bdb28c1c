"""A real browser on a real service: any request to elsewhere, any console error and any unhandled rejection fails."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from service.bundle import Bundle
from tests.integration.conftest import Server, StartServer, colours_bundle, edit_manifest, place, server

__all__ = ["colours_bundle", "server"]  # fixtures that are shared

SIZES = {"phone": (360, 740), "tablet": (768, 1024), "desktop": (1440, 900)}
MARKUP = "<img src=x onerror=alert(1)>"
_BINARIES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--no-sandbox",  # tests may run as root, in containers
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, which `make test` installs where it can; skips where there is none.

    It ends with the last test here: while it lives, its event loop counts as running, and others' could not run.
    """
    binary = os.environ.get("HOURGLASS_CHROMIUM") or next(filter(None, map(shutil.which, _BINARIES)), None)
    if binary is None:
        pytest.skip("no Chromium is installed: `make chromium` can do it on Debian, or HOURGLASS_CHROMIUM names one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def gallery_models(digits_bundle: Bundle, colours_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with two versions of the digits, a model of colours, and one whose names are markup."""
    dataset = colours_bundle.manifest.dataset.model_dump(mode="json") | {"name": MARKUP, "classes": [MARKUP, "b"]}
    models = tmp_path_factory.mktemp("playground")
    place(digits_bundle, models)
    place(digits_bundle, models, version=2)
    place(colours_bundle, models)
    place(colours_bundle, models, name="hostile", change=lambda path: edit_manifest(path, dataset=dataset))
    return models


@pytest.fixture(scope="session")
def playground(gallery_models: Path, server: StartServer) -> Server:
    """A service of its own, with digits for the default model."""
    return server(gallery_models, HOURGLASS_DEFAULT_MODEL="digits")


class Visit:
    """One window, and everything in it that must not happen."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self._seen, self._forgiven = list[str](), set[str]()
        self._origin = urlsplit(origin).netloc
        page.on("request", self._see_request)
        page.on("console", self._see_message)
        page.on("pageerror", lambda error: self._seen.append(f"unhandled: {error}"))

    @property
    def faults(self) -> list[str]:
        """What happened and was not forgiven."""
        return [fault for fault in self._seen if not any(text in fault for text in self._forgiven)]

    def forgive(self, *texts: str) -> None:
        """Overlook faults that hold one of these texts, since the test causes them on purpose."""
        self._forgiven |= set(texts)

    def _see_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.netloc != self._origin:
            self._seen.append(f"request to elsewhere: {request.url}")

    def _see_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._seen.append(f"console: {message.text}")


Open = Callable[..., Visit]
"""Opens a window: `open_page("?model=colours", size="phone", color_scheme="dark", has_touch=True)`."""


@pytest.fixture
def open_page(browser: Browser, playground: Server) -> Iterator[Open]:
    """Opens windows on the playground, ready once its model is loaded; in the end none may have faults."""
    visits: list[tuple[Visit, BrowserContext]] = []

    def open_one(
        query: str = "", *, size: str = "desktop", url: str | None = None, ready: bool = True, **options: object
    ) -> Visit:
        width, height = SIZES[size]
        chosen = {"reduced_motion": "reduce", "viewport": {"width": width, "height": height}, **options}
        context = browser.new_context(**chosen)  # type: ignore[arg-type]
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(15_000)
        visit = Visit(page, url or playground.url)
        visits.append((visit, context))
        page.goto(f"{url or playground.url}/{query}")
        if ready:
            page.wait_for_selector("#model .tiles")
        return visit

    yield open_one
    faults = [fault for visit, _ in visits for fault in visit.faults]
    for _, context in visits:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Open) -> Page:
    """A window of a desktop's size on the default model."""
    return open_page().page
