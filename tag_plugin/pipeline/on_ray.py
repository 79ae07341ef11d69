"""Parts on a Ray cluster: one actor a worker; what a lost node had is done again elsewhere.

Ray is the extra `ray`. The nodes need this package and the data directory under the same path.
"""

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.parallel import OpenWorker

Input = TypeVar("Input")
Result = TypeVar("Result")

LONGEST_WAIT: Final = 300.0
"""Seconds in which the cluster must give one worker."""
CONNECT: Final = 10.0
"""Seconds in which somebody must answer at the cluster's address."""
MOST_LOSSES: Final = 3
"""An input that has so often lost its worker is what ends them."""


class Worker:
    """Runs as an actor: opens the worker where the driver's relative paths mean the same."""

    def __init__(self, open_worker: OpenWorker[Any, Any], folder: str) -> None:
        with suppress(OSError):
            os.chdir(folder)
        self._stack = ExitStack()
        self._work = self._stack.enter_context(open_worker())

    def ready(self) -> None:
        """Returns once the worker is open."""

    def work(self, each: Any) -> Any:  # noqa: ANN401  # what the worker takes and gives
        """The result of one input."""
        return self._work(each)


def ray_map(
    open_worker: OpenWorker[Input, Result],
    inputs: Iterable[Input],
    address: str,
    workers: int,
    gpus: float,
) -> Iterator[Result]:
    """The result of every input, as they come.

    Raises:
        StageError: Ray is not installed, nobody is at the address, the cluster has no room for a
            worker, or an input ends its workers.
    """
    ray = _connected(address)
    try:
        resources = ray.cluster_resources()
        room = resources.get("GPU", 0) / gpus if gpus else resources.get("CPU", 1)
        yield from Actors(ray, open_worker, gpus).map(iter(inputs), workers or max(1, int(room)))
    finally:
        ray.shutdown()


def ray_library() -> Any:  # noqa: ANN401  # a module without type information
    """Ray without what it does unasked: usage statistics, and a copy of the environment a worker.

    Under `uv run` Ray would copy the working directory to each node and start the workers in it by
    the driver's own command; the nodes have this package already.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    try:
        import ray
    except ImportError:
        raise StageError('--ray needs Ray; next: pip install "tag-plugin[ray]"') from None
    return ray


def _connected(address: str) -> Any:  # noqa: ANN401  # see `ray_library`
    ray = ray_library()
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        settings["include_dashboard"] = False
    try:
        _require_somebody(address)
        ray.init(address, **settings)
    except Exception as error:  # noqa: BLE001  # Ray raises a bare one where it cannot start
        reason = " ".join(str(error).split())[:200]
        raise StageError(f"--ray {address}: {reason}; next: ray status") from None
    return ray


def _require_somebody(address: str) -> None:
    """Ray itself tries for minutes to reach a HOST:PORT where nobody is."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT).close()


class Actors:
    """Gives an actor its next input when it is idle; a lost one is replaced."""

    def __init__(self, ray: Any, open_worker: OpenWorker[Any, Any], gpus: float) -> None:  # noqa: ANN401  # see `_connected`
        self._ray = ray
        self._new = ray.remote(num_cpus=1, num_gpus=gpus)(Worker).remote
        self._arguments = (ray.put(open_worker), str(Path.cwd()))
        self._opening: dict[Any, Any] = {}
        self._working: dict[Any, tuple[Any, Any]] = {}
        self._losses: Counter[Any] = Counter()

    def map(self, inputs: Iterator[Any], workers: int) -> Iterator[Any]:
        """The result of every input, as they come; StageError where that cannot be."""
        left = deque(islice(inputs, 1))
        idle: list[Any] = []
        for _ in range(workers if left else 0):
            self._open()
        while left or self._working:
            while idle and left:
                actor, each = idle.pop(), left.popleft()
                self._working[actor.work.remote(each)] = (actor, each)
                left.extend(islice(inputs, 0 if left else 1))
            reference = self._first()
            actor, each = self._working.pop(reference, (None, None))
            actor = actor or self._opening.pop(reference)
            try:
                result = self._ray.get(reference)
            except self._ray.exceptions.RayActorError as error:
                self._lost(each, error)
                left.extend([] if each is None else [each])
                continue
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            idle.append(actor)
            if each is None:
                self._losses.pop(id(None), None)
            else:
                yield result

    def _open(self) -> None:
        actor = self._new(*self._arguments)
        self._opening[actor.ready.remote()] = actor

    def _first(self) -> Any:  # noqa: ANN401  # a reference of Ray's
        """What ends first of what was begun."""
        while True:
            begun = [*self._working, *self._opening]
            ended, _ = self._ray.wait(begun, num_returns=1, timeout=LONGEST_WAIT)
            if ended:
                return ended[0]
            if not self._working:
                raise StageError(
                    f"the Ray cluster gave no worker in {LONGEST_WAIT:.0f} seconds; next: see what "
                    "`ray status` has free"
                )

    def _lost(self, each: Any, error: Exception) -> None:  # noqa: ANN401  # an input of any kind
        """An actor is gone with its node, or with what it was doing."""
        self._losses[id(each)] += 1
        if self._losses[id(each)] > MOST_LOSSES:
            what = "cannot open" if each is None else "died"
            reason = " ".join(str(error).split())[-300:]
            raise StageError(f"workers on Ray {what}: {reason}") from None
        self._open()
