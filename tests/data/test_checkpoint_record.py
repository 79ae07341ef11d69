import json
from pathlib import Path

import pytest

from tag_plugin import __version__
from tag_plugin.data.checkpoint_record import (
    CheckpointRecord,
    RecordError,
    read_checkpoint_record,
    write_checkpoint_record,
)
from tag_plugin.facs.boxes import BoxFrame

RECORD = CheckpointRecord(
    template="tag_qwen2_5_vl", box_frame=BoxFrame.ABSOLUTE, prompt_hash="0123456789ab"
)


def test_what_is_written_is_read(tmp_path: Path):
    path = write_checkpoint_record(tmp_path / "checkpoint-1", RECORD)
    assert read_checkpoint_record(tmp_path / "checkpoint-1") == RECORD
    assert json.loads(path.read_text()) == {
        "template": "tag_qwen2_5_vl",
        "box_frame": "absolute",
        "prompt_hash": "0123456789ab",
        "version": __version__,
    }
    assert [p.name for p in path.parent.iterdir()] == ["tag_plugin.json"]


def test_another_checkpoint_has_none(tmp_path: Path):
    assert read_checkpoint_record(tmp_path) is None
    assert read_checkpoint_record(tmp_path / "not a folder") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"template": "t", "box_frame": "pixels", "prompt_hash": "0"}',
        '{"template": "t", "box_frame": "relative", "prompt_hash": "0", "extra": 1}',
    ],
)
def test_a_broken_record_is_named(text: str, tmp_path: Path):
    (tmp_path / "tag_plugin.json").write_text(text)
    with pytest.raises(RecordError, match=r"tag_plugin\.json is not a checkpoint record"):
        read_checkpoint_record(tmp_path)
