"""Resuming from a checkpoint, from a whole one and with its weights; and saving one.

A disk that is full, or a limit on the size of files, is told in one line, with how to go on.
"""

import errno
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel, Trainer
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME

from tag_plugin.data.text_file import read_json_object
from tag_plugin.hosts.llamafactory.log import logger

_WEIGHTS: Final = "model*.safetensors"
_ZERO: Final = "zero_pp_rank_"
_SHARDS: Final = f"*{_ZERO}*_optim_states.pt"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TORCH: Final = re.compile(r"inline_container|PytorchStreamWriter|No space left|File too large")
_RANK: Final = re.compile(rf"(?:{_ZERO}|rng_state_)(\d+)")


class CheckpointError(ValueError):
    """A checkpoint that a run cannot go on from; the message names it and the next command."""


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of an output directory that a run can go on from.

    A process that is killed while it writes a checkpoint leaves a part of one, which is passed
    over: the trainer's state is the last file to be written. Where nothing can be gone on from,
    but weights were saved to their end (the newest such checkpoint, or the directory itself once
    a run has ended there), these are returned: `resume_point` refuses them with a next step.
    """
    checkpoints = _newest_first(folder)
    chosen = chosen_checkpoint(folder)
    if checkpoints and chosen != checkpoints[0]:
        instead = "beginning anew" if chosen is None else f"resuming from {chosen}"
        logger.warning_rank0(f"{checkpoints[0]} {shortcoming(checkpoints[0])}; {instead}")
    return chosen


def chosen_checkpoint(folder: Path) -> Path | None:
    """`last_whole_checkpoint` without a word."""
    ended = (each for each in (*_newest_first(folder), folder) if read_state(each) is not None)
    return newest_whole_checkpoint(folder) or next(ended, None)


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that nothing is missing from, or None."""
    return next((each for each in _newest_first(folder) if shortcoming(each) is None), None)


def read_state(folder: Path) -> dict[str, Any] | None:
    """The trainer's state in a checkpoint or an output directory, or None without a whole one."""
    try:
        return read_json_object(folder / TRAINER_STATE_NAME)
    except (OSError, ValueError):
        return None


def shortcoming(checkpoint: Path) -> str | None:
    """What a checkpoint lacks for a run to go on from it, or None."""
    if read_state(checkpoint) is None:
        return "was not written to its end"
    lacking = _lacking_shards(checkpoint) if is_deepspeed(checkpoint) else _lacking(checkpoint)
    if not lacking:
        return None
    if any(checkpoint.glob("rng_state*.pth")):
        return f"has no whole {lacking[0]}"
    return f"holds weights only, no {lacking[0]} (save_only_model: true)"


def is_deepspeed(checkpoint: Path) -> bool:
    """Whether DeepSpeed wrote it."""
    return any(checkpoint.glob("global_step*"))


def is_fsdp(checkpoint: Path) -> bool:
    """Whether FSDP wrote it: one file or a folder of shards, where others write optimizer.pt."""
    return any(checkpoint.glob("optimizer*.bin")) or (checkpoint / "optimizer_0").is_dir()


def process_count(checkpoint: Path) -> int:
    """How many processes wrote it."""
    numbered = [*checkpoint.glob("rng_state_*.pth"), *checkpoint.glob(f"global_step*/{_SHARDS}")]
    return max(_ranks(numbered), default=0) + 1


def _ranks(files: Iterable[Path]) -> set[int]:
    """Of the processes that wrote these files."""
    return {int(match[1]) for file in files if (match := _RANK.search(file.name))}


def _newest_first(folder: Path) -> list[Path]:
    folders = filter(Path.is_dir, folder.glob("checkpoint-*"))
    steps = {each: each.name.rpartition("-")[2] for each in folders}
    numbered = {each: int(step) for each, step in steps.items() if step.isdecimal()}
    return sorted(numbered, key=numbered.__getitem__, reverse=True)


def _lacking(checkpoint: Path) -> list[str]:
    """A checkpoint of one process, of DDP or of FSDP; SageMaker's and XLA's files end otherwise."""
    whole = {
        OPTIMIZER_NAME: any(map(_is_whole, checkpoint.glob("*optimizer*"))),
        SCHEDULER_NAME: _is_whole(checkpoint / SCHEDULER_NAME),
    }
    return [name for name, is_there in whole.items() if not is_there]


def _lacking_shards(checkpoint: Path) -> list[str]:
    """DeepSpeed: every process writes its part; `latest` names the folder and comes last."""
    try:
        folder = checkpoint / (checkpoint / "latest").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ["latest"]
    states, shards = [*folder.glob("*model_states.pt")], [*folder.glob(_SHARDS)]
    lacking = sorted({*range(process_count(checkpoint))} - _ranks(shards)) if shards else ()
    return [
        *(() if states else ("model_states.pt",)),
        *(f"{folder.name}/*_{_ZERO}{rank}_*" for rank in lacking),
        *(each.name for each in (*states, *shards) if not _is_whole(each)),
    ]


def _is_whole(file: Path) -> bool:
    """Whether a file of torch.save was written to its end; a folder of shards names its parts."""
    return (file / ".metadata").is_file() if file.is_dir() else is_zipfile(file)


class RenamedWeights(Trainer):  # type: ignore[misc]  # the host ships no types
    """Makes a transformers Trainer find the weights of its own checkpoints; a base class.

    save_pretrained writes some families (Qwen2-VL, Qwen2.5-VL, LLaVA, GLM-4V, ...) under other
    names than the model's. transformers/trainer.py 4.57 and 5.6, `_load_from_checkpoint` and
    `_load_best_model`, read the file with load_state_dict and strict=False: not one name fits, and
    the run goes on with the weights that it started from.
    """

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoint = Path(resume_from_checkpoint)
        if not self.is_fsdp_enabled and is_renamed(self.model, checkpoint):
            load_weights(self.model, checkpoint)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_best_model(self) -> None:
        special = self.is_fsdp_enabled or self.is_deepspeed_enabled
        checkpoint = Path(self.state.best_model_checkpoint)
        if not special and is_renamed(self.model, checkpoint):
            load_weights(self.model, checkpoint)
        else:
            super()._load_best_model()


def is_renamed(model: Any, checkpoint: Path) -> bool:
    """Whether the files lack a weight by the name that it has in the model."""
    if not isinstance(model, PreTrainedModel):
        return False
    stored: set[str] = set()
    for file in checkpoint.glob(_WEIGHTS):
        with safe_open(file, framework="pt") as tensors:
            stored.update(tensors.keys())
    return bool(stored) and any(name not in stored for name, _ in model.named_parameters())


def load_weights(model: PreTrainedModel, checkpoint: Path) -> None:
    """Reads a checkpoint into a model of the same class, as from_pretrained names its weights.

    In float32 on the CPU, which loses nothing of a checkpoint that mixes precisions; each weight
    then takes the model's own precision and place.

    Raises:
        CheckpointError: a weight is missing, or one is not the model's.
    """
    stored, report = type(model).from_pretrained(
        checkpoint, dtype=torch.float32, output_loading_info=True
    )
    wrong = sorted([*report["missing_keys"], *report["unexpected_keys"]])
    if wrong:
        raise CheckpointError(
            f"{checkpoint}: {wrong[0]} is missing, or no weight of {type(model).__name__}; next: "
            "resume_from_checkpoint: an earlier checkpoint"
        )
    model.load_state_dict(stored.state_dict())
    logger.info_rank0(f"Read the weights of {checkpoint} under the model's own names.")


@contextmanager
def naming_the_disk(trainer: Any) -> Iterator[None]:
    """Around the saving of weights and checkpoints.

    Raises:
        CheckpointError: they could not be written for lack of room.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if not no_room(error):
            raise
        raise CheckpointError(no_room_line(trainer)) from error


def no_room(error: BaseException) -> bool:
    """Whether something could not be written for lack of room; torch says so in its own way."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return bool(_TORCH.search(str(error)))


def no_room_line(trainer: Any) -> str:
    """Where, how much, and how the run goes on."""
    out = Path(trainer.args.output_dir)
    last = newest_whole_checkpoint(out)
    needed = _size(last) if last else _estimate(trainer)
    free = shutil.disk_usage(out).free
    limited = " (so it is a quota, or a limit on the size of files)" if free > needed else ""
    after = f"goes on from {last}" if last else "begins anew"
    return (
        f"{out}: no room to save checkpoint-{trainer.state.global_step}: it needs about "
        f"{_gigabytes(needed)}, {_gigabytes(free)} are free{limited}; next: make "
        f"room (or a smaller save_total_limit), then the same command {after}"
    )


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def _estimate(trainer: Any) -> int:
    """Weights as they are, and 12 bytes of the optimizer for each that trains."""
    weights = [*trainer.model.parameters()]
    return sum(w.numel() * (w.element_size() + 12 * w.requires_grad) for w in weights)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.3g} GB"
