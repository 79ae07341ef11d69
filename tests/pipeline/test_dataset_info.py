"""LLaMA-Factory's dataset_info.json: ours are renewed, the others stay."""

import json

import pytest

from tag_plugin.pipeline.dataset_info import register
from tag_plugin.pipeline.outcomes import StageError
from tests.pipeline.test_manifest import BROKEN

TRAIN = {"train": "built/train.jsonl"}


def test_each_built_split_gets_a_grounded_and_a_label_only_entry(tmp_path):
    recipe = register(
        tmp_path / "ferplus", {split: f"built/{split}.jsonl" for split in ("train", "dev")}
    )
    content = json.loads((tmp_path / "dataset_info.json").read_text())
    assert content == {
        "tag_ferplus_train": {"file_name": "ferplus/built/train.jsonl", "formatting": "tag"},
        "tag_ferplus_train_label_only": {
            "file_name": "ferplus/built/train.jsonl",
            "formatting": "tag_label_only",
        },
        "tag_ferplus_dev": {"file_name": "ferplus/built/dev.jsonl", "formatting": "tag"},
        "tag_ferplus_dev_label_only": {
            "file_name": "ferplus/built/dev.jsonl",
            "formatting": "tag_label_only",
        },
    }
    assert recipe == f"dataset: tag_ferplus_train\ndataset_dir: {tmp_path}"


def test_entries_of_others_stay(tmp_path):
    others = {"mllm_demo": {"file_name": "demo.json", "formatting": "sharegpt"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(others))
    register(tmp_path / "rafdb", TRAIN)
    content = json.loads((tmp_path / "dataset_info.json").read_text())
    assert content["mllm_demo"] == others["mllm_demo"]
    assert set(content) == {"mllm_demo", "tag_rafdb_train", "tag_rafdb_train_label_only"}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_and_not_replaced(tmp_path, content):
    (tmp_path / "dataset_info.json").write_bytes(content)
    with pytest.raises(StageError, match=r"dataset_info\.json.*; next: mend or remove it"):
        register(tmp_path / "rafdb", TRAIN)
    assert (tmp_path / "dataset_info.json").read_bytes() == content


def test_what_is_no_file_is_named_and_not_replaced(tmp_path):
    (tmp_path / "dataset_info.json").mkdir()
    with pytest.raises(OSError, match=r"dataset_info\.json is a folder, a pipe or a device"):
        register(tmp_path / "rafdb", TRAIN)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("entry", [None, 3, [], {"file_name": 5}, "é"])
def test_entries_of_others_stay_whatever_they_hold(tmp_path, entry, encoding):
    text = json.dumps({"theirs": entry}, ensure_ascii=False)
    (tmp_path / "dataset_info.json").write_text(text, encoding=encoding)
    register(tmp_path / "rafdb", TRAIN)
    content = json.loads((tmp_path / "dataset_info.json").read_text(encoding="utf-8"))
    assert content["theirs"] == entry
    assert len(content) == 3
