"""A tiny Qwen3.5 through SFT, GRPO and evaluation: a family that only transformers 5 has."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import transformers
from llamafactory.train.tuner import run_exp

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.results.reader import ResultsError, read_results_file
from tests.forked import as_command, forked
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe
from tests.hosts.llamafactory.host_run import train_args
from tests.hosts.llamafactory.tiny_models import save_qwen3_5
from tests.hosts.lmms_eval.small_data import write_dataset

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        not hasattr(transformers, "Qwen3_5ForConditionalGeneration"),
        reason="transformers has no Qwen3.5 (make test-matrix)",
    ),
    pytest.mark.skipif(find_spec("lmms_eval") is None, reason="lmms-eval is not installed"),
]

TEMPLATE = {"template": "tag_qwen3_5_nothink"}


def test_it_is_trained_rewarded_and_evaluated(
    rl_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    base, taught, rewarded = (tmp_path / name for name in ("base", "sft", "grpo"))
    run_exp(train_args(save_qwen3_5(base), rl_data, taught, **TEMPLATE))
    run_exp(
        grpo_recipe(
            *(taught, rl_data, rewarded),
            **TEMPLATE,
            dataset="tag_rl,pairs,text",
            max_samples=4,
            grpo={"beta": 0.1},
        )
    )
    record = read_checkpoint_record(rewarded)
    assert record is not None
    assert record.box_frame is BoxFrame.RELATIVE

    write_dataset(tmp_path / "data", "synth", "detected")
    monkeypatch.delenv("TAG_BOX_FRAME", raising=False)
    log, main = tmp_path / "evaluation.log", import_module("lmms_eval.cli.dispatch").main
    words = (
        *("lmms-eval", "--model", "qwen3_5", "--tasks", "tag_synth", "--model_args"),
        f"pretrained={rewarded},device_map=cpu,max_pixels=200704,enable_thinking=False",
        *("--device", "cpu", "--batch_size", "4", "--gen_kwargs", "max_new_tokens=8"),
        *("--output_path", str(tmp_path / "out")),
    )
    code = forked(as_command(main, *words), log, TAG_DATA_DIR=str(tmp_path / "data"))
    assert code == 0, log.read_text()[-3000:]
    (results,) = (tmp_path / "out").rglob("*_results.json")
    problems: list[ResultsError] = []
    (found,) = read_results_file(results, problems)
    assert problems == []
    assert found.summary.n == 4
    assert found.protocol.box_frame == "relative"
