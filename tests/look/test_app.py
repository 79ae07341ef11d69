"""`tag-plugin app` in a real Chromium: what it shows, whom it talks to, what it leaves."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from PIL import Image
from skimage.data import astronaut

from tag_plugin.tiny import write_base
from tests.report.accessibility import violations
from tests.report.browsing import browser

__all__ = ["browser"]

pytestmark = [pytest.mark.host, pytest.mark.slow]
GRADIOS_OWN = {"image-alt"}
"""Of the upload field."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(process, port, folder of temporary files): one model, untrained, twice."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "tmp").mkdir()
    base = write_base(folder / "base")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--model", base, "--model", base, "--template", "tag_qwen2_5_vl", "--port", port]
    process = subprocess.Popen(
        [sys.executable, "-m", "tag_plugin", "app", *map(str, words)],
        env=os.environ | {"TMPDIR": str(folder / "tmp"), "HF_HUB_OFFLINE": "1"},
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/", timeout=10).close()
            break
        except (URLError, TimeoutError):
            time.sleep(0.5)
    assert process.poll() is None, (folder / "log").read_text()
    yield process, port, folder / "tmp"
    process.kill()


def test_a_dropped_picture_is_answered_by_both_and_no_request_leaves(served, browser, tmp_path):
    _, port, temporary = served
    Image.fromarray(astronaut()).save(tmp_path / "face.png")
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(300_000)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/")
    page.set_input_files("input[type=file]", tmp_path / "face.png")
    page.wait_for_function("document.querySelectorAll('.looked').length == 2")
    assert "do not decide anything about anybody" in page.inner_text("body")
    assert page.locator(".looked h2").first.inner_text().startswith("face: ")
    assert page.locator(".standing", has_text="confirmed").count() == 0
    assert {rule for rule, _ in violations(page)} <= GRADIOS_OWN
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    mine = (f"http://127.0.0.1:{port}/", "data:", f"blob:http://127.0.0.1:{port}/")
    assert [url for url in requests if not url.startswith(mine)] == []
    assert complaints == []
    assert list(temporary.rglob("face.png"))  # until the end
    page.close()


def test_nobody_else_is_answered(served):
    _, port, _ = served
    asked = HTTPConnection("127.0.0.1", port, timeout=30)
    asked.request("GET", "/", headers={"Host": "elsewhere.example"})
    assert asked.getresponse().status == 400
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        try:
            out.connect(("192.0.2.1", 9))  # sends nothing; tells this machine's own address
        except OSError:
            pytest.skip("this machine has no other address")
        mine = out.getsockname()[0]
    with pytest.raises(OSError), socket.create_connection((mine, port), timeout=10):
        pass


def test_nothing_is_left_when_it_ends(served):
    process, _, temporary = served
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    left = [path for path in temporary.rglob("*") if path.is_file()]
    shutil.rmtree(temporary, ignore_errors=True)
    assert [Path(path).name for path in left] == []
