"""stage: grpo with LoRA -> adapter -> `llamafactory-cli export` -> `lmms-eval`, with its frame."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from llamafactory.cli import main as llamafactory
from llamafactory.train.tuner import run_exp
from safetensors.torch import load_file

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.results.reader import ResultsError, read_results_file
from tag_plugin.tiny import write_base
from tests.forked import as_command, forked
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe
from tests.hosts.lmms_eval.small_data import write_dataset

pytestmark = [
    pytest.mark.host,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lmms_eval") is None, reason="lmms-eval is not installed"),
]


def run(main: Callable[[], object], log: Path, *words: str, **environment: str) -> None:
    assert forked(as_command(main, *words), log, **environment) == 0, log.read_text()[-3000:]


def test_an_adapter_is_saved_merged_and_evaluated(
    rl_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    base, adapter, merged = write_base(tmp_path / "base"), tmp_path / "lora", tmp_path / "merged"
    lora = {"finetuning_type": "lora", "lora_target": "all", "learning_rate": 0.05}
    run_exp(grpo_recipe(base, rl_data, adapter, **lora, max_steps=2, grpo={"beta": 0.1}))
    assert (adapter / "adapter_model.safetensors").is_file()
    assert not (adapter / "model.safetensors").exists()

    run(
        llamafactory,
        tmp_path / "export.log",
        *("llamafactory-cli", "export"),
        *("--model_name_or_path", str(base), "--adapter_name_or_path", str(adapter)),
        *("--template", "tag_qwen2_5_vl", "--export_dir", str(merged)),
    )
    record = read_checkpoint_record(merged)
    assert record is not None
    assert record == read_checkpoint_record(adapter)
    assert record.box_frame is BoxFrame.ABSOLUTE
    before, after = (load_file(folder / "model.safetensors") for folder in (base, merged))
    moved = [name for name in after if not after[name].equal(before[name].to(after[name].dtype))]
    assert any("self_attn" in name for name in moved)

    write_dataset(tmp_path / "data", "synth", "detected")
    monkeypatch.delenv("TAG_BOX_FRAME", raising=False)
    run(
        import_module("lmms_eval.cli.dispatch").main,
        tmp_path / "evaluation.log",
        "lmms-eval",
        *("--tasks", "tag_synth", "--model_args", f"pretrained={merged},device_map=cpu"),
        *("--device", "cpu", "--batch_size", "4", "--gen_kwargs", "max_new_tokens=8"),
        *("--output_path", str(tmp_path / "out")),
        TAG_DATA_DIR=str(tmp_path / "data"),
    )
    (results,) = (tmp_path / "out").rglob("*_results.json")
    problems: list[ResultsError] = []
    (found,) = read_results_file(results, problems)
    assert problems == []
    assert found.summary.n == 4
    assert found.protocol.box_frame == "absolute"
    assert "tag_plugin.json" in found.stated.box_frame_source
