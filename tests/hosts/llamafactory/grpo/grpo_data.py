"""A DATA_DIR with rows as `detect` writes them (no trace), and recipes for a GRPO run."""

import json
from pathlib import Path
from typing import Any

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.facs.detections import Detection, Detections
from tests.hosts.llamafactory.host_run import train_args
from tests.hosts.llamafactory.tag_data import (
    add_entry,
    write_pairs,
    write_plain_dataset,
    write_tag_dataset,
)

REWARD_FILE = Path(__file__).with_name("reward_file.py")
DETECTOR = DetectorInfo(name="synthetic", version="1")


def detected(row: Row) -> Row:
    """The row with the AUs of its trace as detections, without the trace."""
    assert row.trace is not None
    found = tuple(Detection(au=s.au, probability=0.9, box=s.box) for s in row.trace.inspections)
    known = Detections(detections=found, supported=frozenset({4, 12, 15}))
    return row.model_copy(update={"detections": known, "detector": DETECTOR, "trace": None})


def write_rl_data(data_dir: Path, count: int = 12) -> Path:
    """Data sets tag_rl (detected), tag_prepared, tag_synth_train, plain, pairs, text and clips."""
    rows = write_tag_dataset(data_dir, count)
    write_rows(data_dir / "synth/detected/train.jsonl", map(detected, rows))
    bare = (row.model_copy(update={"trace": None}) for row in rows)
    write_rows(data_dir / "synth/prepared/train.jsonl", bare)
    for name, stage in (("tag_rl", "detected"), ("tag_prepared", "prepared")):
        entry: dict[str, object] = {"file_name": f"synth/{stage}/train.jsonl", "formatting": "tag"}
        add_entry(data_dir, name, entry)
    write_plain_dataset(data_dir, count)
    write_pairs(data_dir, count)
    talk = [
        {"instruction": f"Say {index}.", "input": "", "output": str(index)}
        for index in range(count)
    ]
    (data_dir / "text.json").write_text(json.dumps(talk))
    add_entry(data_dir, "text", {"file_name": "text.json"})
    question = {"from": "human", "value": "<video>What is it?"}
    clip = {"conversations": [question, {"from": "gpt", "value": "A clip."}], "videos": ["0.mp4"]}
    (data_dir / "clips.json").write_text(json.dumps([clip]))
    columns = {"messages": "conversations", "videos": "videos"}
    clips = {"file_name": "clips.json", "formatting": "sharegpt", "columns": columns}
    add_entry(data_dir, "clips", clips)
    return data_dir


def own_reward(name: str, **spec: Any) -> dict[str, Any]:
    """An entry of `rewards:` for a function of reward_file.py."""
    return {"name": f"{REWARD_FILE}:{name}", **spec}


def grpo_recipe(model: Path, data_dir: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Three steps of two groups of four completions; a random model needs a reward of its own."""
    grpo = settings.pop("grpo", {})
    if isinstance(grpo, dict):
        grpo = {"num_generations": 4, "max_completion_length": 8, **grpo}
    return train_args(
        model,
        data_dir,
        out,
        **{
            "stage": "grpo",
            "dataset": "tag_rl",
            "per_device_train_batch_size": 8,
            "max_steps": 3,
            "logging_steps": 1,
            "first_batch_check": False,
            "rewards": [own_reward("vowels"), "answer", "au_grounding", "format"],
            "grpo": grpo,
            **settings,
        },
    )
