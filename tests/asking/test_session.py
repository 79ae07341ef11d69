"""Politeness, budget and blame, against a server on loopback."""

import asyncio
import time

import pytest

from tag_plugin.asking.limits import Budget, Pace, Spent
from tag_plugin.asking.request import AskingError, Reply, RequestError
from tag_plugin.asking.session import asking
from tests.asking.asked import ask, request, settings
from tests.asking.loopback import QUICKLY, Answer, Loopback, models_or

pytest.importorskip("openai")


def failure(status=500):
    return Answer(status=status, body=b'{"error":{"message":"oops"}}', headers=(QUICKLY,))


def scripted(scripts=None):
    """Answers a prompt by the script of that prompt: failures first, then a reply."""
    left = {prompt: list(script) for prompt, script in (scripts or {}).items()}

    def respond(heard):
        script = left.get(heard.prompt)
        return script.pop(0) if script else Answer("text")

    return Loopback(models_or(respond))


def kinds(found):
    return [type(each) for each in found]


def test_failures_are_tried_again_and_what_is_kept_has_its_cost(tmp_path):
    with scripted({"a": [failure(500), failure(429), Answer(body=b"half")]}) as server:
        (reply,) = ask(tmp_path, server.url, "a", price={"input": 1, "output": 1})
        assert len(server.asked) == 4
    assert (reply.text, reply.cost) == ("text", 0.0011)


def test_a_reply_is_asked_for_once_whatever_the_address(tmp_path):
    with scripted() as server:
        (first,) = ask(tmp_path, server.url, "a")
    (again,) = ask(tmp_path, "http://127.0.0.1:1/v1", "a")  # nobody is there
    assert again == first


def test_a_reply_without_token_counts_costs_the_most_that_it_can(tmp_path):
    with Loopback(models_or(lambda _: Answer("text", usage=False))) as server:
        (reply,) = ask(tmp_path, server.url, "a", price={"output": 1000})
    assert (reply.prompt_tokens, reply.cost) == (None, pytest.approx(0.2))  # 200 tokens


def test_a_refusal_is_not_tried_again(tmp_path):
    with scripted({"a": [failure(400)] * 9}) as server:
        assert kinds(ask(tmp_path, server.url, "b", "a", concurrency=1)) == [Reply, RequestError]
        assert len(server.asked) == 2


def test_a_row_is_to_blame_when_others_are_answered(tmp_path):
    with scripted({"a": [failure()] * 9}) as server:
        found = ask(tmp_path, server.url, *"abcdef")
    assert kinds(found) == [RequestError] + [Reply] * 5


def test_the_endpoint_is_to_blame_when_nobody_is_answered(tmp_path):
    prompts = [f"p{number}" for number in range(12)]
    with scripted({prompt: [failure(503)] * 9 for prompt in prompts}) as server:
        found = ask(tmp_path, server.url, *prompts, concurrency=2, request_retries=1)
    assert set(kinds(found)) == {AskingError}
    assert f"{server.url} answers no request (503: oops)" in str(found[0])


def test_the_last_rows_are_dropped_unless_nobody_is_there(tmp_path):
    with scripted({"a": [failure()] * 9}) as server:
        assert kinds(ask(tmp_path, server.url, "a")) == [RequestError]
    (gone,) = ask(tmp_path, server.url, "b")
    assert f"nobody answers at {server.url}" in str(gone)


def test_refusals_alone_stop_only_a_run_that_was_never_answered(tmp_path):
    prompts = [f"p{number}" for number in range(12)]
    with scripted({prompt: [failure(400)] * 9 for prompt in prompts}) as server:
        assert set(kinds(ask(tmp_path, server.url, *prompts))) == {AskingError}
        assert kinds(ask(tmp_path, server.url, "fine")) == [Reply]
        assert set(kinds(ask(tmp_path, server.url, *prompts))) == {RequestError}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=401, body=b"{}"), "401 ({}); next: check the key"),
        (Answer(status=404, body=b"{}"), "404 ({}); next: check the address"),
        (
            Answer(status=402, body=b'{"error":{"message":"pay"}}'),
            "402 (pay); next: check the cred",
        ),
        (
            Answer(status=429, body=b'{"error":{"message":"no","code":"insufficient_quota"}}'),
            "the credit is spent: no",
        ),
    ],
)
def test_what_no_request_can_change_ends_the_run_at_once(tmp_path, answer, words):
    with Loopback(models_or(lambda _: answer)) as server:
        found = ask(tmp_path, server.url, *"abcd", concurrency=1)
        assert len(server.asked) == 1
    assert set(kinds(found)) == {AskingError}
    assert words in str(found[0])


def test_a_server_names_the_field_that_it_does_not_take(tmp_path):
    words = b'{"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}'
    with Loopback(models_or(lambda _: Answer(status=422, body=words))) as server:
        (found,) = ask(tmp_path, server.url, "a")
    assert 'seed"],"msg":"Extra inputs' in str(found)


@pytest.mark.parametrize("slots", [1, 3])
def test_on_a_slow_disk_no_more_replies_than_slots_wait_to_be_kept(tmp_path, slots):
    waiting, kept = [], []

    async def every(asker):
        keep = asker.replies.keep

        async def slowly(*values):
            waiting.append(len(server.asked) - len(kept))
            await asyncio.sleep(0.02)
            await keep(*values)
            kept.append(values)

        asker.replies.keep = slowly
        await asyncio.gather(*(asker.ask(request(str(number))) for number in range(9)))

    with (
        scripted() as server,
        asking(settings(server.url, concurrency=slots), tmp_path / "r.sqlite") as (portal, asker),
    ):
        portal.call(every, asker)
    assert max(waiting) <= slots


def test_a_budget_is_never_exceeded_however_many_fly(tmp_path):
    prompts = [str(number) for number in range(30)]
    with scripted() as server:
        found = ask(tmp_path, server.url, *prompts, budget={"tokens": 20_000}, concurrency=20)
        assert 17 <= len(server.asked) <= 18
    assert kinds(found).count(Reply) == len(server.asked)
    assert set(kinds(found)) == {Reply, AskingError}


def test_an_estimate_learns_from_replies():
    async def spent():
        return Spent()

    budget = Budget(settings("http://h/v1", price={"input": 1000, "output": 1000}), spent)
    before = budget.estimate(request("p"))
    budget.learn(Reply("t", "stop", 300, 20, 0.32))
    after = budget.estimate(request("p"))
    assert after == Spent(1, 500, 0.5)
    assert before.tokens > after.tokens


@pytest.mark.parametrize(
    ("limits", "gap"), [((600, None), 0.1), ((None, 60_000), 0.2), ((600, 60_000), 0.2)]
)
def test_turns_are_spaced_by_requests_and_by_tokens(limits, gap):
    pace = Pace(*limits)
    pace.tokens = 200
    waits = [pace.turn() for _ in range(5)]
    assert waits == pytest.approx([gap * number for number in range(5)], abs=0.05)


def test_retries_keep_the_rate_too(tmp_path):
    starts = []

    def respond(_):
        starts.append(time.monotonic())
        return failure() if len(starts) % 2 else Answer("text")

    with Loopback(models_or(respond)) as server:
        ask(tmp_path, server.url, "a", "b", requests_per_minute=600, concurrency=2)
    assert len(starts) >= 3
    assert starts[-1] - starts[0] >= (len(starts) - 1) * 0.1 * 0.9


def test_after_a_stop_nothing_is_asked_and_nobody_waits_for_a_turn(tmp_path):
    with scripted() as server:
        slow = settings(server.url, requests_per_minute=0.1)
        with asking(slow, tmp_path / "r.sqlite") as (portal, asker):
            portal.call(asker.ask, request("a"))
            waiting = portal.start_task_soon(asker.ask, request("b"))
            time.sleep(0.1)
            portal.call(asker.stop, AskingError("enough"))
            for late in (waiting, portal.start_task_soon(asker.ask, request("c"))):
                with pytest.raises(AskingError, match="enough"):
                    late.result(30)
        assert len(server.asked) == 1


def test_the_key_is_sent_and_told_nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    echo = Answer(status=400, body=b'{"error":{"message":"bad key sk-secret"}}')
    answers = {"a": Answer("it is sk-secret"), "b": echo}
    with Loopback(models_or(lambda heard: answers[heard.prompt])) as server:
        reply, error = ask(tmp_path, server.url, "a", "b", concurrency=1)
        names = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert names["authorization"] == "Bearer sk-secret"
    assert (reply.text, str(error)) == ("it is ***", "400: bad key ***")
    assert b"sk-secret" not in (tmp_path / "replies.sqlite").read_bytes()
