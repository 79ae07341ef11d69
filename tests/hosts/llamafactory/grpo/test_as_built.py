"""The rewards ask for the AUs that the dataset was built to name."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset

from tag_plugin.data.rows import row_lines
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.converter import LINE, WHERE
from tag_plugin.hosts.llamafactory.grpo.dataset import _ROW, align_with_rows
from tag_plugin.hosts.llamafactory.grpo.reward_tryout import read_completions, try_rewards
from tag_plugin.hosts.llamafactory.grpo.rewards import parse_rewards
from tests.hosts.built_data import build_sure, gold, write_detected_faces

FRAME = BoxFrame.RELATIVE


@pytest.fixture
def synth(tmp_path: Path) -> Path:
    return write_detected_faces(tmp_path)


def aligned(synth: Path) -> list[str]:
    """The rows as GRPO hands them to its rewards."""
    attr = SimpleNamespace(formatting="tag", dataset_name="synth/detected/train.jsonl")
    data_args = SimpleNamespace(
        template="tag_qwen2_vl",
        box_frame=None,
        dataset_dir=str(synth.parent),
        preprocessing_num_workers=None,
        overwrite_cache=True,
    )
    lines = [
        {LINE: line, WHERE: where} for where, line in row_lines(synth / "detected/train.jsonl")
    ]
    arguments: Any = SimpleNamespace(local_process_index=0)
    return list(align_with_rows(Dataset.from_list(lines), attr, data_args, arguments)[_ROW])


def grounding(synth: Path, **args: Any) -> list[float | None]:
    (reward,) = parse_rewards([{"name": "au_grounding", "args": args}], FRAME).functions
    return list(reward(completions=gold(synth, "train", FRAME), tag_row=aligned(synth)))


def test_gold_traces_of_cautious_data_earn_all(synth: Path):
    assert min(grounding(synth)) < 0.6  # nothing says how it was built: as ever
    build_sure(synth)
    assert grounding(synth) == [1.0, 1.0, 1.0]


def test_what_the_recipe_says_goes_before(synth: Path):
    build_sure(synth)
    assert grounding(synth, top_k=6, thresholds={"on": 0.5}) == pytest.approx([0.5, 2 / 3, 1.0])


def test_a_reward_is_tried_out_by_the_same_rule(synth: Path, tmp_path: Path):
    build_sure(synth)
    file = tmp_path / "completions.jsonl"
    texts = gold(synth, "train", FRAME)
    file.write_text(
        "".join(
            json.dumps({"text": text, "prompt_id": f"train-{number}"}) + "\n"
            for number, text in enumerate(texts)
        )
    )
    samples = read_completions(file, synth / "detected/train.jsonl")
    tried, _ = try_rewards(["au_grounding"], samples, FRAME)
    assert tried.values == (1.0, 1.0, 1.0)
