"""How a training ends that is not trained to its end: one line instead of a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch.distributed as dist

from tag_plugin.hosts.llamafactory.checkpoints import (
    CheckpointError,
    newest_whole_checkpoint,
    no_room,
)
from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.hosts.llamafactory.resume_point import FinishedRunError
from tag_plugin.hosts.llamafactory.tag_run import RunRecorder
from tag_plugin.hosts.repairs import mends


class StoppedError(KeyboardInterrupt):
    """Ctrl-C; the message says how to go on."""


@contextmanager
def one_line_endings(run: RunRecorder) -> Iterator[None]:
    """Around a whole run.

    Raises:
        StoppedError: after Ctrl-C.
        CheckpointError: a disk that is full.
    """
    try:
        yield
    except FinishedRunError as finished:
        logger.info_rank0(str(finished))
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
    except OSError as error:
        if not no_room(error) or not mends("one_line_endings"):
            raise
        place = error.filename or getattr(run.training_args, "output_dir", "the disk")
        raise CheckpointError(
            f"{place}: no room to write ({error.strerror}); next: make room, then the same command"
        ) from error
    except KeyboardInterrupt:
        if not mends("one_line_endings"):
            raise
        raise StoppedError(_how_to_go_on(run.training_args)) from None


def _how_to_go_on(training_args: Any) -> str:
    if os.environ.get("RANK", "0") != "0":
        return ""  # of several processes only the first speaks
    if training_args is None:
        return "stopped before the training began; next: the same command"
    last = newest_whole_checkpoint(Path(training_args.output_dir))
    if getattr(training_args, "overwrite_output_dir", False) or last is None:
        reason = "no checkpoint was kept" if last is None else "overwrite_output_dir: true"
        return f"stopped; the same command begins anew ({reason})"
    return f"stopped; the same command goes on from {last}"


def install_excepthook() -> None:
    """An error of ours that nobody catches is printed as its one line; any other as before."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not kind.__module__.startswith("tag_plugin."):
            before(kind, error, trace)
        elif str(error):
            sys.stderr.write(f"tag-plugin: {error}\n")

    sys.excepthook = hook
