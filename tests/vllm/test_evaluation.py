"""The same faces: by lmms-eval's own model class in bfloat16, and through vLLM in float32."""

from importlib import import_module
from pathlib import Path

import pytest

from tag_plugin.results.reader import TaskRun, read_run
from tests.forked import as_command, forked

pytestmark = [pytest.mark.host, pytest.mark.slow]

ASKED = {
    "hf": ("--model_args", "pretrained={}"),
    "vllm": (
        *("--model", "vllm", "--model_args"),
        "model={},enforce_eager=True,max_model_len=1024,max_new_tokens=320",
    ),
}


@pytest.fixture(scope="module")
def runs(
    sft_model: Path, hundred_faces: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, TaskRun]:
    """One evaluation each."""
    out = tmp_path_factory.mktemp("evaluations")
    for name, words in ASKED.items():
        model = (word.format(sft_model) for word in words)
        options = ("--tasks", "tag_synth", "--batch_size", "50", "--log_samples", "--output_path")
        command = as_command(
            import_module("lmms_eval.cli.dispatch").main,
            *("lmms-eval", *model, *options, str(out / name)),
            *("--gen_kwargs", "max_new_tokens=320"),
        )
        log = out / f"{name}.log"
        assert forked(command, log, TAG_DATA_DIR=str(hundred_faces)) == 0, log.read_text()[-3000:]
    return {name: read_run(out / name) for name in ASKED}


@pytest.mark.parametrize("metric", ["accuracy", "grounding"])
def test_a_metric_is_the_same_by_either(runs: dict[str, TaskRun], metric: str):
    hf, vllm = (runs[name].summary.metrics[metric].value for name in ASKED)
    assert hf > 0.3  # a model that can do it
    assert [len([*run.samples()]) for run in runs.values()] == [100, 100]
    assert vllm == pytest.approx(hf, abs=0.02)
