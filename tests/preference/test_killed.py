"""kill -9 in the middle of a study: what was answered is never asked again."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from random import Random

import pytest

from tag_plugin.preference.command import Sources, run_study
from tag_plugin.preference.judge import judge_settings
from tag_plugin.preference.pairs import make_study
from tests.preference.stand_in import JudgeServer
from tests.preference.two_runs import write_two_runs

pytest.importorskip("openai")

COUNT, CONCURRENCY = 12, 2
RUN = """
import sys
from pathlib import Path
from tests.preference.test_killed import study
study(*map(Path, sys.argv[1:4]), sys.argv[4])
"""


def study(a, b, out, url):
    judge = judge_settings("m", url, "NO_KEY", CONCURRENCY)
    run_study(make_study(a, b, None, 0), Sources("a", "b"), out, judge, ())


def kept(table):
    with closing(sqlite3.connect(table)) as connection:
        return connection.execute("SELECT COUNT(*) FROM replies").fetchone()[0]


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_study_goes_on_and_pays_nothing_twice(tmp_path, seed):
    a, b = write_two_runs(tmp_path, COUNT)
    last, reached = Random(seed).randint(1, 2 * COUNT - CONCURRENCY - 1), threading.Event()

    def script(*_):
        if len(server.answered) >= last:
            reached.set()
        return "<verdict>1</verdict>"

    with JudgeServer(script) as server:
        command = [sys.executable, "-c", RUN, a, b, tmp_path / "o", server.url]
        with subprocess.Popen([str(word) for word in command]) as killed:
            assert reached.wait(300)
            killed.kill()
        before, paid = server.answered.total(), kept(tmp_path / "o" / "replies.sqlite")
        assert before - paid <= CONCURRENCY  # only what was in flight is lost
        study(a, b, tmp_path / "o", server.url)
        assert len(server.answered) == 2 * COUNT
        assert server.answered.total() == before + 2 * COUNT - paid
        study(a, b, tmp_path / "whole", server.url)
    numbers = [(tmp_path / out / "preference.json").read_bytes() for out in ("o", "whole")]
    assert numbers[0] == numbers[1]
