"""verl's own configuration and loader take our file and score a batch (make test-hosts)."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.rl_rows import export
from tag_plugin.hosts.verl import HOST, REWARD_FILE
from tag_plugin.tiny import write_base
from tests.hosts.rl_data import GOLD, WRONG, write_detected

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        find_spec("verl") is None or find_spec("verl.trainer.config") is None,
        reason="verl is not installed",
    ),
]


def configured(words: list[str]) -> Any:
    """verl's configuration for the words of our command."""
    from hydra import compose, initialize_config_module
    from verl.experimental.reward_loop.reward_loop import migrate_legacy_reward_impl

    with initialize_config_module("verl.trainer.config", version_base=None):
        return migrate_legacy_reward_impl(compose("ppo_trainer", overrides=words))


def test_its_reward_manager_scores_a_batch(tmp_path: Path):
    import pyarrow.parquet
    import torch
    from transformers import AutoTokenizer
    from verl import DataProto
    from verl.trainer.ppo.reward import load_reward_manager

    directory = write_detected(tmp_path)
    done = export(HOST, directory, tmp_path / "out", BoxFrame.ABSOLUTE)
    command = HOST.command(done.files).replace("$TAG_REWARD", str(REWARD_FILE))
    config = configured([word for word in command.split() if "=" in word[1:] and "(" not in word])
    tokenizer = AutoTokenizer.from_pretrained(write_base(tmp_path / "base"))
    manager = load_reward_manager(config, tokenizer)
    table = pyarrow.parquet.read_table(done.files["train"]).to_pylist()

    def score(row: dict[str, Any], text: str) -> Any:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        tensors = {"responses": ids, "attention_mask": torch.ones_like(ids)}
        fields = ("data_source", "reward_model", "extra_info")
        batch = DataProto.from_dict(tensors, {name: [row[name]] for name in fields})
        return manager.loop.run_until_complete(manager.run_single(batch))

    right, wrong = (score(row, text) for row, text in zip(table, (GOLD, WRONG), strict=True))
    assert right["reward_score"] == pytest.approx(2.2)
    assert right["reward_extra_info"]["au_grounding"] == 1.0
    assert wrong["reward_score"] == 0.0
    assert right["reward_extra_info"].keys() == wrong["reward_extra_info"].keys()
