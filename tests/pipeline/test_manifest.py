"""A stage's manifest: one directory, one set of settings."""

import pytest

from tag_plugin.pipeline.journal import StageError
from tag_plugin.pipeline.manifest import open_manifest, read_json, write_json

SETTINGS = {"rule": "majority", "limit": None, "aus": (1, 2)}


def test_finished_splits_are_remembered(tmp_path):
    manifest = open_manifest(tmp_path / "m.json", SETTINGS, "prepare x")
    manifest.splits["train"] = {"rows": 3}
    manifest.save()
    assert open_manifest(tmp_path / "m.json", SETTINGS, "prepare x").splits == {
        "train": {"rows": 3}
    }


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


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(StageError, match=r"m\.json is not (a )?JSON"):
        read_json(tmp_path / "m.json")


def test_a_json_file_is_replaced_in_one_step(tmp_path):
    write_json(tmp_path / "deep" / "m.json", {"é": 1})
    assert read_json(tmp_path / "deep" / "m.json") == {"é": 1}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["m.json"]
