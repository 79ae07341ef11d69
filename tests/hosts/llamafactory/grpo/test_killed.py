"""kill -9 at chosen moments of a run, in both epochs: the same command again ends at equal weights.

Each run is a forked process, which kills itself at the very moment. Two moments are tried always,
all of them with TAG_KILL_MATRIX=1 (about 2 minutes of a core).
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from llamafactory.train.tuner import run_exp
from safetensors.torch import load_file
from transformers import Trainer
from transformers.trainer_callback import TrainerState

from tag_plugin.hosts.llamafactory.grpo.step_file import StepFile
from tag_plugin.hosts.llamafactory.grpo.trainer import StageTrainer
from tests.forked import forked
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward
from tests.hosts.llamafactory.grpo.test_resume import history

pytestmark = pytest.mark.host

FIRST, SECOND, LAST = 2, 6, 8
SETTINGS: dict[str, Any] = {
    "max_samples": 4,  # two generations of two steps an epoch
    "per_device_train_batch_size": 4,
    "grpo": {"steps_per_generation": 2, "beta": 0.1},
    "max_steps": LAST,
    "save_strategy": "steps",
    "save_steps": 1,
    "rollout_steps": 1,
    "overwrite_output_dir": False,
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _entering(owner: type, name: str, step: int) -> None:
    """Dies when the trainer enters this method after so many steps."""
    method = getattr(owner, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = self if owner is TrainerState else self.state
        if state.global_step == step:
            _die()
        return method(self, *args, **kwargs)

    setattr(owner, name, call)


def _while_writing_completions(step: int) -> None:
    generate, draw, draws = StageTrainer._generate_single_turn, torch.multinomial, [0]

    def generating(self: Any, *args: Any) -> Any:
        draws[0] = 1 if self.state.global_step >= step else 0
        return generate(self, *args)

    def drawing(*args: Any, **kwargs: Any) -> Any:
        draws[0] += bool(draws[0])
        return _die() if draws[0] == 4 else draw(*args, **kwargs)

    StageTrainer._generate_single_turn = generating
    torch.multinomial = drawing


def _in_a_line_of_the_log(step: int) -> None:
    append = StepFile.append

    def half(self: StepFile, records: Any) -> None:
        lines = list(records)
        append(self, lines)
        if lines and lines[0]["step"] == step + 1:
            os.truncate(self.path, self.path.stat().st_size - 5)
            _die()

    StepFile.append = half  # type: ignore[method-assign]  # in a process that is about to die


MOMENTS: dict[str, Callable[[int], None]] = {
    "while completions are written": _while_writing_completions,
    "between the steps of a generation": lambda step: _entering(
        StageTrainer, "training_step", step + 1
    ),
    "in a line of a log": _in_a_line_of_the_log,
    "after model.safetensors": partial(_entering, Trainer, "_save_optimizer_and_scheduler"),
    "after optimizer.pt": partial(_entering, Trainer, "_save_rng_state"),
    "after rng_state.pth": partial(_entering, TrainerState, "save_to_json"),
}
CASES = [(moment, step) for step in (FIRST, SECOND) for moment in MOMENTS]
ALWAYS = [("after model.safetensors", SECOND), ("while completions are written", FIRST)]


def _run(recipe: dict[str, Any], arm: Callable[[], object] = lambda: None) -> int:
    """The exit code of a process of its own that arms its death and trains."""

    def train() -> None:
        arm()
        run_exp(recipe)

    return forked(train, Path(recipe["output_dir"]).with_suffix(".log"))


def _recipe(model: Path, data: Path, out: Path) -> dict[str, Any]:
    return grpo_recipe(model, data, out, **SETTINGS, rewards=[own_reward("vowels"), "format"])


@pytest.fixture(scope="module")
def whole(qwen2_5_vl: Path, rl_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "o"
    assert _run(_recipe(qwen2_5_vl, rl_data, out)) == 0
    return out


def _check_equal(out: Path, whole: Path) -> None:
    assert history(out) == history(whole)
    steps = [each["step"] for each in history(out)[1] if "loss" in each]
    assert steps == list(range(1, LAST + 1)), "no step twice"
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (out, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(("moment", "step"), CASES if os.environ.get("TAG_KILL_MATRIX") else ALWAYS)
def test_killed_and_started_again(
    moment: str, step: int, whole: Path, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    recipe = _recipe(qwen2_5_vl, rl_data, tmp_path / "o")
    assert _run(recipe, partial(MOMENTS[moment], step)) == -signal.SIGKILL
    assert not (tmp_path / "o/train_results.json").exists()
    assert _run(recipe) == 0
    _check_equal(tmp_path / "o", whole)


def test_a_finished_run_that_is_started_again_changes_nothing(
    whole: Path, qwen2_5_vl: Path, rl_data: Path
):
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(whole.rglob("*")) if path.is_file()}

    before = contents()
    assert _run(_recipe(qwen2_5_vl, rl_data, whole)) == 0
    assert contents() == before


@pytest.mark.skipif("TAG_KILL_MATRIX" not in os.environ, reason="the full matrix only")
def test_killed_in_the_final_save(whole: Path, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    recipe = _recipe(qwen2_5_vl, rl_data, tmp_path / "o")
    assert _run(recipe, partial(_entering, Trainer, "save_state", LAST)) == -signal.SIGKILL
    assert _run(recipe) == 0
    ours, theirs = (load_file(o / "model.safetensors") for o in (tmp_path / "o", whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
