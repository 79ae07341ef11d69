"""SFT killed at any moment: the same command again ends as if nothing had happened."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.hosts.paths import recipes_dir
from tests.hosts.llamafactory.host_run import train_args
from tests.hosts.llamafactory.killed_runs import left_behind, run
from tests.hosts.llamafactory.tag_data import write_tag_dataset

pytestmark = pytest.mark.host

MOMENTS = {  # before this method of the trainer runs at this step; four steps an epoch
    "before the first checkpoint": "training_step 1",
    "in the middle of the first epoch": "training_step 3",
    "after the weights of a checkpoint": "_save_optimizer_and_scheduler 2",
    "after its optimizer": "_save_rng_state 2",
    "at the end of the first epoch": "_rotate_checkpoints 4",
    "at the first step of the second": "training_step 4",
    "in the middle of the second epoch": "training_step 7",
    "after the weights of a checkpoint in the second": "_save_optimizer_and_scheduler 6",
    "after its optimizer in the second": "_save_rng_state 6",
    "when a checkpoint of the second is whole": "_rotate_checkpoints 6",
    "after the last checkpoint": "_rotate_checkpoints 8",
    "before the last state": "save_state 8",
}
FEW = ("in the middle of the second epoch",)
ALL = bool(os.environ.get("TAG_KILL_MOMENTS"))
CHOSEN = [*MOMENTS] if ALL else FEW


def recipe(model: Path, data_dir: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Two epochs of four steps; log lines and checkpoints fall on different steps."""
    return train_args(
        model,
        data_dir,
        out,
        **{
            "overwrite_output_dir": False,
            "max_steps": -1,
            "num_train_epochs": 2.0,
            "per_device_train_batch_size": 2,
            "save_strategy": "steps",
            "save_steps": 2,
            "save_total_limit": 1,
            "logging_steps": 3,
            **settings,
        },
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed run leaves, by kind of run."""
    return {}


KINDS = {
    "one process": {},
    "lora": {"finetuning_type": "lora", "lora_dropout": 0.2, "learning_rate": 1e-2},
    "ZeRO-2": {
        "per_device_train_batch_size": 1,
        "deepspeed": str(recipes_dir() / "deepspeed/zero2.json"),
    },
}
MANY = [] if ALL else [pytest.mark.slow]
FAST = [
    pytest.param(kind, moment, marks=MANY if kind == "ZeRO-2" else [])
    for kind in KINDS
    for moment in CHOSEN
]


@pytest.mark.parametrize(("kind", "moment"), FAST)
def test_the_same_command_again_ends_as_if_nothing_had_happened(
    kind: str,
    moment: str,
    undisturbed: dict[str, Any],
    qwen2_5_vl: Path,
    mixed_data: Path,
    tmp_path: Path,
):
    settings = {"max_samples": 8, **KINDS[kind]}
    processes = 2 if kind == "ZeRO-2" else 1
    if kind not in undisturbed:
        whole = recipe(qwen2_5_vl, mixed_data, tmp_path / "whole", **settings)
        assert run(whole, processes=processes) == [0] * processes, _log(whole)
        undisturbed[kind] = left_behind(tmp_path / "whole")
    killed = recipe(qwen2_5_vl, mixed_data, tmp_path / "killed", **settings)
    codes = run(killed, MOMENTS[moment], processes)
    assert codes[0] == -signal.SIGKILL, _log(killed)
    if moment != "before the last state":  # where the other process has nothing left to do
        assert all(codes), "a process that is alone must not train on"
    assert run(killed, processes=processes) == [0] * processes, _log(killed)
    assert left_behind(tmp_path / "killed") == undisturbed[kind]
    assert run(killed, processes=processes) == [0] * processes
    assert "is finished: 8 steps, 2 epochs; nothing was changed" in _log(killed)
    assert left_behind(tmp_path / "killed") == undisturbed[kind]


def test_a_larger_max_steps_goes_on_from_the_end(
    qwen2_5_vl: Path, mixed_data: Path, tmp_path: Path
):
    settings = {"max_samples": 8, "num_train_epochs": 1.0, "lr_scheduler_type": "constant"}
    short = recipe(qwen2_5_vl, mixed_data, tmp_path / "o", **settings)
    whole = recipe(qwen2_5_vl, mixed_data, tmp_path / "whole", **settings, max_steps=7)
    assert [run(short), run({**short, "max_steps": 7}), run(whole)] == [[0], [0], [0]]
    longer, expected = (left_behind(tmp_path / name) for name in ("o", "whole"))
    logs = [[line["current_steps"] for line in each.pop("log")] for each in (longer, expected)]
    assert logs == [[3, 6, 7]] * 2  # their total_steps and percentages are of the time
    assert longer == expected


def test_a_full_disk_and_ctrl_c_are_one_line_with_how_to_go_on(
    qwen2_5_vl: Path, mixed_data: Path, tmp_path: Path
):
    """A limit on the size of files stands in for a full disk."""
    settings = {"max_samples": 8, "num_train_epochs": 1.0, "freeze_vision_tower": False}
    stopped, whole = (
        recipe(qwen2_5_vl, mixed_data, tmp_path / name, **settings) for name in ("stopped", "whole")
    )
    weights = (qwen2_5_vl / "model.safetensors").stat().st_size
    for limit in (int(weights * 1.2), weights // 2):  # the optimizer does not fit, then the weights
        assert run(stopped, largest_file=limit) == [1]
    said = "no room to save checkpoint-2: it needs about .* GB are free.*; next: make room"
    assert (
        len(re.findall(f"tag-plugin: .*{said}.* the same command begins anew", _log(stopped))) == 2
    )
    assert run(stopped, "training_step 3", how=signal.SIGINT) == [1]
    said = "tag-plugin: stopped; the same command goes on from .*checkpoint-2\n"
    assert re.search(said, _log(stopped))
    assert "Traceback" not in _log(stopped)
    assert [run(stopped), run(whole)] == [[0], [0]]
    assert left_behind(tmp_path / "stopped") == left_behind(tmp_path / "whole")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"deepspeed": str(recipes_dir() / "deepspeed/zero2.json")}, marks=MANY),
        pytest.param({"deepspeed": str(recipes_dir() / "deepspeed/zero3.json")}, marks=MANY),
        pytest.param({"streaming": True, "max_steps": 2, "dataloader_num_workers": 1}, marks=MANY),
    ],
)
def test_processes_that_read_different_rows_end_with_their_names(
    settings: dict[str, Any], qwen2_5_vl: Path, tmp_path: Path
):
    for rank in range(2):
        write_tag_dataset(tmp_path / f"data{rank}", 8)
    for index in (3, 5):
        (tmp_path / f"data1/synth/images/train/000{index}.jpg").unlink()
    different = recipe(qwen2_5_vl, tmp_path / "dataRANK", tmp_path / "o", **settings)
    assert all(run(different, processes=2)), "one of them must not train alone"
    log = _log(different)
    assert re.search(r"process 0 \(.*\) reads 8 of 8 rows, process 1 \(.*\) 6 of 8", log)
    assert "0003.jpg: no such file" in log
    assert "Traceback" not in log


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "bf16"), [(2, True), (3, False)])
def test_two_processes_train_a_mix_with_deepspeed_on_cpus(
    stage: int, bf16: bool, qwen2_5_vl: Path, mixed_data: Path, tmp_path: Path
):
    settings = {
        "deepspeed": str(recipes_dir() / f"deepspeed/zero{stage}.json"),
        "dataset": "tag_synth_train,plain",
        "bf16": bf16,
        "max_samples": 8,
        "max_steps": 2,
    }
    trained = recipe(qwen2_5_vl, mixed_data, tmp_path / "o", **settings)
    assert run(trained, processes=2) == [0, 0], _log(trained)
    record = read_checkpoint_record(tmp_path / "o")
    assert record is not None
    assert record.template == "tag_qwen2_5_vl"


def _log(recipe: dict[str, Any]) -> str:
    return Path(recipe["output_dir"]).with_suffix(".log").read_text(errors="replace")
