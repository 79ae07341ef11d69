"""The attempt journal: on disk before anything depends on it, found again, never shared."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.write.attempts import Attempts, Place, journal_file
from tag_plugin.pipeline.write.keeper import Keeper
from tag_plugin.pipeline.write.request import Reply, RequestError, compose
from tag_plugin.pipeline.write.verdict import Finding, Verdict

PLACE = Place("train", "a", 1, "anger")
KEPT = Verdict(Finding.KEPT, "anger", 1.0, 1.0, 1.0)


def request(prompt="p"):
    return compose("m", prompt, b"i", 1, {})


def recorded(path, reply, prompt="p"):
    with Attempts(path) as attempts:
        asyncio.run(attempts.record(PLACE, request(prompt), KEPT, reply))


def found(path, prompt="p"):
    with Attempts(path) as attempts:
        return asyncio.run(attempts.find(request(prompt)))


@pytest.mark.parametrize("text", ["", "a\nb", "é→", "\x00", "half \ud83d", "x" * 100_000])
def test_a_reply_comes_back_as_it_was(tmp_path, text):
    reply = Reply(text, "stop", 10, None, 0.5, 1.25)
    recorded(tmp_path / "a.sqlite", reply)
    assert found(tmp_path / "a.sqlite") == reply
    assert found(tmp_path / "a.sqlite", "another") is None


def test_the_first_reply_stays(tmp_path):
    recorded(tmp_path / "a.sqlite", Reply("first", "stop"))
    recorded(tmp_path / "a.sqlite", Reply("second", "stop"))
    assert found(tmp_path / "a.sqlite").text == "first"


def test_it_is_on_disk_when_record_returns(tmp_path):
    """Read from a copy of the files, as a loss of power would leave them."""
    path = tmp_path / "a.sqlite"
    with Attempts(path) as attempts:
        asyncio.run(attempts.record(PLACE, request(), KEPT, Reply("paid", "stop")))
        (tmp_path / "copy").mkdir()
        for each in tmp_path.glob("a.sqlite*"):
            (tmp_path / "copy" / each.name).write_bytes(each.read_bytes())
    assert found(tmp_path / "copy" / "a.sqlite").text == "paid"


def test_another_shards_reply_is_found_and_copied(tmp_path):
    first, second = journal_file(tmp_path, "1-of-2"), journal_file(tmp_path)
    recorded(first, Reply("paid", "stop", 1, 1, 0.5))
    assert found(second).text == "paid"
    first.unlink()
    assert found(second).text == "paid"


def test_a_shard_that_is_running_is_left_alone(tmp_path):
    with Attempts(journal_file(tmp_path, "1-of-2")):
        assert found(journal_file(tmp_path, "2-of-2")) is None


def test_one_run_at_a_time_and_the_message_says_so(tmp_path):
    with Attempts(tmp_path / "a.sqlite"), pytest.raises(StageError, match="in use"):
        Attempts(tmp_path / "a.sqlite")


def test_a_damaged_file_is_named_and_not_overwritten(tmp_path):
    (tmp_path / "a.sqlite").write_bytes(b"no database, but a long enough text" * 100)
    with pytest.raises(StageError, match=r"a\.sqlite: .*next: "):
        Attempts(tmp_path / "a.sqlite")
    assert (tmp_path / "a.sqlite").read_bytes().startswith(b"no database")


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.write.attempts import Attempts
from tag_plugin.pipeline.write.request import Reply
from tests.pipeline.write.test_attempts import KEPT, PLACE, request
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with Attempts(Path(sys.argv[1])) as attempts:
    for number in range(100):
        reply = Reply("x" * 20_000, "stop")
        try:
            asyncio.run(attempts.record(PLACE, request(str(number)), KEPT, reply))
        except StageError as error:
            print(number, error)
            break
"""


def test_a_full_disk_is_named_and_what_was_recorded_stays(tmp_path):
    path = tmp_path / "a.sqlite"
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count, _, message = said.partition(" ")
    assert "next: free space" in message
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM replies").fetchone() == (int(count),)


def test_spent_adds_up_and_failures_and_forgetting_cost_nothing(tmp_path):
    path = tmp_path / "a.sqlite"
    with Attempts(path) as attempts:
        for number in range(3):
            reply = Reply("t", "stop", 100, 10, 0.25)
            asyncio.run(attempts.record(PLACE, request(str(number)), KEPT, reply))
        attempts.failed(PLACE, request(), RequestError("500", "oops", again=True))
        attempts.forget_attempts()
        spent = attempts.spent()
    assert (spent.requests, spent.tokens, spent.cost) == (3, 330, 0.75)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT kind, detail FROM failures").fetchall() == [
            ("500", "500: oops")
        ]


def test_a_broken_statement_fails_alone(tmp_path):
    keeper = Keeper(tmp_path / "k.sqlite", "CREATE TABLE IF NOT EXISTS t (x INTEGER PRIMARY KEY);")
    good = keeper.submit(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    bad = keeper.submit(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))
    also = keeper.submit(lambda connection: connection.execute("INSERT INTO t VALUES (2)"))
    assert isinstance(bad.exception(), sqlite3.OperationalError)
    assert good.exception() is also.exception() is None
    keeper.close()
    with closing(sqlite3.connect(tmp_path / "k.sqlite")) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,), (2,)]
