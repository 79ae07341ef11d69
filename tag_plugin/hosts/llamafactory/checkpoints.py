"""Resuming from a checkpoint: from a whole one, and with its weights."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import is_zipfile

import torch
from llamafactory.extras.logging import get_logger
from safetensors import safe_open
from transformers import PreTrainedModel
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME

from tag_plugin.data.text_file import read_json_object

_WEIGHTS: Final = "model*.safetensors"
_ZERO: Final = "zero_pp_rank_"
_SHARDS: Final = f"*{_ZERO}*_optim_states.pt"
_RANK: Final = re.compile(rf"(?:{_ZERO}|rng_state_)(\d+)")

logger = get_logger("llamafactory.tag_plugin")  # a child of the host's logger


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
    ranks = [int(found[1]) for file in numbered if (found := _RANK.search(file.name))]
    return max(ranks, default=0) + 1


def _newest_first(folder: Path) -> list[Path]:
    numbered = (each for each in folder.glob("checkpoint-*") if each.is_dir())
    return sorted((e for e in numbered if _step_of(e) >= 0), key=_step_of, reverse=True)


def _step_of(checkpoint: Path) -> int:
    step = checkpoint.name.rpartition("-")[2]
    return int(step) if step.isdecimal() else -1


def _lacking(checkpoint: Path) -> list[str]:
    """A checkpoint of one process, of DDP or of FSDP; SageMaker's and XLA's files end otherwise."""
    optimizers = [each for each in checkpoint.glob("*optimizer*") if _is_whole(each)]
    scheduler = checkpoint / SCHEDULER_NAME
    return [
        *(() if optimizers else (OPTIMIZER_NAME,)),
        *(() if _is_whole(scheduler) else (SCHEDULER_NAME,)),
    ]


def _lacking_shards(checkpoint: Path) -> list[str]:
    """DeepSpeed: every process writes its part; `latest` names the folder and comes last."""
    try:
        folder = checkpoint / (checkpoint / "latest").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ["latest"]
    states = [*folder.glob("*model_states.pt")]
    shards = {int(found[1]) for each in folder.glob(_SHARDS) if (found := _RANK.search(each.name))}
    ranks = range(process_count(checkpoint))
    absent = [f"{folder.name}/*_{_ZERO}{rank}_*" for rank in ranks if rank not in shards]
    broken = [each.name for each in [*states, *folder.glob(_SHARDS)] if not _is_whole(each)]
    return [*(() if states else ("model_states.pt",)), *(absent if shards else ()), *broken]


def _is_whole(file: Path) -> bool:
    """Whether a file of torch.save was written to its end; a folder of shards names its parts."""
    return (file / ".metadata").is_file() if file.is_dir() else is_zipfile(file)


class RenamedWeights:
    """Makes a transformers Trainer find the weights of its own checkpoints; a base class.

    save_pretrained writes some families (Qwen2-VL, Qwen2.5-VL, LLaVA, GLM-4V, ...) under other
    names than the model's. transformers/trainer.py 4.57 and 5.6, `_load_from_checkpoint` and
    `_load_best_model`, read the file with load_state_dict and strict=False: not one name fits, and
    the run goes on with the weights that it started from.
    """

    model: Any
    state: Any
    is_fsdp_enabled: bool
    is_deepspeed_enabled: bool

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoint = Path(resume_from_checkpoint)
        if not self.is_fsdp_enabled and is_renamed(self.model, checkpoint):
            load_weights(self.model, checkpoint)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]  # the trainer's

    def _load_best_model(self) -> None:
        special = self.is_fsdp_enabled or self.is_deepspeed_enabled
        checkpoint = Path(self.state.best_model_checkpoint)
        if not special and is_renamed(self.model, checkpoint):
            load_weights(self.model, checkpoint)
        else:
            super()._load_best_model()  # type: ignore[misc]  # the trainer's


def is_renamed(model: Any, checkpoint: Path) -> bool:
    """Whether the files lack a weight by the name that it has in the model."""
    if not isinstance(model, PreTrainedModel):
        return False
    stored = {name for file in checkpoint.glob(_WEIGHTS) for name in _names(file)}
    return bool(stored) and any(name not in stored for name, _ in model.named_parameters())


def _names(file: Path) -> Iterator[str]:
    with safe_open(file, framework="pt") as tensors:
        yield from tensors.keys()


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
