"""`stage: grpo` with vLLM, from prompts to the weights that it generates with."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.tuner import run_exp

from tests.forked import forked
from tests.hosts.llamafactory.grpo.grpo_data import own_reward
from tests.hosts.llamafactory.grpo.test_resume import CutAt, history
from tests.vllm.cpu_run import (
    forbidding_nothing,
    keeping_ids,
    ready_for_cpu,
    recipe,
    train,
    without_sync,
)

pytestmark = [pytest.mark.host, pytest.mark.slow]

LEARNING = {"learning_rate": 1e-3, "save_strategy": "steps", "save_steps": 1}
DIFFERENCE = "sampling/sampling_logp_difference/mean"
FORBIDDEN = {670, 671, 672, 673, 674}  # vision_start to video_pad, in the tiny vocabulary


def differences(out: Path) -> list[float]:
    """Of each step: how far the engine's log-probabilities are from the policy's."""
    lines = (out / "grpo_log.jsonl").read_text().splitlines()
    return [step[DIFFERENCE] for step in map(json.loads, lines) if DIFFERENCE in step]


def ids_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(sft_model: Path, rl_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps that nothing disturbs; `ids.jsonl` beside what the run leaves."""
    out = tmp_path_factory.mktemp("whole") / "out"
    settings = recipe(sft_model, rl_faces, out, **LEARNING, overwrite_output_dir=False)
    keep = partial(keeping_ids, out.parent / "ids.jsonl")
    log = out.parent / "log"
    assert forked(partial(train, settings, keep), log) == 0, log.read_text()[-3000:]
    return out


def test_the_engine_reads_the_prompts_of_sft(whole: Path):
    generations = ids_of(whole.parent / "ids.jsonl")
    assert len(generations) == 3
    for each in generations:
        assert len(each["prompts"]) == 8
        assert each["prompts"] == each["sft"]


def test_the_engine_has_the_policys_weights_at_every_step(whole: Path):
    assert len(differences(whole)) == 3
    assert max(differences(whole)) < 0.02


def test_an_engine_that_gets_no_weights_is_seen_in_the_log(
    sft_model: Path, rl_faces: Path, tmp_path: Path
):
    settings = recipe(sft_model, rl_faces, tmp_path / "out", learning_rate=1e-3)
    assert forked(partial(train, settings, without_sync), tmp_path / "log") == 0
    first, *later = differences(tmp_path / "out")
    assert first < 0.02
    assert max(later) > 0.1


def test_the_engine_has_the_weights_of_an_adapter(sft_model: Path, rl_faces: Path, tmp_path: Path):
    adapter = {"finetuning_type": "lora", "lora_rank": 8, "learning_rate": 1e-2}
    settings = recipe(sft_model, rl_faces, tmp_path / "out", **adapter)
    assert forked(partial(train, settings), tmp_path / "log") == 0
    assert len(differences(tmp_path / "out")) == 3
    assert max(differences(tmp_path / "out")) < 0.02


def test_a_resumed_run_equals_an_uninterrupted_one(
    whole: Path, sft_model: Path, rl_faces: Path, tmp_path: Path
):
    settings = recipe(sft_model, rl_faces, tmp_path / "out", **LEARNING, overwrite_output_dir=False)

    def cut() -> None:
        ready_for_cpu()
        run_exp(settings, callbacks=[CutAt(2)])

    assert forked(cut, tmp_path / "log") == 1
    assert "PowerCutError" in (tmp_path / "log").read_text()
    assert forked(partial(train, settings), tmp_path / "log") == 0
    assert history(tmp_path / "out") == history(whole)


def test_rows_without_a_picture_are_read_as_in_sft_among_others(
    sft_model: Path, rl_faces: Path, tmp_path: Path
):
    mixed = {
        "dataset": "tag_rl,text",
        "max_samples": 4,
        "rewards": [own_reward("vowels"), "format"],
    }
    settings = recipe(sft_model, rl_faces, tmp_path / "out", **mixed, grpo={"num_generations": 2})
    keep = partial(keeping_ids, tmp_path / "ids.jsonl")
    assert forked(partial(train, settings, keep), tmp_path / "log") == 0
    generations = ids_of(tmp_path / "ids.jsonl")
    assert all(each["prompts"] == each["sft"] for each in generations)
    lengths = {len(ids) > 64 for each in generations for ids in each["prompts"]}
    assert lengths == {True, False}  # a face has 64 ids
    assert max(differences(tmp_path / "out")) < 0.02


HOT = {"temperature": 50.0, "max_completion_length": 120, "use_vllm": True}


def test_at_any_temperature_no_id_that_stands_for_a_picture_is_written(
    sft_model: Path, rl_faces: Path, tmp_path: Path
):
    settings = recipe(sft_model, rl_faces, tmp_path / "out", max_steps=1, grpo=HOT)
    keep = partial(keeping_ids, tmp_path / "ids.jsonl")
    assert forked(partial(train, settings, keep), tmp_path / "log") == 0
    (generation,) = ids_of(tmp_path / "ids.jsonl")
    written = [each for ids in generation["completions"] for each in ids]
    assert len(written) > 500
    assert not FORBIDDEN.intersection(written)


def test_without_what_forbids_them_they_would_be_written(
    sft_model: Path, rl_faces: Path, tmp_path: Path
):
    settings = recipe(sft_model, rl_faces, tmp_path / "out", max_steps=1, grpo=HOT)
    keep = partial(forbidding_nothing, tmp_path / "ids.jsonl")
    code = forked(partial(train, settings, keep), tmp_path / "log")
    assert code != 0  # the next forward looks for their pictures
    (generation,) = ids_of(tmp_path / "ids.jsonl")
    assert FORBIDDEN.intersection(each for ids in generation["completions"] for each in ids)
