"""ms-swift itself trains the tiny model by its GRPO with our plugin, on a CPU (make test-hosts)."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.rl_rows import export
from tag_plugin.hosts.swift import HOST, PLUGIN_FILE
from tag_plugin.tiny import write_base
from tests.hosts.rl_data import GOLD, WRONG, write_detected

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(find_spec("swift") is None, reason="ms-swift is not installed"),
]

TINY_IDS = """
import json, os
from swift.template.templates.qwen import Qwen2VLTemplate

config = json.load(open(os.environ["TINY_CONFIG"]))
Qwen2VLTemplate.image_token_id = config["image_token_id"]
Qwen2VLTemplate.video_token_id = config["video_token_id"]
"""
"""ms-swift has the ids of Qwen's tokenizer written into its template; the tiny model has others."""


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    directory = write_detected(tmp_path / "data")
    return export(HOST, directory, tmp_path / "rows", BoxFrame.ABSOLUTE).files["train"]


def test_its_loader_registers_the_rewards_and_they_score_a_batch(rows: Path):
    from swift.rewards import orms
    from swift.utils import import_external_file

    import_external_file(str(PLUGIN_FILE))
    truths = [json.loads(line)["solution"] for line in rows.read_text().splitlines()]
    for name in ("tag_answer", "tag_au_grounding", "tag_format"):
        assert orms[name]()([GOLD, WRONG], solution=truths) == [1.0, 0.0]


def test_its_grpo_trains_the_tiny_model(rows: Path, tmp_path: Path):
    base = write_base(tmp_path / "base")
    (tmp_path / "tiny_ids.py").write_text(TINY_IDS)
    plugins = (str(PLUGIN_FILE), str(tmp_path / "tiny_ids.py"))
    words = (
        *("rlhf", "--rlhf_type", "grpo", "--model", str(base), "--model_type", "qwen2_5_vl"),
        *("--template", "qwen2_5_vl", "--use_hf", "true", "--external_plugins", *plugins),
        *("--reward_funcs", "tag_answer", "tag_au_grounding", "tag_format"),
        *("--reward_weights", "1", "1", "0.2", "--dataset", str(rows), "--num_generations", "4"),
        *("--max_completion_length", "8", "--per_device_train_batch_size", "4"),
        *("--gradient_accumulation_steps", "1", "--max_steps", "1", "--tuner_type", "full"),
        *("--torch_dtype", "float32", "--attn_impl", "eager", "--gradient_checkpointing", "false"),
        *("--beta", "0.04", "--logging_steps", "1", "--output_dir", str(tmp_path / "out")),
        *("--report_to", "none", "--dataset_num_proc", "1", "--dataloader_num_workers", "0"),
    )
    settings = {"MAX_PIXELS": "200704", "TINY_CONFIG": str(base / "config.json")}
    swift = Path(sys.executable).with_name("swift")
    done = subprocess.run(
        [swift, *words],
        env={**os.environ, **settings, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (log,) = (tmp_path / "out").rglob("logging.jsonl")
    first = json.loads(log.read_text().splitlines()[0])
    for name in ("TagAnswer", "TagAuGrounding", "TagFormat"):
        assert f"rewards/{name}/mean" in first
    assert list((tmp_path / "out").rglob("*.safetensors"))
