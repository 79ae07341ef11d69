"""Resuming from a checkpoint: from a whole one, and with its weights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from llamafactory.extras.logging import get_logger
from safetensors import safe_open
from transformers import PreTrainedModel
from transformers.trainer import TRAINER_STATE_NAME

_WEIGHTS: Final = "model*.safetensors"

logger = get_logger("llamafactory.tag_plugin")  # a child of the host's logger


class CheckpointError(ValueError):
    """A checkpoint that a run cannot go on from; the message names it and the next command."""


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint in an output directory that was written to its end.

    A process that is killed while it writes a checkpoint leaves a part of one. The trainer's
    state is the last file to be written.
    """
    steps = sorted(filter(Path.is_dir, folder.glob("checkpoint-*")), key=_step_of, reverse=True)
    found = next(filter(_is_whole, steps), None)
    if steps and found != steps[0]:
        instead = "beginning anew" if found is None else f"resuming from {found}"
        logger.warning_rank0(f"{steps[0]} was not written to its end; {instead}")
    return found


def _step_of(checkpoint: Path) -> int:
    step = checkpoint.name.rpartition("-")[2]
    return int(step) if step.isdecimal() else -1


def _is_whole(checkpoint: Path) -> bool:
    if _step_of(checkpoint) < 0:
        return False
    try:
        json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


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

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ANN401  # host object
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


def is_renamed(model: Any, checkpoint: Path) -> bool:  # noqa: ANN401  # may be an adapter's model
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
