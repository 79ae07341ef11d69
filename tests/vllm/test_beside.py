"""`stage: grpo` without vLLM where one is installed, and the same completions with it."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.forked import forked
from tests.vllm.cpu_run import recipe, train

pytestmark = [pytest.mark.host, pytest.mark.slow]

PLAIN = """
import json, sys
from importlib.metadata import version
from llamafactory.train.tuner import run_exp
run_exp(json.loads(sys.argv[1]))
print("\\nvLLM", version("vllm"), "vllm" in sys.modules)
"""
GREEDY = {"top_k": 1, "num_generations": 2}


def one_step(model: Path, data: Path, out: Path, **grpo: Any) -> dict[str, Any]:
    """Ten groups of two, whose completions are all noted."""
    settings = {"per_device_train_batch_size": 20, "max_steps": 1, "rollout_samples": 20}
    return recipe(model, data, out, **settings, max_samples=10, grpo=GREEDY | grpo)


def texts(out: Path) -> list[str]:
    lines = (out / "rollouts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_a_run_without_it_does_not_import_it_and_writes_the_same(
    sft_model: Path, rl_faces: Path, tmp_path: Path
):
    settings = one_step(sft_model, rl_faces, tmp_path / "plain", use_vllm=False)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, json.dumps(settings)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "vLLM 0.23.0+cpu False"
    settings = one_step(sft_model, rl_faces, tmp_path / "vllm")
    assert forked(partial(train, settings), tmp_path / "log") == 0
    assert len(texts(tmp_path / "plain")) == 20
    assert texts(tmp_path / "vllm") == texts(tmp_path / "plain")
