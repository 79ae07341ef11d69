"""The table of paid replies: on disk before anything depends on it, found again, shared."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from threading import Timer

import pytest

from tag_plugin.asking import replies as module
from tag_plugin.asking.limits import Spent
from tag_plugin.asking.replies import Replies
from tag_plugin.asking.request import AskingError, Reply
from tests.asking.asked import request

OLD = """
CREATE TABLE replies (
    request TEXT PRIMARY KEY, model TEXT, reply BLOB, finish TEXT,
    prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, seconds REAL, received TEXT
);
CREATE TABLE failures (request TEXT, split TEXT, row TEXT, kind TEXT, detail TEXT, failed TEXT);
"""


def kept(path, *replies, prompt="p"):
    """Keep these, each under a prompt of its own."""

    async def work():
        for number, reply in enumerate(replies):
            await table.keep(request(f"{prompt}{number or ''}"), reply)

    with closing(Replies(path)) as table:
        asyncio.run(work())


def found(path, prompt="p"):
    with closing(Replies(path)) as table:
        return asyncio.run(table.find(request(prompt).key))


def spent(path):
    with closing(Replies(path)) as table:
        return asyncio.run(table.spent())


def by_hand(path, *statements, values=()):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement, values)


def test_a_reply_whose_asker_was_called_off_is_kept_before_the_file_is_closed(tmp_path):
    path = tmp_path / "a.sqlite"

    async def work():
        asker = asyncio.create_task(table.keep(request(), Reply("paid", "stop")))
        await asyncio.sleep(0.2)
        asker.cancel()
        await asyncio.gather(asker, return_exceptions=True)
        assert asker.cancelled()

    table = Replies(path)
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        asyncio.run(work())
        Timer(0.3, other.rollback).start()
        table.close()
    assert found(path).text == "paid"


@pytest.mark.parametrize("text", ["", "a\nb", "é→", "\x00", "half \ud83d", "x" * 100_000])
def test_a_reply_comes_back_as_it_was(tmp_path, text):
    reply = Reply(text, "stop", 10, None, 0.5, 1.25)
    kept(tmp_path / "a.sqlite", reply)
    assert found(tmp_path / "a.sqlite") == reply
    assert found(tmp_path / "a.sqlite", "another") is None


def test_the_first_reply_stays(tmp_path):
    kept(tmp_path / "a.sqlite", Reply("first", "stop"))
    kept(tmp_path / "a.sqlite", Reply("second", "stop"))
    assert found(tmp_path / "a.sqlite").text == "first"


def test_it_is_on_disk_when_keep_returns(tmp_path):
    """Read from a copy of the files, as a loss of power would leave them."""
    path = tmp_path / "a.sqlite"
    with closing(Replies(path)) as table:
        asyncio.run(table.keep(request(), Reply("paid", "stop")))
        (tmp_path / "copy").mkdir()
        for each in tmp_path.glob("a.sqlite*"):
            (tmp_path / "copy" / each.name).write_bytes(each.read_bytes())
    assert found(tmp_path / "copy" / "a.sqlite").text == "paid"


def test_two_processes_share_the_file_and_know_what_both_have_spent(tmp_path):
    path = tmp_path / "a.sqlite"
    with closing(Replies(path)) as first, closing(Replies(path)) as second:

        async def work():
            assert await first.spent() == Spent()
            await second.keep(request("q"), Reply("theirs", "stop", 100, 10, 0.25))
            await first.keep(request("p"), Reply("ours", "stop", 100, 10, 0.5))
            assert (await first.find(request("q").key)).text == "theirs"
            return await first.spent(), await second.spent()

        assert set(asyncio.run(work())) == {Spent(2, 220, 0.75)}


def test_many_replies_share_a_transaction(tmp_path):
    path, commits = tmp_path / "a.sqlite", []

    async def work():
        await asyncio.gather(*(table.keep(request(str(n)), Reply("t", "stop")) for n in range(50)))

    with closing(Replies(path)) as table:
        table._connection.set_trace_callback(lambda sql: commits.append(sql == "COMMIT"))
        asyncio.run(work())
    assert spent(path).requests == 50
    assert sum(commits) < 25


def test_the_file_of_an_earlier_version_and_those_of_its_shards_are_taken_in(tmp_path):
    path = tmp_path / "attempts.sqlite"
    row = "INSERT INTO replies VALUES (?, 'm', ?, 'stop', 1, 1, 0.5, 1.0, 'then')"
    for number, name in enumerate(("attempts", "attempts-1-of-2", "attempts-2-of-2")):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite")) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(OLD)
            connection.execute(row, (request(str(number)).key, b"paid %d" % number))
    assert [found(path, str(n)).text for n in range(3)] == ["paid 0", "paid 1", "paid 2"]
    assert spent(path) == Spent(3, 6, 1.5)
    assert not list(tmp_path.glob("attempts-*.sqlite"))


DAMAGES = {
    "no database": lambda path: path.write_bytes(b"no database, but a long enough text" * 100),
    "an empty page": lambda path: path.write_bytes(b"SQLite format 3\x00" + b"\x00" * 4080),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "noise in the middle": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + os.urandom(4096) + path.read_bytes()[8192:]
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
    "another table": lambda path: by_hand(path, "DROP TABLE replies", "CREATE TABLE replies (x)"),
    "a view": lambda path: by_hand(
        path, "DROP TABLE replies", "CREATE VIEW replies AS SELECT 1 AS request"
    ),
    "a reply that is text": lambda path: by_hand(path, "UPDATE replies SET reply = 'text'"),
    "no reply": lambda path: by_hand(path, "UPDATE replies SET reply = NULL"),
    "a reply that is not UTF-8": lambda path: by_hand(path, "UPDATE replies SET reply = x'ff'"),
    "a reason that is not UTF-8": lambda path: by_hand(
        path, "UPDATE replies SET finish = CAST(x'ff' AS TEXT)"
    ),
    "a number that is a word": lambda path: by_hand(path, "UPDATE replies SET prompt_tokens = 'x'"),
    "no cost": lambda path: by_hand(path, "UPDATE replies SET cost = NULL"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_or_foreign_file_is_named_in_one_line_and_stays(tmp_path, kind):
    path = tmp_path / "a.sqlite"
    kept(path, *[Reply("x" * 3000, "stop", 1, 1)] * 4)
    DAMAGES[kind](path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(AskingError, match="next: ") as error:
        for prompt in ("p", "p1", "p2", "p3"):
            found(path, prompt)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert before is None or path.read_bytes() == before


def test_a_file_that_somebody_holds_is_waited_for_and_then_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    path = tmp_path / "a.sqlite"
    kept(path, Reply("paid", "stop"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AskingError, match="another program has been holding it; next: "):
            found(path)
    assert found(path).text == "paid"


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from tag_plugin.asking.replies import Replies
from tag_plugin.asking.request import AskingError, Reply
from tests.asking.asked import request
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
table = Replies(Path(sys.argv[1]))
for number in range(100):
    try:
        asyncio.run(table.keep(request(str(number)), Reply("x" * 20_000, "stop")))
    except AskingError as error:
        print(number, error)
        break
"""


def test_a_full_disk_is_named_and_what_was_kept_stays(tmp_path):
    path = tmp_path / "a.sqlite"
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count, _, message = told.partition(" ")
    assert "next: free space" in message
    assert spent(path).requests == int(count)
