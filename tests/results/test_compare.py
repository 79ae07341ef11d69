"""Only runs of one protocol on the same items are compared; the verdict has the right sign."""

import re

import pytest

from tag_plugin.results.compare import compare, compare_runs
from tag_plugin.results.reader import read_run, read_runs
from tag_plugin.results.record import ResultsError
from tests.results.run_files import PROTOCOL, RECORDS, record, write_run

PROTOCOL_40 = PROTOCOL.model_copy(update={"n": 40})


def run(folder, right: int, n: int = 40, **changes):
    """A run that is right on its first `right` items."""
    records = [
        record(f"f{i:02d}", "anger", "anger" if i < right else "fear", **changes) for i in range(n)
    ]
    return read_run(write_run(folder, records, protocol=PROTOCOL_40))


def test_a_better_run_is_better_with_p_and_interval(tmp_path):
    found = compare(run(tmp_path / "a", 10), run(tmp_path / "b", 30))
    assert found.n == 40
    assert (found.tests.mcnemar.only_first, found.tests.mcnemar.only_second) == (0, 20)
    assert found.tests.mcnemar.p_value == pytest.approx(2 * 0.5**20)
    assert found.tests.differences["accuracy"].difference == pytest.approx(0.5)
    assert found.tests.differences["accuracy"].interval.low > 0.3
    assert found.tests.verdict("accuracy") == "second"
    assert found.tests.verdict("hallucinated_au_rate") == "second", (
        "fewer hallucinations are better"
    )


def test_all_tests_of_a_comparison_are_one_family(tmp_path):
    found = compare(run(tmp_path / "a", 15), run(tmp_path / "b", 22)).tests
    assert found.differences["accuracy"].p_value == found.mcnemar.p_value < 0.05
    assert found.adjusted["accuracy"] >= 0.05
    assert found.verdict("accuracy") == "undecided"
    assert found.adjusted.keys() == found.differences.keys()
    assert "silence_baseline" not in found.differences, "nobody is better by it"


def test_swapping_the_runs_swaps_the_verdict(tmp_path):
    found = compare(run(tmp_path / "a", 30), run(tmp_path / "b", 10))
    assert found.tests.differences["accuracy"].difference == pytest.approx(-0.5)
    assert found.tests.verdict("accuracy") == "first"


def test_a_small_difference_stays_undecided(tmp_path):
    found = compare(run(tmp_path / "a", 20), run(tmp_path / "b", 21))
    assert found.tests.verdict("accuracy") == "undecided"
    assert found.tests.mcnemar.p_value == 1.0


def test_different_protocols_are_refused_and_the_field_is_named(tmp_path):
    first = run(tmp_path / "a", 20)
    decoding = {**PROTOCOL.decoding, "max_new_tokens": 8}
    changed = PROTOCOL_40.model_copy(update={"decoding": decoding, "box_frame": "absolute"})
    second = read_run(
        write_run(tmp_path / "b", [r.model_dump() for r in first.samples()], protocol=changed)
    )
    with pytest.raises(ResultsError) as caught:
        compare(first, second)
    message = str(caught.value)
    assert first.stated.fingerprint in message
    assert second.stated.fingerprint in message
    assert "decoding.max_new_tokens: 1024 | 8" in message
    assert "box_frame: relative | absolute" in message
    with pytest.raises(ResultsError, match=r"box_frame"):
        compare(first, second, across=["decoding"])
    allowed = compare(first, second, across=["decoding", "box_frame"]).allowed
    assert set(allowed) == {"decoding.max_new_tokens", "box_frame"}, "and it is stated"


def test_a_long_value_is_shown_from_where_it_differs(tmp_path):
    chat = f"<|im_start|>system\n{'You are helpful. ' * 20}"
    first, second = (
        read_run(write_run(tmp_path / end, protocol=PROTOCOL.model_copy(update={"model_input": m})))
        for end, m in (("a", {"chat": f"{chat}A"}), ("b", {"chat": f"{chat}B", "wrapper": "w"}))
    )
    with pytest.raises(ResultsError) as caught:
        compare(first, second)
    assert re.search(r"model_input\.chat: \.\.\..*helpful\. A \| \.\.\..*B;", str(caught.value))
    assert str(caught.value).count("--across model_input") == 1
    assert compare(first, second, across=["model_input"]).n == 4


def test_runs_of_an_older_version_are_compared_as_far_as_they_say(tmp_path):
    older = PROTOCOL_40.model_copy(update={"version": 1, "model_input": {}})
    records = [r.model_dump() for r in run(tmp_path / "b", 30).samples()]
    old = read_run(write_run(tmp_path / "a", records, protocol=older))
    new = run(tmp_path / "b", 30)
    assert [note.partition(" was ")[0] for note in compare(old, new).notes] == [older.name]
    assert compare(new, new).notes == ()


def test_results_of_another_judge_are_judged_again(tmp_path):
    judges = ({"top_k": 6}, {"top_k": 6, "version": 2})
    first, second = (
        read_run(write_run(tmp_path / str(i), protocol=PROTOCOL.model_copy(update={"judge": each})))
        for i, each in enumerate(judges)
    )
    with pytest.raises(ResultsError, match=r"judge\.version: None \| 2; next: tag-plugin rejudge"):
        compare(first, second)


def test_other_items_are_refused_by_name(tmp_path):
    first, second = run(tmp_path / "a", 20), run(tmp_path / "b", 20, n=39)
    with pytest.raises(ResultsError, match="not the same items: f39"):
        compare(first, second)


def test_a_run_with_failed_requests_is_not_compared(tmp_path):
    records = [*RECORDS, record("f9", "fear", None, failed="timeout")]
    first = read_run(write_run(tmp_path / "a", records))
    second = read_run(write_run(tmp_path / "b", RECORDS))
    with pytest.raises(ResultsError, match=r"1 requests failed \(f9"):
        compare(first, second)


def test_outputs_of_several_tasks_are_compared_task_by_task(tmp_path):
    other = PROTOCOL.model_copy(update={"task": "tag_rafdb"})
    for folder in ("a", "b"):
        write_run(tmp_path / folder)
        write_run(tmp_path / folder, date="20260101_000001", protocol=other)
    found = compare_runs(read_runs(tmp_path / "a"), read_runs(tmp_path / "b"))
    assert [each.task for each in found] == ["tag_ferplus", "tag_rafdb"]
    with pytest.raises(ResultsError, match="no task in common: tag_ferplus, tag_rafdb and "):
        compare_runs(read_runs(tmp_path / "a"), [])
