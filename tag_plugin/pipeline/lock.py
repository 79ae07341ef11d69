"""One run at a time makes a part: the second one is refused, and a killed one leaves no lock."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import gcd
from pathlib import Path

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.parts import Share


@contextmanager
def locked(directory: Path, output: str, share: Share) -> Iterator[None]:
    """Around making a share of the parts of DIRECTORY/<output>.

    The lock is the kernel's, on a file beside the folder, and goes with the process. Two shares
    exclude each other where they have a part in common. Where the file system has no locks there
    is none: parts are written whole and come out equal, so that two runs only waste time.

    Raises:
        StageError: another run makes some of these parts.
    """
    directory.mkdir(parents=True, exist_ok=True)
    own = directory / f"{output}-{share.index}-of-{share.count}.lock"
    with _held(own, directory / output):
        for path in directory.glob(f"{output}-*.lock"):
            if path != own and _overlap(path, output, share):
                with _held(path, directory / output):  # nobody has it: a killed run left it
                    pass
        yield


def _overlap(path: Path, output: str, share: Share) -> bool:
    match = re.fullmatch(rf"{re.escape(output)}-(\d+)-of-(\d+)\.lock", path.name)
    return match is not None and (
        (int(match[1]) - share.index) % gcd(int(match[2]), share.count) == 0
    )


@contextmanager
def _held(path: Path, output: Path) -> Iterator[None]:
    with ExitStack() as stack:
        while True:
            file = stack.enter_context(path.open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageError(
                    f"{output} is being made by another run; next: wait until it ends, then the "
                    "same command again"
                ) from None
            except OSError:  # a file system without locks
                break
            if _is_at(path, file.fileno()):
                break  # else it was removed by the run that had it
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
