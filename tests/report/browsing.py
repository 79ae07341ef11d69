"""A real Chromium, and faces that a scripted model talked about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tag_plugin.report.gallery import thumbnails
from tests.report.scripted import make_rows

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


# Of one module: while Playwright is open its event loop runs, and no other test could use asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        # --no-sandbox: the tests may run as root in a container; the pages are our own files.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Opens a report and fails the test on any error of the page, blocked content or request."""

    @contextmanager
    def open_page(path: Path, **settings) -> Iterator[Page]:
        context = browser.new_context(viewport={"width": 1400, "height": 1000}, **settings)
        context.set_default_timeout(120_000)  # milliseconds; the machine may be busy
        page = context.new_page()
        complaints, requests = [], []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        yield page
        asked = [url for url in requests if not url.startswith("data:")]
        context.close()
        assert complaints == []
        assert asked == [path.as_uri()]

    return open_page


@pytest.fixture
def pictures_read_once(monkeypatch):
    """Links to one file share its thumbnail: to make it 30,000 times only takes time."""
    made, make = {}, thumbnails.thumbnail

    def once(path: Path, side: int) -> str | None:
        key = (path.stat().st_ino, side)
        if key not in made:
            made[key] = make(path, side)
        return made[key]

    monkeypatch.setattr(thumbnails, "thumbnail", once)


def renderer_seconds(browser: Browser) -> float:
    """CPU time of all renderers: on a busy machine the clock would measure the neighbours."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(each["cpuTime"] for each in processes if each["type"] == "renderer")


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """(folder of pictures, detected rows)."""
    folder = tmp_path_factory.mktemp("faces")
    return folder, make_rows(folder, 12)
