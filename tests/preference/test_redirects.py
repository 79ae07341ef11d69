"""An endpoint that sends the client elsewhere: no picture, key or request follows."""

from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tests.asking.loopback import MODELS, Answer, Loopback
from tests.pipeline.write.faces import write_detected
from tests.preference.two_runs import write_two_runs

pytest.importorskip("openai")

STATUSES = (301, 302, 303, 307, 308)
KEY = "sk-stays-at-home"


@contextmanager
def server(redirects=None, status=307):
    """(address, requests); a path that ends as `redirects` does is sent to the address it names."""
    ending, target = redirects or ("nothing", "")

    def respond(heard):
        if not heard.path.endswith(ending):
            return Answer(body=MODELS)
        return Answer(status=status, body=b"", headers=(("Location", target + heard.path),))

    with Loopback(respond) as running:
        yield running.host, running.heard


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def detected(tmp_path_factory):
    directory = tmp_path_factory.mktemp("redirected") / "ferplus"
    write_detected(directory, 3)
    return directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_two_runs(tmp_path_factory.mktemp("runs"), 2)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("path", ["/models", "/chat/completions"])
def test_a_writer_that_is_redirected_says_where_to_and_sends_nothing(
    detected, monkeypatch, status, path
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with server() as (elsewhere, heard), server((path, elsewhere), status) as (endpoint, _):
        done = command(
            "build",
            detected,
            "--support",
            "any",
            "--writer",
            "openai",
            "--model",
            "m",
            "--endpoint",
            f"{endpoint}/v1",
        )
        assert heard == []
    assert done.exit_code == 1
    assert f"redirects to {elsewhere}/v1 ({status})" in str(done.exception)
    assert "next: set base_url (--endpoint) to it if you trust it" in str(done.exception)
    assert KEY not in str(done.exception)


@pytest.mark.parametrize("status", STATUSES)
def test_a_judge_that_is_redirected_says_where_to_and_sends_nothing(
    runs, tmp_path, monkeypatch, status
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    target = "/chat/completions"
    with server() as (elsewhere, heard), server((target, elsewhere), status) as (endpoint, asked):
        done = command(
            "prefer", *runs, "--out", tmp_path, "--judge", "m", "--endpoint", f"{endpoint}/v1"
        )
        assert heard == []
        assert any(b"data:image/jpeg" in heard.body for heard in asked)
    assert done.exit_code == 1
    assert f"redirects to {elsewhere}/v1 ({status})" in str(done.exception)


@pytest.mark.parametrize("location", ["http://[", "/v2/chat/completions", "", "x" * 9000])
def test_wherever_a_redirect_points_the_answer_is_one_line(detected, monkeypatch, location):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with server(("/chat/completions", location)) as (endpoint, heard):
        done = command(
            "build",
            detected,
            "--support",
            "any",
            "--writer",
            "openai",
            "--model",
            "m",
            "--endpoint",
            f"{endpoint}/v1",
        )
        asked = [each.path for each in heard if each.path != "/v1/models"]
        assert set(asked) == {"/v1/chat/completions"}
    assert done.exit_code == 1
    assert "redirect" in str(done.exception)
    assert len(str(done.exception)) < 800
