"""EasyR1's own way of loading and calling a reward, on the file that we name."""

import importlib.util
import json
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.easyr1 import HOST, REWARD_FILE
from tag_plugin.hosts.rl_rows import export
from tests.hosts.rl_data import GOLD, WRONG, write_detected


def load(reward_function: str, **kwargs: Any) -> Any:
    """As RewardConfig.post_init and AutoRewardManager.__init__ (EasyR1 0.3.3) do it."""
    file, name = reward_function.rsplit(":", maxsplit=1)
    spec = importlib.util.spec_from_file_location("custom_reward_fn", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["custom_reward_fn"] = module
    spec.loader.exec_module(module)
    assert module.REWARD_TYPE == "batch"
    return partial(getattr(module, name), **kwargs)


@pytest.fixture
def truths(tmp_path: Path) -> list[str]:
    directory = write_detected(tmp_path)
    done = export(HOST, directory, tmp_path / "out", BoxFrame.ABSOLUTE, undetected=True)
    lines = done.files["train"].read_text().splitlines()
    return [json.loads(line)["ground_truth"] for line in lines]


def inputs(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"response": text, "response_length": len(text), "ground_truth": truth}
        for text, truth in pairs
    ]


def test_a_batch_is_scored(truths: list[str]):
    compute = load(f"{REWARD_FILE}:compute_score")
    found = compute(inputs((GOLD, truths[0]), (WRONG, truths[1]), (GOLD, truths[2])))
    assert found[0] == {
        "overall": pytest.approx(2.2),
        "answer": 1.0,
        "au_grounding": 1.0,
        "format": 1.0,
    }
    assert found[1]["overall"] == 0.0
    assert "au_grounding" not in found[2], "it does not apply"


def test_the_hosts_metrics_are_means_over_what_applies(truths: list[str]):
    """compute_reward_batch collects by key; reduce_metrics takes np.mean."""
    compute = load(f"{REWARD_FILE}:compute_score")
    metrics: dict[str, list[float]] = defaultdict(list)
    for score in compute(inputs((GOLD, truths[0]), (WRONG, truths[1]), (GOLD, truths[2]))):
        for key, value in score.items():
            metrics[key].append(value)
    means = {key: float(np.mean(values)) for key, values in metrics.items()}
    assert means["au_grounding"] == 0.5
    assert means["answer"] == pytest.approx(2 / 3)


def test_weights_and_judge_come_from_reward_function_kwargs(truths: list[str]):
    compute = load(
        f"{REWARD_FILE}:compute_score",
        weights={"au_grounding_class_blind": 2.0, "format": 1.0},
        judge={"iou_threshold": 0.5},
    )
    (found,) = compute(inputs((GOLD, truths[0])))
    assert found == {"overall": 3.0, "au_grounding_class_blind": 1.0, "format": 1.0}


def test_the_face_keeps_its_size():
    """process_image (EasyR1 0.3.3) resizes by these two settings; its config has 262144."""
    command = HOST.command({"train": Path("/d/train.jsonl")})
    assert "data.min_pixels=200704 data.max_pixels=200704" in command
    assert "data.format_prompt=null" in command
    assert "data.val_files=/d/train.jsonl" in command
