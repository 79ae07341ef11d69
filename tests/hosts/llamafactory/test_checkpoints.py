"""What a checkpoint must hold for a run to go on from it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest

from tag_plugin.hosts.llamafactory.checkpoints import (
    CheckpointError,
    chosen_checkpoint,
    last_whole_checkpoint,
    shortcoming,
)
from tag_plugin.hosts.llamafactory.resume_point import (
    FinishedRunError,
    check_checkpoint,
    settle_resume_point,
)

pytestmark = pytest.mark.host

PLAIN = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
ZERO_2 = (
    "global_step2/mp_rank_00_model_states.pt",
    "global_step2/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt",
    "global_step2/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt",
    "latest",
    "scheduler.pt",
    "rng_state_0.pth",
    "rng_state_1.pth",
)
ZERO_3 = tuple(
    each.replace("mp_rank_00_model", "zero_pp_rank_1_mp_rank_00_model").replace("bf16_", "")
    for each in ZERO_2
)
FSDP = ("optimizer_0/.metadata", "optimizer_0/__0_0.distcp", *PLAIN[1:])
FSDP_WHOLE = ("optimizer.bin", *PLAIN[1:])


def checkpoint(folder: Path, files: tuple[str, ...], step: int = 2, state: str = "") -> Path:
    """A folder of these files, small but real, and the trainer's state."""
    path = folder / f"checkpoint-{step}"
    for name in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        with ZipFile(path / name, "w") as file:  # what torch.save writes is a zip file
            file.writestr("data.pkl", str(step) * 50)
    if "latest" in files:
        (path / "latest").write_text("global_step2")
    path.mkdir(parents=True, exist_ok=True)
    (path / "trainer_state.json").write_text(state or f'{{"global_step": {step}, "epoch": 0.5}}')
    return path


def _without(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def _cut(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:-30])


@pytest.mark.parametrize("files", [PLAIN, ZERO_2, ZERO_3, FSDP, FSDP_WHOLE])
def test_a_whole_checkpoint_lacks_nothing(files: tuple[str, ...], tmp_path: Path):
    assert shortcoming(checkpoint(tmp_path, files)) is None


@pytest.mark.parametrize(
    ("files", "spoil", "lacking"),
    [
        ((), None, "holds weights only, no optimizer.pt (save_only_model: true)"),
        (PLAIN, _without("trainer_state.json"), "was not written to its end"),
        (PLAIN, _without("optimizer.pt"), "has no whole optimizer.pt"),
        (PLAIN, _without("scheduler.pt"), "has no whole scheduler.pt"),
        (PLAIN, _cut("optimizer.pt"), "has no whole optimizer.pt"),
        (PLAIN, _cut("scheduler.pt"), "has no whole scheduler.pt"),
        (ZERO_2, _without("latest"), "has no whole latest"),
        (ZERO_2, _without(ZERO_2[0]), "has no whole model_states.pt"),
        (ZERO_2, _without(ZERO_2[1]), "has no whole global_step2/*_zero_pp_rank_0_*"),
        (ZERO_2, _without(ZERO_2[2]), "has no whole global_step2/*_zero_pp_rank_1_*"),
        (ZERO_2, _cut(ZERO_2[2]), f"has no whole {Path(ZERO_2[2]).name}"),
        (ZERO_3, _cut(ZERO_3[0]), f"has no whole {Path(ZERO_3[0]).name}"),
        (FSDP, _without("optimizer_0/.metadata"), "has no whole optimizer.pt"),
        (FSDP_WHOLE, _cut("optimizer.bin"), "has no whole optimizer.pt"),
    ],
)
def test_what_is_missing_is_named(
    files: tuple[str, ...], spoil: Callable[[Path], None] | None, lacking: str, tmp_path: Path
):
    path = checkpoint(tmp_path, files)
    if spoil is not None:
        spoil(path)
    assert shortcoming(path) == lacking


def test_weights_alone_are_passed_over_for_an_earlier_checkpoint(
    tmp_path: Path, host_log: list[str]
):
    whole = checkpoint(tmp_path, PLAIN, step=2)
    checkpoint(tmp_path, (), step=9)
    assert last_whole_checkpoint(tmp_path) == whole
    assert any("checkpoint-9 holds weights only" in each for each in host_log)


def test_where_no_run_can_go_on_the_newest_weights_are_chosen_to_be_refused(tmp_path: Path):
    checkpoint(tmp_path, (), step=2)
    newest = checkpoint(tmp_path, (), step=9)
    assert chosen_checkpoint(tmp_path) == newest


def _training(out: Path, **settings: Any) -> SimpleNamespace:
    defaults = {
        "do_train": True,
        "do_eval": False,
        "do_predict": False,
        "output_dir": str(out),
        "overwrite_output_dir": False,
        "resume_from_checkpoint": None,
        "max_steps": 8,
        "num_train_epochs": 3.0,
        "deepspeed": None,
        "fsdp": [],
        "world_size": 1,
    }
    return SimpleNamespace(**defaults | settings)


ZERO = {
    "deepspeed": "zero2.json",
    "world_size": 2,
    "hf_deepspeed_config": SimpleNamespace(config={}),
}
STREAM = '{"global_step": 2, "epoch": 1.25}'


@pytest.mark.parametrize(
    ("files", "settings", "streaming", "problem"),
    [
        ((), {}, False, "holds weights only, no optimizer.pt .*next: model_name_or_path: "),
        (PLAIN, ZERO, False, "was written by neither DeepSpeed nor FSDP, this run is of DeepSpeed"),
        (ZERO_2, {}, False, "was written by DeepSpeed, this run is of neither"),
        (PLAIN, {"fsdp": ["full_shard"]}, False, "this run is of FSDP"),
        (FSDP, {}, False, "was written by FSDP"),
        (ZERO_2, {**ZERO, "world_size": 4}, False, "in 2 parts, this run has 4 processes"),
        (ZERO_2[:4] + ZERO_2[5:], ZERO, False, "has no scheduler.pt"),
        (PLAIN, {}, True, "second pass over a stream"),
    ],
)
def test_a_checkpoint_that_is_none_for_this_run_is_refused(
    files: tuple[str, ...], settings: dict[str, Any], streaming: bool, problem: str, tmp_path: Path
):
    path = checkpoint(tmp_path, files, state=STREAM)
    data = SimpleNamespace(streaming=streaming)
    with pytest.raises(CheckpointError, match=problem):
        check_checkpoint(path, data, _training(tmp_path, **settings))


@pytest.mark.parametrize(
    ("files", "settings"), [(PLAIN, {}), (ZERO_2, ZERO), (ZERO_3, ZERO), (FSDP, {"fsdp": ["x"]})]
)
def test_a_checkpoint_of_a_run_like_this_is_taken(
    files: tuple[str, ...], settings: dict[str, Any], tmp_path: Path
):
    data = SimpleNamespace(streaming=False)
    check_checkpoint(checkpoint(tmp_path, files), data, _training(tmp_path, **settings))


ENDED = '{"global_step": 8, "max_steps": 8, "epoch": 2.0}'


def _settle(training: SimpleNamespace) -> None:
    finetuning = SimpleNamespace(use_mca=False)
    settle_resume_point(SimpleNamespace(streaming=False), training, finetuning)


@pytest.mark.parametrize(
    ("settings", "longer"),
    [
        ({}, "max_steps"),
        ({"max_steps": 5}, "max_steps"),
        ({"max_steps": -1, "num_train_epochs": 2.0}, "num_train_epochs"),
        ({"max_steps": -1, "num_train_epochs": 1.9}, "num_train_epochs"),
        ({"resume_from_checkpoint": True}, "max_steps"),
    ],
)
def test_a_finished_run_says_so(settings: dict[str, Any], longer: str, tmp_path: Path):
    (tmp_path / "trainer_state.json").write_text(ENDED)
    with pytest.raises(FinishedRunError, match=f"8 steps.*nothing was changed.*larger {longer} "):
        _settle(_training(tmp_path, **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_steps": 9},
        {"max_steps": -1, "num_train_epochs": 3.0},
        {"overwrite_output_dir": True},
        {"do_eval": True},
        {"do_predict": True},
        {"do_train": False},
    ],
)
def test_a_run_with_something_left_to_do_is_not_finished(settings: dict[str, Any], tmp_path: Path):
    (tmp_path / "trainer_state.json").write_text(ENDED)
    _settle(_training(tmp_path, **settings))


def test_resume_true_means_the_newest_whole_checkpoint(tmp_path: Path):
    whole = checkpoint(tmp_path, PLAIN, step=2)
    checkpoint(tmp_path, (), step=9)
    training = _training(tmp_path, resume_from_checkpoint=True)
    _settle(training)
    assert training.resume_from_checkpoint == str(whole)


@pytest.mark.parametrize(
    ("named", "problem"),
    [(True, "has no checkpoint that a run can go on from"), ("gone", "gone does not exist")],
)
def test_a_checkpoint_that_is_not_there_is_refused(named: Any, problem: str, tmp_path: Path):
    with pytest.raises(CheckpointError, match=problem):
        _settle(_training(tmp_path, resume_from_checkpoint=named))
