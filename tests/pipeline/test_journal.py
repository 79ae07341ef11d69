"""The journal: nothing lost, nothing doubled, whatever the last moment looked like."""

import pytest

from tag_plugin.pipeline.journal import Dropped, Journal, Kept, StageError

OUTCOMES = [
    Kept('{"id":"a"}', "face"),
    Dropped("b", "no face"),
    Kept('{"id":"c","text":"tab \\t inside"}', "face"),
    Dropped("d", "unreadable", "d.png: broken\tfile\nof two lines"),
    Kept('{"id":"é"}'),
]


def write(path, outcomes):
    with Journal(path) as journal:
        for outcome in outcomes:
            journal.add(outcome)


def finish(path, target, outcomes=()):
    with Journal(path) as journal:
        for outcome in outcomes:
            journal.add(outcome)
        return journal.finish(target)


def test_rows_come_out_in_order_and_drops_are_counted_by_reason(tmp_path):
    tally = finish(tmp_path / "journal", tmp_path / "rows.jsonl", OUTCOMES)
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines() == [
        each.row for each in OUTCOMES if isinstance(each, Kept)
    ]
    assert tally.as_json() == {
        "inputs": 5,
        "rows": 3,
        "counts": {"": 1, "face": 2},
        "dropped": {
            "no face": {"count": 1, "ids": ["b"]},
            "unreadable": {"count": 1, "ids": ["d: d.png: broken\tfile\nof two lines"]},
        },
    }
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_cut_off_at_any_byte_it_goes_on_to_the_same_rows(tmp_path):
    write(tmp_path / "whole", OUTCOMES)
    content = (tmp_path / "whole").read_bytes()
    finish(tmp_path / "whole", tmp_path / "expected")
    for size in range(len(content) + 1):
        journal = tmp_path / "journal"
        journal.write_bytes(content[:size])
        with Journal(journal) as resumed:
            done = resumed.done
        assert done == content[:size].count(b"\n")
        finish(journal, tmp_path / "rows", OUTCOMES[done:])
        assert (tmp_path / "rows").read_bytes() == (tmp_path / "expected").read_bytes()


def test_lines_of_another_run_are_noticed(tmp_path):
    with Journal(tmp_path / "journal") as first, Journal(tmp_path / "journal") as second:
        first.add(OUTCOMES[0])
        second.add(OUTCOMES[0])
        with pytest.raises(StageError, match=r"2 outcomes, not 1: two runs .*--restart"):
            first.finish(tmp_path / "rows")
    assert not (tmp_path / "rows").exists()
