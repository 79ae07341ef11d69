"""Parts: whoever makes them, whatever lies there already, the files are those of one run."""

import json
import shutil
from functools import partial

import pytest

from tag_plugin.data.ferplus import FerPlus, VoteRule
from tag_plugin.pipeline import prepare as prepare_module
from tag_plugin.pipeline import stage as stage_module
from tag_plugin.pipeline.outcomes import Dropped, Kept, StageError
from tag_plugin.pipeline.parts import Part, Share, join, open_part_worker
from tag_plugin.pipeline.prepare import PrepareSettings, prepare
from tests.forked import begun, ended
from tests.pipeline.ferplus_tree import write_tree

OUTCOMES = [
    Kept('{"id":"a"}', "face"),
    Dropped("b", "no face"),
    Kept('{"id":"c","text":"tab \\t inside"}', "face"),
    Dropped("d", "unreadable", "d.png: broken\tfile\nof two lines"),
    Kept('{"id":"é","text":"\u2028"}'),
]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(prepare_module, "PART", 2)


@pytest.fixture
def root(tmp_path):
    write_tree(tmp_path / "root", 9)
    (tmp_path / "root" / "FER2013Train" / "fer000004.png").write_bytes(b"")
    return tmp_path / "root"


def run(root, out, share="1/1", rule=VoteRule.MAJORITY, **settings):
    settings = PrepareSettings(out, parts=Share.parse(share), **settings)
    return prepare(FerPlus(root, rule), settings)


@pytest.fixture
def whole(root, tmp_path):
    run(root, tmp_path / "one")
    return files_of(tmp_path / "one")


def files_of(out):
    """Every file by name; of the manifest, all but the timings."""
    base = out / "ferplus"
    files = {str(path.relative_to(base)): path for path in base.rglob("*") if path.is_file()}
    content = {name: path.read_bytes() for name, path in files.items()}
    if "prepare.json" in content:
        manifest = json.loads(content["prepare.json"])
        for summary in manifest["splits"].values():
            del summary["resumed_at"], summary["inputs_per_second"]
        content["prepare.json"] = manifest
    return content


def interrupted(root, out, monkeypatch, **settings):
    """A run whose parts are all made and not joined."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage_module, "join", killed)
        with pytest.raises(KeyboardInterrupt):
            run(root, out, **settings)
    return sorted((out / "ferplus" / "prepared" / "parts").iterdir())


def test_rows_come_out_in_order_and_drops_are_counted_by_reason(tmp_path):
    paths = [tmp_path / "parts" / str(number) for number in range(3)]
    with open_part_worker(lambda: open_outcomes()) as make:
        for path, start in zip(paths, (0, 2, 4), strict=True):
            inputs = list(range(start, min(start + 2, 5)))
            assert make(Part("train", path, int, inputs)) == ("train", len(inputs))
    tally = join(paths, tmp_path / "rows.jsonl", tmp_path / "drops.jsonl")
    rows = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert rows == [each.row for each in OUTCOMES if isinstance(each, Kept)]
    drops = (tmp_path / "drops.jsonl").read_text(encoding="utf-8").splitlines()
    assert [Dropped(**json.loads(line)) for line in drops] == [
        each for each in OUTCOMES if isinstance(each, Dropped)
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


def open_outcomes():
    from contextlib import nullcontext

    return nullcontext(lambda numbers: [OUTCOMES[number] for number in numbers])


@pytest.mark.parametrize("order", ["1234", "4321", "2413"])
def test_four_shares_give_the_files_of_one_run(root, tmp_path, whole, order):
    for index in order:
        manifest = run(root, tmp_path / "four", f"{index}/4")
        late = set(order[order.index(index) + 1 :])
        assert {share[0] for share in manifest.waiting_for} <= late
    assert manifest.waiting_for == ()
    assert files_of(tmp_path / "four") == whole
    assert {"prepared/train.jsonl", "dropped/prepared-train.jsonl"} <= whole.keys()


def test_shares_at_the_same_time_give_the_files_of_one_run(root, tmp_path, whole):
    started = [
        begun(partial(run, root, tmp_path / "two", share), tmp_path / "log")
        for share in ("1/2", "2/2")
    ]
    assert [ended(process) for process in started] == [0, 0], (tmp_path / "log").read_text()
    assert files_of(tmp_path / "two") == whole


def test_more_shares_than_parts_are_fine(root, tmp_path, whole):
    for index in range(13, 0, -1):
        run(root, tmp_path / "many", f"{index}/13")
    assert files_of(tmp_path / "many") == whole


def test_another_run_that_joins_first_is_no_failure(root, tmp_path, whole, monkeypatch):
    """Both saw every part there; the second finds them joined and removed."""
    two, joining = tmp_path / "two", stage_module.join
    run(root, two, "2/2")

    def other_first(*files):
        monkeypatch.setattr(stage_module, "join", joining)
        assert run(root, two, "2/2").waiting_for == ()
        return joining(*files)

    monkeypatch.setattr(stage_module, "join", other_first)
    assert run(root, two, "1/2").splits["train"]["rows"] > 0
    assert files_of(two) == whole


@pytest.mark.parametrize("kept", range(0, 8, 2))
def test_what_is_made_is_not_made_again(root, tmp_path, whole, monkeypatch, kept):
    parts = interrupted(root, tmp_path / "a", monkeypatch)
    for path in parts[kept:]:
        path.unlink()
    times = {path: path.stat().st_mtime_ns for path in parts[:kept]}
    joining = stage_module.join

    def seen(paths, *files):
        assert all(
            path.stat().st_mtime_ns == times.get(path, path.stat().st_mtime_ns) for path in paths
        )
        return joining(paths, *files)

    monkeypatch.setattr(stage_module, "join", seen)
    splits = run(root, tmp_path / "a").splits
    resumed = sum(each["resumed_at"] for each in splits.values())
    assert min(2 * kept - 3, 0) < resumed + 1 <= 2 * kept + 1
    assert files_of(tmp_path / "a") == whole


DAMAGE = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "foreign rows": lambda path: path.write_text('{"id": "a"}\n{"id": "b"}\n'),
    "foreign outcomes": lambda path: path.write_text('+happiness\t{"id": "a"}\n-["b", "c", "d"]\n'),
    "a line more": lambda path: path.write_bytes(path.read_bytes() + b'+face\t{"id": "a"}\n'),
    "a line twice": lambda path: path.write_bytes(2 * path.read_bytes()),
    "zeros": lambda path: path.write_bytes(b"\0" * 5000),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe+x\t\n"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_part_is_made_again(root, tmp_path, whole, monkeypatch, kind):
    for path in interrupted(root, tmp_path / "a", monkeypatch)[::2]:
        DAMAGE[kind](path)
    run(root, tmp_path / "a")
    assert files_of(tmp_path / "a") == whole


def test_parts_of_something_else_are_not_joined_and_do_not_stay(root, tmp_path, whole, monkeypatch):
    """Other settings, other sizes, another order, a run that was killed, and files of nobody."""
    monkeypatch.setattr(prepare_module, "PART", 3)
    sizes = interrupted(root, tmp_path / "sizes", monkeypatch)
    monkeypatch.setattr(prepare_module, "PART", 2)
    limited = interrupted(root, tmp_path / "limited", monkeypatch, limit=4)
    out = tmp_path / "a" / "ferplus" / "prepared"
    (out / "parts").mkdir(parents=True)
    for path in (*sizes, *limited):
        shutil.copy(path, out / "parts")
    for name in ("train-00000-x.jsonl", "train-00001-0123456789abcdef.jsonl", "notes", "a.partial"):
        (out / "parts" / name).write_text('+happiness\t{"id": "a"}\n')
    run(root, tmp_path / "a")
    assert files_of(tmp_path / "a") == whole


def test_an_entry_that_was_put_between_makes_the_parts_after_it_anew(tmp_path, monkeypatch):
    for folder, count in (("before", 8), ("after", 9)):
        write_tree(tmp_path / folder, count)
    for name in ("a", "b"):
        source = FerPlus(tmp_path / "after")
        if name == "a":
            interrupted(tmp_path / "after", tmp_path / "a", monkeypatch)
            parts = tmp_path / "a" / "ferplus" / "prepared" / "parts"
            assert list(parts.iterdir())
        prepare(source, PrepareSettings(tmp_path / name))
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_a_finished_dataset_is_left_alone_by_a_share(root, tmp_path, whole):
    assert not run(root, tmp_path / "one", "2/4").waiting_for
    assert files_of(tmp_path / "one") == whole


def test_a_share_restarts_alone(root, tmp_path):
    run(root, tmp_path / "a", "2/2")
    folder = tmp_path / "a" / "ferplus" / "prepared" / "parts"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run(root, tmp_path / "a", "1/3", restart=True).waiting_for
    kept = [path for path in before if path.stat().st_mtime_ns == before[path]]
    assert 0 < len(kept) < len(before)


def test_a_share_with_other_settings_is_refused(root, tmp_path):
    run(root, tmp_path / "a", "1/2")
    with pytest.raises(StageError, match=r"prepare\.json was made with other settings \(rule"):
        run(root, tmp_path / "a", "2/2", VoteRule.ARGMAX)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/4/2"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(StageError, match="--parts"):
        Share.parse(text)
