"""Shards become the one run that they are parts of: the same numbers, the same samples."""

import json

import pytest

from tag_plugin.results.merge import merge
from tag_plugin.results.reader import read_run
from tag_plugin.results.record import ResultsError
from tests.results.run_files import PROTOCOL, record, write_run

N = 12
LABELS = ("anger", "fear", "happiness")
RECORDS = [record(f"f{i:02d}", LABELS[i % 3], LABELS[i % 2] if i % 5 else None) for i in range(N)]
WHOLE = PROTOCOL.model_copy(update={"n": N})


def shard(folder, numbers, **changes):
    """The run of some items, as --offset and --limit give it."""
    chosen = WHOLE.model_copy(update={"items": f"{numbers[0]}-{numbers[-1]}", **changes})
    file = write_run(folder, [RECORDS[n] for n in numbers], protocol=chosen)
    samples = file.parent / file.name.replace("_results.json", "_samples_tag_ferplus.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    for number, line in zip(numbers, lines, strict=True):
        line["doc_id"] = number
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_four_shards_in_any_order_are_one_run(tmp_path):
    parts = [shard(tmp_path / f"s{i}", list(range(3 * i, 3 * i + 3))) for i in (2, 0, 3, 1)]
    (path,) = merge(parts, tmp_path / "out")
    merged, whole = read_run(path), read_run(write_run(tmp_path / "w", RECORDS, protocol=WHOLE))
    assert merged.summary == whole.summary
    assert merged.protocol == whole.protocol
    assert list(merged.samples()) == list(whole.samples())
    numbers, expected = (
        json.loads(run.results_file.read_text())["results"]["tag_ferplus"]
        for run in (merged, whole)
    )
    for name in ("accuracy", "uar", "grounding", "recall_fear"):
        assert numbers[f"{name},none"] == expected[f"{name},none"]
    assert merged.stated.fingerprint in numbers["alias"]


def test_what_is_missing_is_stated_in_the_protocol(tmp_path):
    parts = [shard(tmp_path / "a", [0, 1, 2]), shard(tmp_path / "b", [6, 7])]
    (path,) = merge(parts, tmp_path / "out")
    merged = read_run(path)
    assert merged.protocol.items == "0-2,6-7"
    assert merged.stated.fingerprint != WHOLE.fingerprint
    assert merged.summary.n == 5


def test_merged_shards_can_be_merged_again(tmp_path):
    (first,) = merge(
        [shard(tmp_path / "a", [0, 1, 2]), shard(tmp_path / "b", [3, 4])], tmp_path / "x"
    )
    (second,) = merge([first, shard(tmp_path / "c", list(range(5, N)))], tmp_path / "y")
    assert read_run(second).protocol == WHOLE


@pytest.mark.parametrize(
    ("parts", "changes", "message"),
    [
        (([0, 1], [1, 2]), {}, r"samples_tag_ferplus\.jsonl:1: item 1 is also at .*:2; next: "),
        (([0, 1], [2, 3]), {"prompt_hash": "x"}, r"differ in prompt_hash: 0123456789ab \| x"),
        (([0, 1], [2, 3]), {"rows_sha256": "c" * 64}, "differ in rows_sha256"),
    ],
)
def test_what_is_no_shard_of_it_is_refused(tmp_path, parts, changes, message):
    folders = [shard(tmp_path / "a", parts[0]), shard(tmp_path / "b", parts[1], **changes)]
    with pytest.raises(ResultsError, match=message):
        merge(folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_models_are_not_one_run(tmp_path):
    shard(tmp_path / "a", [0, 1])
    other = write_run(tmp_path / "b", RECORDS[2:4], protocol=WHOLE, model="other")
    with pytest.raises(ResultsError, match=r"differ in model: tiny .* \| other"):
        merge([tmp_path / "a", other], tmp_path / "out")


def test_shards_without_samples_cannot_be_merged(tmp_path):
    write_run(tmp_path / "a", samples=False)
    with pytest.raises(ResultsError, match="--log_samples"):
        merge([tmp_path / "a"], tmp_path / "out")
