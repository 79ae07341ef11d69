"""What a trainer of transformers lacks to go on from a checkpoint as if it had never stopped."""

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from llamafactory.extras.constants import TRAINER_LOG
from llamafactory.train.callbacks import LogCallback
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.text_file import TextFileError, json_lines, read_json_object
from tag_plugin.hosts.llamafactory.checkpoints import RenamedWeights, naming_the_disk, read_state

_RATES: Final = ("_samples_per_second", "_steps_per_second", "_tokens_per_second")


@dataclass(frozen=True, slots=True)
class Progress:
    """What one process knows between two log lines; transformers keeps none of it.

    Attributes:
        logged_loss: the sum of the losses of all steps up to the last log line.
        unlogged_loss: of the steps since then.
        last_logged: the step of that line.
        seconds: how long the steps so far took.
    """

    logged_loss: float = 0.0
    unlogged_loss: float = 0.0
    last_logged: int = 0
    seconds: float = 0.0


def progress_file(checkpoint: Path, process: int) -> Path:
    """Where one process keeps its progress."""
    return checkpoint / f"tag_progress_{process}.json"


def read_progress(checkpoint: Path, process: int, step: int) -> Progress:
    """The progress at a checkpoint; one that was written without us has none to tell."""
    try:
        return Progress(**read_json_object(progress_file(checkpoint, process)))
    except (OSError, ValueError, TypeError):
        return Progress(last_logged=step)


class ExactResume(RenamedWeights):
    """Makes a transformers Trainer go on without a seam; a base class.

    transformers/trainer.py 4.57, `_inner_training_loop`: a resumed run averages the loss of its own
    steps over all steps, forgets those since the last log line, and trains one step more when the
    checkpoint is that of the last step and an epoch is not over.
    """

    _progress = Progress()

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The trainer's own, from where the checkpoint's steps and losses ended."""
        self._resumed_step, self._progress, self._started = 0, Progress(), time.monotonic()
        if resume_from_checkpoint:
            checkpoint, rank = Path(resume_from_checkpoint), self.args.process_index
            self._resumed_step = int((read_state(checkpoint) or {}).get("global_step") or 0)
            self._progress = read_progress(checkpoint, rank, self._resumed_step)
        self._carried, self._unlogged = self._progress.unlogged_loss, 0.0
        self.nothing_left = False
        self.add_callback(_Continue(self))
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def set_initial_training_values(self, *args: Any) -> Any:
        """The trainer's own; no epoch is left where the last step was trained already."""
        epochs, steps_an_epoch, *rest = super().set_initial_training_values(*args)
        if self._resumed_step >= rest[-1]:
            epochs = self._resumed_step // steps_an_epoch
            self.nothing_left = True
        return (epochs, steps_an_epoch, *rest)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """The trainer's own; the first of a resumed run brings the losses that were not logged."""
        loss = super().training_step(*args, **kwargs)
        carried, self._carried = self._carried, 0.0
        return loss + carried if carried else loss

    def continue_losses(self) -> None:
        """Called when the trainer has set its sums to nothing."""
        unbrought = self._carried if self.nothing_left else 0.0  # no step will bring these
        self._total_loss_scalar = self._progress.logged_loss + unbrought
        if self._resumed_step:
            self._globalstep_last_logged = self._progress.last_logged
        self._started = time.monotonic() - self._progress.seconds

    def _maybe_log_save_evaluate(self, tr_loss: Any, *args: Any, **kwargs: Any) -> None:
        self._unlogged = tr_loss  # set to nothing in place when a line is logged
        super()._maybe_log_save_evaluate(tr_loss, *args, **kwargs)

    def _save_rng_state(self, output_dir: str) -> None:
        """Comes just before the trainer's state, which says that a checkpoint is whole."""
        super()._save_rng_state(output_dir)
        progress = Progress(
            self._total_loss_scalar,
            float(self._unlogged),
            self._globalstep_last_logged,
            time.monotonic() - self._started,
        )
        file = progress_file(Path(output_dir), self.args.process_index)
        write_text(file, json.dumps(asdict(progress)) + "\n")
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with naming_the_disk(self):
            super()._save_checkpoint(model, trial)

    def save_model(self, *args: Any, **kwargs: Any) -> None:
        """The trainer's own; a full disk is named."""
        with naming_the_disk(self):
            super().save_model(*args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """The trainer's own; the last line counts the time before the stop as well."""
        before, runtime = self._progress.seconds, logs.get("train_runtime")
        if before and runtime is not None:
            whole = runtime + before
            rates = {k: v * runtime / whole for k, v in logs.items() if k.endswith(_RATES)}
            logs |= {name: round(rate, 3) for name, rate in rates.items()}
            logs["train_runtime"] = round(whole, 4)
        super().log(logs, *args, **kwargs)


def resuming_exactly(modules: Sequence[str], train: Callable[..., Any]) -> Callable[..., Any]:
    """Trainer.train, which makes the trainers of these modules resume exactly."""

    @functools.wraps(train)
    def train_exactly(self: Any, *args: Any, **kwargs: Any) -> Any:
        trainer = type(self)
        if trainer.__module__ not in modules or isinstance(self, ExactResume):
            return train(self, *args, **kwargs)
        names = {"__module__": trainer.__module__, "__doc__": trainer.__doc__}
        self.__class__ = type(trainer.__name__, (ExactResume, trainer), names)
        return self.train(*args, **kwargs)

    return train_exactly


class _Continue(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Takes up sums, clock and log where the checkpoint left them."""

    def __init__(self, trainer: ExactResume) -> None:
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._trainer.continue_losses()
        for callback in self._trainer.callback_handler.callbacks:
            if isinstance(callback, LogCallback):
                callback.start_time -= self._trainer._progress.seconds
        if args.should_save:
            out = Path(args.output_dir)
            if self._trainer.nothing_left:  # no save comes that would remove the older ones
                self._trainer._rotate_checkpoints(use_mtime=True, output_dir=str(out))
            cut_log(out / TRAINER_LOG, state.global_step, len(state.log_history))
            (out / TRAINER_STATE_NAME).unlink(missing_ok=True)  # it says that a run has ended


def cut_log(path: Path, step: int, lines: int) -> None:
    """Forgets what a log says of later steps, half a line, and the line that ends a training.

    Args:
        path: LLaMA-Factory's trainer_log.jsonl, which has a line for each entry of log_history.
        step: the last step to keep.
        lines: how many entries log_history has at that step.
    """
    bad: list[TextFileError] = []
    lines_there = json_lines(path, bad.append) if path.is_file() else ()
    logged = [line for _, line in lines_there if isinstance(line, dict)]
    kept = [line for line in logged if (line.get("current_steps") or 0) <= step][:lines]
    if bad or len(kept) < len(logged):
        write_text(path, "".join(json.dumps(each) + "\n" for each in kept))


def keeping_the_epoch(skip: Callable[..., Any]) -> Callable[..., Any]:
    """Accelerate's skip_first_batches, whose loader would begin again with epoch 0.

    accelerate/data_loader.py 1.11: the order of an epoch follows from `iteration`, which the new
    loader sets to 0 and tells to the sampler, so that a run resumed in its second epoch would see
    the order of the first.
    """

    @functools.wraps(skip)
    def skip_first_batches(dataloader: Any, num_batches: int = 0) -> Any:
        rest = skip(dataloader, num_batches)
        rest.iteration = getattr(dataloader, "iteration", 0)
        return rest

    return skip_first_batches
