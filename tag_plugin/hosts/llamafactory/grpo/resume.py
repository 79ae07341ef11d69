"""What TRL's and the host's checkpoints lack for a GRPO run to go on as if it had never stopped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError


def state_file(checkpoint: Path, process: int) -> Path:
    """Where one process keeps its state."""
    return checkpoint / f"grpo_state_{process}.pt"


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes the state in one go."""
    with atomic_write(path) as partial:
        torch.save(dict(state), partial)


def check_state(path: Path) -> None:
    """Refuses a checkpoint that is not of this stage, or of another number of processes.

    Raises:
        GrpoError: it holds no such file.
    """
    if not path.is_file():
        raise GrpoError(
            f"resume_from_checkpoint: {path} is missing: not a checkpoint of stage: grpo with as "
            "many processes; next: model_name_or_path: that checkpoint, without "
            "resume_from_checkpoint"
        )


def load_state(path: Path, device: torch.device) -> Any:
    """Reads it back: tensors and plain values only.

    Raises:
        GrpoError: as `check_state`.
    """
    check_state(path)
    return torch.load(path, map_location=device, weights_only=True)
