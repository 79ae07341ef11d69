"""A stage's manifest: one directory, one set of settings."""

import json

import pytest

from tag_plugin.data.synthetic.prepare import prepare_synth
from tag_plugin.pipeline.manifest import open_manifest, read_json, read_manifest, write_json
from tag_plugin.pipeline.outcomes import StageError

SUMMARY = {
    "inputs": 4,
    "rows": 3,
    "counts": {"anger": 3},
    "dropped": {"no face": {"count": 1, "ids": ["a"]}},
    "resumed_at": 0,
    "inputs_per_second": None,
}
SETTINGS = {"rule": "majority", "limit": None, "aus": (1, 2)}


def test_finished_splits_are_remembered(tmp_path):
    manifest = open_manifest(tmp_path / "m.json", SETTINGS, "prepare x")
    manifest.splits["train"] = SUMMARY
    manifest.save()
    assert open_manifest(tmp_path / "m.json", SETTINGS, "prepare x").splits == {"train": SUMMARY}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rule": "argmax"}, "rule: majority -> argmax"),
        ({"limit": 5}, "limit: None -> 5"),
        ({"new": 1}, "new: None -> 1"),
    ],
)
def test_other_settings_are_refused_and_named(tmp_path, change, named):
    open_manifest(tmp_path / "m.json", SETTINGS, "prepare x").save()
    with pytest.raises(StageError, match=r"m\.json was made with other settings") as error:
        open_manifest(tmp_path / "m.json", {**SETTINGS, **change}, "prepare x")
    assert named in str(error.value)
    assert "`prepare x --restart`" in str(error.value)


BROKEN = {
    "empty": b"",
    "a list": b"[1]",
    "null": b"null",
    "a number": b"3",
    "a text": b'"a"',
    "half": b'{"settings": {',
    "two": b"{}{}",
    "deep": b'{"settings":' * 50_000,
    "a long number": b'{"settings": ' + b"1" * 10_000 + b"}",
    "bytes": b'{"settings": "\xff"}',
    "half a pair": b'{"settings": {"a": "\\ud800"}}',
    "half of UTF-16": "{}".encode("utf-16")[:-1],
    "zeros": b"\0" * 100,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(StageError, match=r"m\.json.*; next: mend or remove it") as error:
        read_json(tmp_path / "m.json")
    assert len(str(error.value)) < len(str(tmp_path)) + 300


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_encoding_of_a_file_does_not_matter(tmp_path, encoding):
    (tmp_path / "m.json").write_text('{"é": 1}', encoding=encoding)
    assert read_json(tmp_path / "m.json") == {"é": 1}


FOREIGN = [
    {"settings": None},
    {"settings": []},
    {"settings": "a"},
    {"splits": None},
    {"splits": []},
    {"splits": {"val": SUMMARY}},
    {"splits": {"train": None}},
    {"splits": {"train": {}}},
    *({"splits": {"train": {k: v for k, v in SUMMARY.items() if k != key}}} for key in SUMMARY),
    *({"splits": {"train": SUMMARY | {key: "a"}}} for key in SUMMARY),
    *({"splits": {"train": SUMMARY | {"dropped": value}}} for value in ({"a": 1}, {"a": {}})),
    {"splits": {"train": SUMMARY | {"rows": -1}}},
    {"splits": {"train": SUMMARY | {"writer_statistics": {"cost": 1}}}},
    {"splits": {"train": SUMMARY | {"counts": dict.fromkeys(map(str, range(90_000)), "a")}}},
]


@pytest.mark.parametrize("content", FOREIGN, ids=lambda content: json.dumps(content)[:60])
def test_a_file_of_something_else_is_named_with_its_first_problem(tmp_path, content):
    write_json(tmp_path / "m.json", {"settings": SETTINGS, "splits": {}} | content)
    with pytest.raises(StageError, match=r"m\.json: .*not the manifest of a stage") as error:
        open_manifest(tmp_path / "m.json", SETTINGS, "prepare x")
    assert "--restart" in str(error.value)
    assert len(str(error.value)) < len(str(tmp_path)) + 400


def test_an_older_manifest_of_drawn_faces_is_made_anew_by_the_command_that_is_named(tmp_path):
    path = tmp_path / "synth" / "prepare.json"
    prepare_synth(tmp_path, {"train": 1}, workers=1)
    older = {"train": {"inputs": 1, "rows": 1, "dropped": {}}}
    write_json(path, {"settings": {"faces": "drawn", "seed": 0}, "splits": older})
    with pytest.raises(StageError, match=r"\(`prepare synth`: the same command again\)"):
        read_manifest(path)
    prepare_synth(tmp_path, {"train": 1}, workers=1)
    assert read_manifest(path)["splits"]["train"]["rows"] == 1


def test_a_json_file_is_replaced_in_one_step(tmp_path):
    write_json(tmp_path / "deep" / "m.json", {"é": 1})
    assert read_json(tmp_path / "deep" / "m.json") == {"é": 1}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["m.json"]
