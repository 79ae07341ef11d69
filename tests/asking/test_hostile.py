"""Endpoints that send whatever they like: every one ends in time, in little memory, in one line."""

import json
import time
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest

from tag_plugin.asking.request import AskingError, Reply, RequestError
from tests.asking.asked import ask
from tests.asking.loopback import Answer, Loopback, models_or, says

TIMEOUT = 1.0
SLACK = 60.0
"""Seconds for everything but the waiting."""
MEGABYTES = 200
HEAD = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
STATUS = Path("/proc/self/status")
RIGHT = says("fine").body


def endless(status):
    def send(write):
        write(HEAD % status + CHUNKED)
        while True:
            write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    return Answer(raw=send)


def drip(status):
    def send(write):
        write(HEAD % status + CHUNKED)
        while True:
            write(b"1\r\n \r\n")
            time.sleep(0.05)

    return Answer(raw=send)


def bomb():
    """A gzip of 400 MB in 400 kB, made in little memory."""
    gzip = zlib.compressobj(9, wbits=31)
    return b"".join(gzip.compress(b" " * 10**6) for _ in range(400)) + gzip.flush()


BOMB = bomb()


@contextmanager
def peak():
    """Megabytes that the block takes at its most, those of the server among them."""
    Path("/proc/self/clear_refs").write_text("5")
    before, taken = _megabytes("VmRSS"), []
    yield taken
    taken.append(_megabytes("VmHWM") - before)


def _megabytes(name):
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000


def packed(status):
    return Answer(status=status, body=BOMB, headers=(("content-encoding", "gzip"),))


def header_flood(write):
    write(HEAD % 200)
    while True:
        write(b"x-more: " + b"y" * 1000 + b"\r\n")


def silence(write):
    time.sleep(TIMEOUT + 2)


def usage(**counts):
    return Answer(body=json.dumps({**json.loads(RIGHT), "usage": counts}).encode())


def wait_for(value):
    return Answer(
        status=429, body=b'{"error":{"message":"later"}}', headers=(("retry-after", value),)
    )


FINE, TOO_LONG = "a reply", "a reply that was cut off"
HOSTILE = {
    "an endless body": (endless(200), TOO_LONG),
    "an endless body of a 500": (endless(500), "500"),
    "a slow drip": (drip(200), "time-out"),
    "a slow drip of a 500": (drip(500), "time-out"),
    "a gzip bomb": (packed(200), "502: no chat completion"),
    "a gzip bomb in a 500": (packed(500), "500"),
    "a redirect": (Answer(status=307, body=b"", headers=(("location", "http://[::1]/"),)), "redir"),
    "a redirect to itself": (Answer(status=308, body=b"", headers=(("location", "/v1"),)), "redir"),
    "a flood of headers": (Answer(raw=header_flood), "broken connection"),
    "another content type": (Answer(body=RIGHT, headers=(("content-type", "image/png"),)), FINE),
    "half a JSON": (Answer(body=RIGHT[: len(RIGHT) // 2]), "no chat completion: JSONDecodeError"),
    "huge token counts": (usage(prompt_tokens=10**30, completion_tokens=-1), FINE),
    "a number of 5,000 digits": (Answer(body=b'{"choices":' + b"9" * 5000 + b"}"), "no chat compl"),
    "counts of other types": (usage(prompt_tokens=float("nan"), completion_tokens="1"), FINE),
    "half a character as the reason": (says("fine", finish="\ud800"), FINE),
    "half a character as the reply": (says("\ud800"), FINE),
    "deep nesting": (Answer(body=b'{"choices":' + b"[" * 400_000), "RecursionError"),
    "deep nesting in a 500": (Answer(status=500, body=b'{"error":' + b"[" * 400_000), "500"),
    "nothing": (Answer(body=b""), "no chat completion"),
    "an HTML error page": (Answer(status=502, body=b"<html>Bad Gateway</html>"), "502: <html>Bad"),
    "an HTML page as the reply": (Answer(body=b"<!doctype html>Sign in"), "no chat completion"),
    "an error with status 200": (
        Answer(body=b'{"error":{"message":"flagged","code":403}}'),
        "flagg",
    ),
    "an error of another type": (Answer(body=b'{"error":[1]}'), "502: an error"),
    "a list": (Answer(body=b"[]"), "no chat completion: TypeError"),
    "a message of another type": (Answer(body=b'{"choices":[{"message":"hi"}]}'), "AttributeError"),
    "a cut body": (Answer(body=RIGHT, cut=1000), "broken connection"),
    "a length that is too short": (
        Answer(raw=lambda write: write(HEAD % 200 + b"content-length: 9\r\n\r\n" + RIGHT)),
        "no chat completion",
    ),
    "a length that is none": (
        Answer(raw=lambda write: write(HEAD % 200 + b"content-length: -1\r\n\r\n" + RIGHT)),
        "broken connection",
    ),
    "no HTTP": (Answer(raw=lambda write: write(b"SSH-2.0-OpenSSH_9.6\r\n")), "broken connection"),
    "no answer at all": (Answer(raw=silence), "time-out"),
    "invalid UTF-8": (Answer(body=b'{"choices":"\xff\xfe"}'), "no chat completion"),
    "Retry-After in 30 years": (wait_for("1e9"), "asks to wait 1e9 s (429: later)"),
    "Retry-After until 2099": (wait_for("Fri, 31 Dec 2099 23:59:59 GMT"), "429: later"),
    "Retry-After as a word": (wait_for("soon \x7f"), "429: later"),
    "Retry-After below zero": (wait_for("-5"), "429: later"),
}


pytestmark = pytest.mark.skipif(not STATUS.is_file(), reason="memory is measured by Linux alone")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_ends_in_time_in_little_memory_and_in_one_line(tmp_path, kind):
    answer, outcome = HOSTILE[kind]
    with Loopback(models_or(lambda _: answer)) as server:
        begin = time.monotonic()
        with peak() as taken:
            (found,) = ask(tmp_path, server.url, "p", timeout=TIMEOUT, request_retries=0)
        seconds = time.monotonic() - begin
        if isinstance(found, Reply):
            (again,) = ask(tmp_path, server.url, "p")
            assert again == found, "it is not found again"
            assert len(server.asked) == 1
    assert seconds < TIMEOUT + SLACK
    assert taken[0] < MEGABYTES
    if outcome in (FINE, TOO_LONG):
        assert (found.finish == "too long") is (outcome == TOO_LONG)
        return
    assert isinstance(found, RequestError | AskingError)
    assert outcome in str(found)
    assert "\n" not in str(found) and len(str(found)) < 800
    str(found).encode()


GREETINGS = {
    "endless": endless(200),
    "an endless 500": endless(500),
    "a gzip bomb": packed(200),
    "a gzip bomb in a 500": packed(500),
    "no JSON": Answer(body=b"\xff"),
    "deep": Answer(body=b"[" * 400_000),
    "a flood of headers": Answer(raw=header_flood),
    "no HTTP": Answer(raw=lambda write: write(b"\x00" * 100)),
    "404": Answer(status=404, body=b"{}"),
}


@pytest.mark.parametrize("kind", GREETINGS)
def test_whatever_the_list_of_models_is_the_question_is_asked(tmp_path, kind):
    def respond(heard):
        return GREETINGS[kind] if heard.path.endswith("/models") else Answer(body=RIGHT)

    with Loopback(respond) as server, peak() as taken:
        (reply,) = ask(tmp_path, server.url, "p")
    assert reply.text == "fine"
    assert taken[0] < MEGABYTES


def test_a_list_of_models_that_never_ends_costs_ten_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr("tag_plugin.asking.session._GREETING", 0.3)
    slow = {"GET": drip(200), "POST": Answer(body=RIGHT)}
    with Loopback(lambda heard: slow[heard.method]) as server:
        begin = time.monotonic()
        (reply,) = ask(tmp_path, server.url, "p")
    assert reply.text == "fine"
    assert time.monotonic() - begin < SLACK
