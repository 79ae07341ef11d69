"""EasyR1's own reward manager loads our file and scores a batch.

EasyR1 is on no package index: EASYR1=CHECKOUT make test-hosts.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.easyr1 import HOST, REWARD_FILE
from tag_plugin.hosts.rl_rows import export
from tag_plugin.tiny import write_base
from tests.hosts.rl_data import GOLD, WRONG, write_detected

CHECKOUT = os.environ.get("EASYR1", "")

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(not CHECKOUT, reason="EASYR1 names no checkout of EasyR1"),
]


def test_its_reward_manager_scores_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [CHECKOUT, *sys.path])  # its package is called verl, too
    import torch
    from transformers import AutoTokenizer
    from verl.protocol import DataProto
    from verl.workers.reward import AutoRewardManager, RewardConfig

    directory = write_detected(tmp_path)
    done = export(HOST, directory, tmp_path / "out", BoxFrame.ABSOLUTE)
    command = HOST.command(done.files).replace("$TAG_REWARD", str(REWARD_FILE))
    (named,) = (word for word in command.split() if word.startswith("worker.reward."))
    config = RewardConfig(reward_function=named.partition("=")[2])
    config.post_init()
    tokenizer = AutoTokenizer.from_pretrained(write_base(tmp_path / "base"))
    manager = AutoRewardManager(config, tokenizer)

    texts = tokenizer([GOLD, WRONG], padding=True, padding_side="right", return_tensors="pt")
    truths = [json.loads(line)["ground_truth"] for line in done.files["train"].open()]
    batch = DataProto.from_dict(
        {"responses": texts["input_ids"], "response_mask": texts["attention_mask"]},
        {"ground_truth": np.array(truths, dtype=object)},
    )
    rewards, metrics = manager.compute_reward(batch)
    assert rewards.sum(dim=1).tolist() == pytest.approx([2.2, 0.0])
    assert metrics["au_grounding"] == [1.0, 0.0]
    assert torch.count_nonzero(rewards) == 1
