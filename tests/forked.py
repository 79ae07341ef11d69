"""Calls in processes of their own that begin with all that this process has imported.

Imports are most of what a host's process costs; what is said of a start itself needs a real one.
"""

import gc
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

_FORK = multiprocessing.get_context("fork")
LONGEST = 900
"""Seconds; far more than anything here takes on a busy machine."""


def forked(call: Callable[[], object], log: Path, **environment: str) -> int:
    """The exit code of a process that makes this call; what it prints is added to `log`."""
    return ended(begun(call, log, **environment))


def as_command(main: Callable[[], object], *words: str) -> Callable[[], object]:
    """What the command `words` does, whose entry point is `main`."""

    def call() -> None:
        sys.argv = list(words)
        sys.exit(main())

    return call


def begun(call: Callable[[], object], log: Path, **environment: str) -> BaseProcess:
    """The process, at work."""
    process = _FORK.Process(target=_run, args=(call, log, environment))
    process.start()
    return process


def ended(process: BaseProcess, seconds: float = LONGEST) -> int:
    """Its exit code, -9 where it had to be killed at the end of that time."""
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def ranks(processes: int) -> list[dict[str, str]]:
    """What torchrun tells each process of a group on this machine; nothing where there is one."""
    if processes == 1:
        return [{}]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    group |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(processes))
    return [group | {"RANK": str(i), "LOCAL_RANK": str(i)} for i in range(processes)]


def _run(call: Callable[[], object], log: Path, environment: dict[str, str]) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for place in (1, 2, sys.stdout.fileno(), sys.stderr.fileno()):  # the latter two are pytest's
        os.dup2(out, place)
    os.environ |= environment
    gc.freeze()  # to look through what is inherited copies it
    _forget_the_parent()
    try:
        call()
    except SystemExit:
        raise
    except BaseException:  # noqa: BLE001  # whatever nobody catches, as the interpreter does
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


def _forget_the_parent() -> None:
    """What libraries have learnt there: that it is the only process, and whose their locks are."""
    if "accelerate" in sys.modules:
        from accelerate.state import AcceleratorState, GradientState

        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
    if "lmms_eval.evaluator" in sys.modules:  # it keeps one lock a file, for whoever asks
        from filelock._api import FileLockMeta

        for cell in FileLockMeta.__call__.__closure__ or ():
            if isinstance(cell.cell_contents, dict):
                cell.cell_contents.clear()
