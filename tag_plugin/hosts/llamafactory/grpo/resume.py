"""What the host's checkpoints lack for a GRPO run to go on as if it had never stopped."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from transformers import PreTrainedModel
from transformers.trainer import TRAINER_STATE_NAME
from trl.trainer.utils import RepeatSampler

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError


class EpochSampler(RepeatSampler):  # type: ignore[misc]  # the host ships no types
    """TRL's sampler, whose order follows from the seed and the epoch alone.

    TRL's own draws each epoch's order from a generator that a resumed run begins anew; and
    accelerate's skip_first_batches tells a sampler's `set_epoch` that the epoch is 0. So the
    trainer is asked. The first epoch's order is TRL's.
    """

    def __init__(self, like: RepeatSampler, *, shuffle: bool, epoch: Callable[[], int]) -> None:
        super().__init__(
            like.data_source,
            like.mini_repeat_count,
            like.batch_size,
            like.repeat_count,
            shuffle=shuffle,
            seed=like.seed,
        )
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        if self.shuffle:
            self.generator.manual_seed(self.seed + self._epoch())
        return super().__iter__()  # type: ignore[no-any-return]  # the host ships no types


def state_file(checkpoint: Path, process: int) -> Path:
    """Where one process keeps its state."""
    return checkpoint / f"grpo_state_{process}.pt"


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes the state in one go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save(dict(state), partial)
    partial.replace(path)


def load_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Reads it back: tensors and plain values only.

    Raises:
        GrpoError: the checkpoint has none, so it is not one of this stage.
    """
    if not path.is_file():
        raise GrpoError(
            f"{path} is missing: not a checkpoint of stage: grpo with as many processes; next: "
            "model_name_or_path: that checkpoint, without resume_from_checkpoint"
        )
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def last_whole_checkpoint(chosen: Path) -> Path | None:
    """The checkpoint that the host chose in the output directory, or an earlier one.

    A process that is killed while it writes a checkpoint leaves a part of one, and the host takes
    the last folder as it is. The trainer's state is the last file to be written.
    """
    earlier = sorted(chosen.parent.glob("checkpoint-*"), key=_step_of, reverse=True)
    usable = (each for each in earlier if _step_of(each) <= _step_of(chosen) and _is_whole(each))
    return next(usable, None)


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def saved_under_other_names(model: Any) -> bool:  # noqa: ANN401  # may be an adapter's model
    """Whether save_pretrained renames the weights, as for Qwen2-VL, Qwen2.5-VL and LLaVA.

    transformers/trainer.py 4.57: `_load_from_checkpoint` reads the file with load_state_dict and
    strict=False, which finds none of the renamed weights and goes on with those of the start.
    """
    return isinstance(model, PreTrainedModel) and bool(_renaming(model))


def load_weights(model: PreTrainedModel, checkpoint: Path) -> None:
    """Reads the weights of a checkpoint into a model of the same class.

    Raises:
        GrpoError: a weight is missing, or one is not the model's.
    """
    missing = {name for name, _ in model.named_parameters()}
    for file in sorted(checkpoint.glob("model*.safetensors")):
        stored = safetensors.torch.load_file(file)
        weights = {_renamed(name, _renaming(model)): each for name, each in stored.items()}
        unknown = model.load_state_dict(weights, strict=False).unexpected_keys
        if unknown:
            raise GrpoError(f"{file}: {unknown[0]} is not a weight of {type(model).__name__}")
        missing -= set(weights)
    if missing:
        raise GrpoError(f"{checkpoint}: no weight {min(missing)}; next: an earlier checkpoint")


def _renaming(model: PreTrainedModel) -> Mapping[str, str]:
    mapping: Mapping[str, str] = getattr(model, "_checkpoint_conversion_mapping", {})
    return mapping


def _renamed(name: str, mapping: Mapping[str, str]) -> str:
    """The first pattern that fits, as in transformers' own from_pretrained."""
    for pattern, replacement in mapping.items():
        new, hits = re.subn(pattern, replacement, name)
        if hits:
            return new
    return name
