"""A scripted judge behind the real OpenAI client: what is reported is what it does."""

import base64
import json
import math
import re
from io import BytesIO

import pytest
from PIL import Image, ImageColor
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.report.au_colours import AU_COLOURS
from tag_plugin.report.overlay import PREDICTED_NAMES
from tests.preference.stand_in import JudgeServer
from tests.preference.two_runs import write_two_runs

pytest.importorskip("openai")

ANSWER = re.compile(r"pair (\d+) run ([AB])")


def biased(first, second):
    """20 pairs for A, 8 for B, 8 for whatever comes first, 4 ties; one reply without a verdict."""
    number, run = ANSWER.fullmatch(first).groups()
    number = int(number)
    if number < 20:
        return f"A is better. <verdict>{1 if run == 'A' else 2}</verdict>"
    if number < 28:
        return f"<verdict>{1 if run == 'B' else 2}</verdict>"
    if number < 36:
        return "The first one. <verdict>1</verdict>"
    if number < 40:
        return "<verdict>TIE</verdict>"
    return "I cannot tell." if run == "A" else "<verdict>1</verdict> or <verdict>2</verdict>"


def prefer(a, b, out, *words):
    line = ["prefer", a, b, "--out", out, *words]
    return CliRunner().invoke(app, [str(word) for word in line])


def numbers(out):
    return json.loads((out / "preference.json").read_text())["preferences"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """(server, output folder) of one whole study."""
    folder = tmp_path_factory.mktemp("judged")
    a, b = write_two_runs(folder, 41, identical=3)
    with JudgeServer(biased, fails_first=2) as server:
        done = prefer(a, b, folder / "o", "--judge", "scripted", "--endpoint", server.url)
        assert done.exit_code == 0, done.output
    return server, folder / "o"


def test_every_pair_that_differs_is_asked_once_in_each_order(judged):
    server, _ = judged
    assert len(server.answered) == 2 * 41
    assert set(server.answered.values()) == {1}
    assert {(b, a) for a, b in server.answered} == set(server.answered)


def test_preference_ties_and_position_bias_are_what_the_script_does(judged):
    _, out = judged
    found = numbers(out)["judge scripted"]
    counts = {"wins_a": 20, "wins_b": 8, "split": 12, "ties": 8, "unreadable": 2, "identical": 3}
    assert {name: found[name] for name in counts} == counts
    # 20 + 8 steady pairs prefer the first place once each, 8 biased ones twice.
    assert found["first_share"]["value"] == pytest.approx((20 + 8 + 16) / (2 * (20 + 8 + 8)))
    assert found["agreement"]["value"] == pytest.approx((20 + 8 + 4) / 40)
    first = math.log((20 + 8 + 2 + 0.5) / (8 + 2 + 0.5))  # A shown first: for A, for B
    second = math.log((20 + 2 + 0.5) / (8 + 8 + 2 + 0.5))
    strength = (first + second) / 2
    assert found["strength"]["value"] == pytest.approx(strength)
    assert found["position"]["value"] == pytest.approx((first - second) / 2)
    assert found["preference"]["value"] == pytest.approx(1 / (1 + math.exp(-strength)))
    for name in ("preference", "position", "first_share", "agreement"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]


def test_the_judge_sees_the_face_and_both_sets_of_boxes(judged):
    server, _ = judged
    head, _, data = server.pictures[0].partition(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(BytesIO(base64.b64decode(data)))
    width = 448 + PREDICTED_NAMES
    assert picture.size == (3 * width, 28 + 448)
    edge, colour = round(100 / 1000 * 448), ImageColor.getrgb(AU_COLOURS[4])
    panels = [picture.getpixel((left + edge, 28 + 110)) for left in (0, width, 2 * width)]
    distances = [max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) for pixel in panels]
    assert max(distances[1:]) < 50 < distances[0]


def test_a_second_run_asks_nothing_and_says_the_same(judged, tmp_path_factory):
    _, out = judged
    before = numbers(out)
    a, b = (out.parent / f"{run}_samples_tag_synth.jsonl" for run in "AB")
    with JudgeServer(biased) as server:
        done = prefer(a, b, out, "--judge", "scripted", "--endpoint", server.url)
        assert done.exit_code == 0, done.output
        assert server.answered.total() == 0
    assert numbers(out) == before


def test_another_judge_is_asked_anew(judged):
    _, out = judged
    a, b = (out.parent / f"{run}_samples_tag_synth.jsonl" for run in "AB")
    with JudgeServer(biased) as server:
        prefer(a, b, out, "--count", 3, "--judge", "other", "--endpoint", server.url)
        assert server.answered.total() == 6


def test_a_judge_that_is_not_there_is_one_line_and_never_shows_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret-1")
    a, b = write_two_runs(tmp_path, 1)

    def refused(*_):
        return "never"

    with JudgeServer(refused, fails_first=10**6) as server:
        words = ("--judge", "m", "--endpoint", server.url, "--key-variable", "MY_KEY")
        done = prefer(a, b, tmp_path / "o", *words)
    assert done.exit_code == 1
    assert "nothing that was paid is lost" in str(done.exception)
    assert "500: busy" in str(done.exception)
    assert len(server.asked) == 2 * 6, "each of the two questions and its five retries"
    assert "sk-secret" not in str(done.exception) + done.output
    assert "sk-secret" not in (tmp_path / "o" / "replies.sqlite").read_bytes().decode("latin-1")


def test_a_hosted_judge_needs_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = prefer(*write_two_runs(tmp_path, 1), tmp_path / "o", "--judge", "m")
    assert "export OPENAI_API_KEY" in str(done.exception)


def test_a_judge_may_think_aloud_before_its_verdict(tmp_path):
    a, b = write_two_runs(tmp_path, 1)
    thoughts = "<think><verdict>2</verdict>? No.</think>The boxes fit. <verdict>1</verdict>"
    with JudgeServer(lambda *_: thoughts) as server:
        done = prefer(a, b, tmp_path / "o", "--judge", "m", "--endpoint", server.url)
        assert done.exit_code == 0, repr(done.exception)
    found = numbers(tmp_path / "o")["judge m"]
    assert (found["unreadable"], found["first_share"]["value"]) == (0, 1.0)


def test_replies_of_an_earlier_version_are_refused_and_stay(tmp_path):
    a, b = write_two_runs(tmp_path, 1)
    (tmp_path / "replies.jsonl").write_text("{}")
    done = prefer(a, b, tmp_path, "--judge", "m", "--endpoint", "http://127.0.0.1:1/v1")
    assert "earlier version" in str(done.exception) and "next: " in str(done.exception)
    assert (tmp_path / "replies.jsonl").read_text() == "{}"


def test_an_address_that_is_none_is_one_line(tmp_path):
    done = prefer(*write_two_runs(tmp_path, 1), tmp_path / "o", "--judge", "m", "--endpoint", "x")
    assert "base_url: must begin with http" in str(done.exception)
