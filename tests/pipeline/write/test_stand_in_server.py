"""The real OpenAI client and a server that misbehaves: only the right rows come out."""

import pytest

from tag_plugin.facs.boxes import GRIDS
from tag_plugin.scoring.score import score_completion
from tag_plugin.trace.render import render
from tests.pipeline.write.acts import ACTS, PATIENCE, play
from tests.pipeline.write.faces import write_detected
from tests.pipeline.write.stand_in import StandIn
from tests.pipeline.write.stand_in_runs import built, query, run

pytest.importorskip("openai")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Every act once, by one run."""
    directory = tmp_path_factory.mktemp("played") / "ferplus"
    with StandIn(write_detected(directory, len(ACTS)), play) as server:
        manifest = run(
            directory, server, concurrency=4, timeout=PATIENCE, price={"input": 1, "output": 2}
        )
    return directory, manifest.splits["train"], server


@pytest.mark.parametrize("number", range(len(ACTS)), ids=[act.name for act in ACTS])
def test_each_act_ends_as_it_should(played, number):
    directory, summary, _ = played
    act, row_id = ACTS[number], f"train{number:05d}"
    found = [row for row in built(directory) if row.id == row_id]
    if act.dropped:
        assert found == []
        named = summary["dropped"][act.dropped]["ids"]
        assert any(each.startswith(f"{row_id}: ") for each in named)
        return
    (row,) = found
    assert row.provenance.attempts == act.kept_after
    assert len(row.provenance.eliminated_labels) == act.eliminates
    assert (row.provenance.writer, row.provenance.model) == ("openai", "stand-in")


def test_what_is_kept_is_gold_and_comes_once_and_in_order(played):
    directory, summary, _ = played
    rows = built(directory)
    ids = [row.id for row in rows]
    assert ids == sorted(set(ids))
    assert summary["rows"] + sum(d["count"] for d in summary["dropped"].values()) == len(ACTS)
    for row in rows:
        for frame in GRIDS:
            scored = score_completion(render(row.trace, frame), row.reference, frame)
            assert (scored.format, scored.answer, scored.grounding) == (1.0, 1.0, 1.0)
        boxes = {found.box for found in row.detections.detections}
        assert {step.box for step in row.trace.inspections} <= boxes


def test_every_reply_is_in_the_journal_with_its_attempt(played):
    directory, _, server = played
    replies = query(directory, "SELECT request, reply, finish FROM replies")
    assert len(replies) == server.answered.total() == len(server.answered)
    attempts = query(directory, "SELECT request, finding FROM attempts")
    paid = {request for request, finding in attempts if finding != "no reply"}
    assert paid < {row[0] for row in replies} < {request for request, _ in attempts}
    too_long = [len(text) for _, text, finish in replies if finish == "too long"]
    assert len(too_long) == 5
    assert max(too_long) < 10_000


def test_the_statistics_agree_with_the_server(played):
    _, summary, server = played
    found = summary["writer_statistics"]
    assert found["replies"] == server.answered.total()
    assert sum(each["asked"] for each in found["by_class"].values()) == len(ACTS)
    assert sum(each["kept"] for each in found["by_class"].values()) == summary["rows"]
    assert sum(found["kept_after_attempts"].values()) == summary["rows"]
    told = found["replies"] - found["replies_without_usage"]
    assert (found["prompt_tokens"], found["completion_tokens"]) == (1000 * told, 100 * told)
    known = (1000 * 1 + 100 * 2) * told / 1e6
    unknown = found["replies_without_usage"] * (1000 * 1 + 1024 * 2) / 1e6  # at their most
    assert found["cost"] == pytest.approx(known + unknown, rel=0.2)
    assert found["cost"] >= known + unknown
    given_up = ("400", "500", "content_filter", "length", "refusal")
    assert found["failed_requests"] == dict.fromkeys(given_up, 1)
    eliminated = [n for of_class in found["eliminated"].values() for n in of_class.values()]
    assert sum(eliminated) == 1 + 2 + 4


def test_the_label_is_never_told_and_wrong_ones_leave_the_options(played):
    *_, server = played
    by_row = {}
    for content in server.contents.values():
        text = content["messages"][0]["content"][1]["text"]
        by_row.setdefault(text.partition("Use this format")[0], []).append(text)
    everywhere = [t for texts in by_row.values() for t in texts]
    assert all("neutral" in text or "sadness" in text for text in everywhere)
    assert not any("label is" in text or "correct" in text for text in everywhere)


def test_never_more_requests_in_flight_than_told(played):
    *_, server = played
    assert 2 <= server.most_in_flight <= 4
