"""Politeness, budget and blame, against a client written by hand."""

import asyncio
import time

import pytest

from tag_plugin.pipeline.write.attempts import Spent
from tag_plugin.pipeline.write.budget import Budget
from tag_plugin.pipeline.write.endpoint import Endpoint
from tag_plugin.pipeline.write.pace import Pace
from tag_plugin.pipeline.write.request import Reply, RequestError, StoppedError, compose
from tag_plugin.pipeline.write.settings import WriterSettings

pytest.importorskip("tenacity")

NOTHING = Spent()


class FakeClient:
    """Answers a prompt by the script of that prompt: failures first, then a reply."""

    def __init__(self, scripts=None):
        self.scripts, self.asked = scripts or {}, []

    async def ask(self, request):
        self.asked.append(request.prompt)
        await asyncio.sleep(0.001)
        script = self.scripts.get(request.prompt, [])
        if script:
            raise script.pop(0)
        return Reply("text", "stop", 1000, 100)


def failure(kind="500", **fields):
    return RequestError(kind, "", **{"again": True, **fields})


def request(prompt):
    return compose("m", prompt, b"i", 1, {"max_tokens": 100})


def settings(**fields):
    quick = {"model": "m", "base_url": "http://h/v1", "backoff": 0.001, "request_retries": 3}
    return WriterSettings(**{**quick, "parameters": {"max_tokens": 100}, **fields})


async def kept(reply):
    return reply


def asked(client, prompts, spent=NOTHING, **fields):
    """What came of each prompt, all asked at once."""

    async def run():
        endpoint = Endpoint(client, settings(**fields), spent)
        failures = []
        work = (endpoint.complete(request(p), kept, failures.append) for p in prompts)
        return await asyncio.gather(*work, return_exceptions=True), failures, endpoint

    return asyncio.run(run())


def test_failures_are_tried_again_and_told():
    client = FakeClient({"a": [failure("500"), failure("429", wait=0.01)]})
    (reply,), failures, endpoint = asked(client, ["a"], price={"input": 1, "output": 1})
    assert (reply.text, reply.cost) == ("text", 0.0011)
    assert [each.kind for each in failures] == ["500", "429"]
    assert endpoint.spent == Spent(1, 1100, 0.0011)


def test_a_reply_without_token_counts_costs_the_most_that_it_can():
    class Silent(FakeClient):
        async def ask(self, request):
            return Reply("text", "stop")

    (reply,), *_ = asked(Silent(), ["a"], price={"output": 1000})
    assert (reply.prompt_tokens, reply.cost) == (None, pytest.approx(0.1))  # 100 tokens


def test_a_refusal_is_not_tried_again():
    client = FakeClient({"a": [failure("400", again=False)]})
    (first, second), failures, _ = asked(client, ["a", "b"])
    assert isinstance(first, RequestError)
    assert second.text == "text"
    assert (client.asked.count("a"), len(failures)) == (1, 1)


def test_a_row_is_to_blame_when_others_are_answered():
    client = FakeClient({"a": [failure() for _ in range(4)]})
    (first, *others), *_ = asked(client, "abcdef")
    assert isinstance(first, RequestError)
    assert all(isinstance(each, Reply) for each in others)


def test_the_endpoint_is_to_blame_when_nobody_is_answered():
    prompts = [f"p{number}" for number in range(12)]
    client = FakeClient({p: [failure("503") for _ in range(4)] for p in prompts})
    found, *_ = asked(client, prompts, concurrency=2)
    assert all(isinstance(each, StoppedError) for each in found)
    assert "http://h/v1 answers no request (503)" in str(found[0])


@pytest.mark.parametrize(("unreachable", "kind"), [(True, StoppedError), (False, RequestError)])
def test_the_last_rows_are_dropped_unless_nobody_is_there(unreachable, kind):
    client = FakeClient({"a": [failure(unreachable=unreachable) for _ in range(4)]})
    (found,), *_ = asked(client, ["a"])
    assert isinstance(found, kind)


def test_refusals_alone_stop_only_a_run_that_was_never_answered():
    prompts = [f"p{number}" for number in range(12)]

    def client():
        return FakeClient({p: [failure("400", again=False)] for p in prompts})

    assert all(isinstance(e, StoppedError) for e in asked(client(), prompts)[0])
    earlier = asked(client(), prompts, Spent(5, 5, 0.0))[0]
    assert all(isinstance(each, RequestError) for each in earlier)


def test_after_a_stop_nothing_is_asked():
    async def run():
        client = FakeClient()
        endpoint = Endpoint(client, settings(), Spent())
        endpoint.stop(StoppedError("enough"))
        with pytest.raises(StoppedError, match="enough"):
            await endpoint.complete(request("a"), kept, print)
        return client.asked

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("slots", [1, 3])
def test_on_a_slow_disk_no_more_replies_than_slots_wait_to_be_kept(slots):
    client, written, waiting = FakeClient(), [], []

    async def write_slowly(reply):
        waiting.append(len(client.asked) - len(written))
        await asyncio.sleep(0.01)
        written.append(reply)

    async def run():
        endpoint = Endpoint(client, settings(concurrency=slots), NOTHING)
        work = (endpoint.complete(request(str(n)), write_slowly, print) for n in range(12))
        await asyncio.gather(*work)

    asyncio.run(run())
    assert max(waiting) == slots


def test_a_budget_is_never_exceeded_however_many_fly():
    prompts = [str(number) for number in range(50)]
    found, _, endpoint = asked(FakeClient(), prompts, budget={"tokens": 20_000}, concurrency=20)
    answered = [each for each in found if isinstance(each, Reply)]
    assert endpoint.spent.tokens == 1100 * len(answered) <= 20_000
    assert len(answered) >= 17
    assert {type(each) for each in found} == {Reply, StoppedError}


def test_an_estimate_learns_from_replies():
    budget = Budget(settings(price={"input": 1000, "output": 1000}), Spent())
    before = budget.estimate(request("p"))

    async def one():
        await budget.reserve(before)
        budget.release(before, Reply("t", "stop", 300, 20, 0.32))

    asyncio.run(one())
    after = budget.estimate(request("p"))
    assert (after.tokens, after.cost) == (400, 0.4)
    assert before.tokens > after.tokens


@pytest.mark.parametrize(
    ("limits", "least"),
    [((1200, None), 0.05 * 9), ((None, 60_000), 0.1 * 9), ((1200, 60_000), 0.1 * 9)],
)
def test_turns_are_spaced_by_requests_and_by_tokens(limits, least):
    async def run():
        pace, begin = Pace(*limits), time.monotonic()
        await asyncio.gather(*(pace.turn(100) for _ in range(10)))
        return time.monotonic() - begin

    assert asyncio.run(run()) >= least * 0.99


def test_a_pause_holds_for_those_who_already_wait():
    async def run():
        pace, begin = Pace(600, None), time.monotonic()
        waiting = [asyncio.ensure_future(pace.turn(1)) for _ in range(3)]
        await asyncio.sleep(0)
        pace.pause(0.5)
        await asyncio.gather(*waiting[1:])
        return time.monotonic() - begin

    assert asyncio.run(run()) >= 0.5
