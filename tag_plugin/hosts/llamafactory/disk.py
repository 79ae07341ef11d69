"""A disk that is full, or a limit on the size of files: told in one line, with how to go on."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError

from tag_plugin.hosts.llamafactory.checkpoints import CheckpointError, newest_whole_checkpoint

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TORCH: Final = re.compile(r"inline_container|PytorchStreamWriter|No space left|File too large")


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
