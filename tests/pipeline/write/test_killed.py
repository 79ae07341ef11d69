"""Killed with -9 at ten random points: the same dataset, and nothing paid for twice.

Paid: the endpoint sent a whole chat completion. The journal has each reply on disk before anything
depends on it, so that only a request that was in flight at a kill, its reply not yet journalled,
may be asked once more. The test counts exactly these.
"""

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from tag_plugin.asking.request import compose
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.write.settings import WriterSettings
from tests.pipeline.detected_rows import EVERY
from tests.pipeline.write.acts import QUICK, play
from tests.pipeline.write.faces import write_detected
from tests.pipeline.write.stand_in import StandIn

pytest.importorskip("openai")

KILLS, ROWS, CONCURRENCY = 10, 100, 4
PARAMETERS = {"temperature": 0.7, "max_tokens": 1024}
ACTS = [act for act in QUICK if not act.name.startswith("10 MB")]

# Imports once; each line on stdin forks a run and says its process id.
RUNS = """
import os, sys
from pathlib import Path
import openai
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.write import conversation
from tests.pipeline.detected_rows import EVERY
from tests.pipeline.write.test_killed import settings
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        build(BuildSettings(Path(sys.argv[1]), model=settings(sys.argv[2]), support=EVERY))
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def settings(url):
    return WriterSettings(
        model="stand-in",
        base_url=url,
        timeout=60,
        request_retries=3,
        concurrency=CONCURRENCY,
        parameters=PARAMETERS,
    )


def slow_play(asked):
    """A few milliseconds, the same for the same question."""
    answer = play(asked, ACTS)
    delay = int(asked.body[:4], 16) / 65536 * 0.04
    return replace(answer, delay=delay)


def key_of(content):
    picture, text = content["messages"][0]["content"]
    image = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
    return compose(content["model"], text["text"], image, content["seed"], PARAMETERS).key


def journalled(directory):
    path = directory / "writing" / "attempts.sqlite"
    if not path.is_file():
        return set()
    with closing(sqlite3.connect(path)) as connection:
        try:
            return {key for (key,) in connection.execute("SELECT request FROM replies")}
        except sqlite3.OperationalError:  # killed before the tables were there
            return set()


def paid(server):
    """Key of each request -> how often it got a whole completion, once the server is idle."""
    deadline = time.monotonic() + 10
    while server.in_flight and time.monotonic() < deadline:
        time.sleep(0.005)
    with server.lock:
        return Counter({key_of(server.contents[b]): n for b, n in server.answered.items()})


def killed_run(runs, server, random):
    """Start a run and kill it when it has had a random number of further replies."""
    before, wanted = server.answered.total(), random.randint(1, 13)
    print("run", file=runs.stdin, flush=True)
    child = int(runs.stdout.readline())
    deadline = time.monotonic() + 300
    while server.answered.total() < before + wanted:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(random.random() * 0.03)
    os.kill(child, signal.SIGKILL)
    assert int(runs.stdout.readline()) == -signal.SIGKILL, "it ended before it could be killed"


@pytest.mark.slow
def test_ten_kills_change_nothing_and_cost_only_what_was_in_flight(tmp_path):
    whole, broken = tmp_path / "whole" / "ferplus", tmp_path / "broken" / "ferplus"
    with StandIn(write_detected(whole, ROWS), slow_play) as server:
        expected = build(BuildSettings(whole, model=settings(server.url), support=EVERY)).manifest
        requests = set(paid(server))

    random, lost, journal = Random(0), Counter(), set()
    with StandIn(write_detected(broken, ROWS), slow_play) as server:
        script = [sys.executable, "-c", RUNS, str(broken), server.url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(script, stderr=subprocess.DEVNULL, **pipes) as runs:
            for _ in range(KILLS):
                known, before = journalled(broken), paid(server)
                killed_run(runs, server, random)
                after, journal = paid(server), journalled(broken)
                assert known <= journal, "a reply was lost from the journal"
                assert all(after[key] == before[key] for key in known), "paid twice"
                in_flight = set(after - before) - journal
                assert len(in_flight) <= CONCURRENCY
                lost.update(in_flight)
            runs.stdin.close()
        assert len(journal) < len(requests), "everything was done before the last kill"
        manifest = build(BuildSettings(broken, model=settings(server.url), support=EVERY)).manifest
        total = paid(server)

    assert set(total) == requests == journalled(broken)
    assert total == Counter(requests) + lost
    for name in ("built/train.jsonl", "dropped/built-train.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    found, wanted = (m.splits["train"]["writer_statistics"] for m in (manifest, expected))
    for name in ("by_class", "attempts", "eliminated", "kept_after_attempts", "replies", "cost"):
        assert found[name] == wanted[name]
    assert json.loads((broken / "build.json").read_text())["splits"]["train"]["rows"] > ROWS / 2
