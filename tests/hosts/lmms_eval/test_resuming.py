"""kill -9 in an evaluation with --use_cache: the same again asks at most one batch twice."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tag_plugin.hosts.lmms_eval.patches import answers_kept
from tag_plugin.hosts.lmms_eval.resuming import recover

pytestmark = pytest.mark.host

N, BATCH = 300, 16


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Model:
    """Answers by number, and writes down what it is asked; dies at a batch if it is told to."""

    batch_size = BATCH

    def __init__(self, log: Path, last_batch: int | None = None) -> None:
        self.log, self.left = log, last_batch

    def generate_until(self, requests: list[Any]) -> list[str]:
        with self.log.open("a") as log:
            log.writelines(f"{request.doc_id}\n" for request in requests)
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                die()
        return [f"answer {request.doc_id}" for request in requests]


def evaluated(root: Path, log: Path, arrange: Callable[[Any], Model] | None = None) -> list[str]:
    """One evaluation as the host runs it: cache, answers, merge into the shared cache."""
    from lmms_eval.api.instance import Instance
    from lmms_eval.caching import response_cache

    model = arrange(response_cache) if arrange else Model(log)
    arguments = ("a question", {"max_new_tokens": 8}, None)
    requests = [
        Instance(
            "generate_until",
            (*arguments, number, "tag_synth", "test"),
            0,
            {"task": "tag_synth", "doc_id": number, "repeats": 1},
        )
        for number in range(N)
    ]
    with answers_kept(str(root)):
        cache = response_cache.ResponseCache.create(str(root), model="m", task_dict={})
        answers = cache.execute(model, "generate_until", requests)
        cache.finalize(success=True)
    return list(answers)


def killed(root: Path, log: Path, arrange: Callable[[Any], Model]) -> None:
    """The same in a process that ends by SIGKILL."""
    child = os.fork()
    if child == 0:
        evaluated(root, log, arrange)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it was killed"


def at_batch(number: int) -> Callable[[Path], Callable[[Any], Model]]:
    return lambda log: lambda host: Model(log, number)


def at_call(name: str, number: int = 1) -> Callable[[Path], Callable[[Any], Model]]:
    """Dies in the `number`th call of a function of the host's cache."""

    def arrange(log: Path, host: Any) -> Model:
        original, calls = getattr(host.ResponseCache, name), []

        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            return die() if len(calls) == number else original(*args, **kwargs)

        setattr(host.ResponseCache, name, counted)
        return Model(log)

    return lambda log: lambda host: arrange(log, host)


MOMENTS = {
    "in the first batch": at_batch(1),
    "in the ninth batch": at_batch(9),
    "in the last batch": at_batch(19),
    "between two answers of a batch": at_call("_store", 100),
    "after the last answer": at_call("finalize"),
    "in the merge, which it had locked": at_call("merge_audit_logs"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_evaluation_goes_on(tmp_path, moment):
    log = tmp_path / "asked"
    killed(tmp_path / "cache", log, MOMENTS[moment](log))
    before = log.read_text().split()
    answers = evaluated(tmp_path / "cache", log)
    asked = log.read_text().split()
    assert answers == [f"answer {number}" for number in range(N)]
    assert len(asked) - N <= BATCH
    assert set(asked) == {str(number) for number in range(N)}
    if moment.startswith(("after", "in the merge")):
        assert asked == before, "nothing was asked again"
    assert not list((tmp_path / "cache/runs").glob(".merge.lock"))
    assert evaluated(tmp_path / "cache", log) == answers
    assert log.read_text().split() == asked, "the third run asks nothing"


def test_a_lock_of_a_living_process_is_respected(tmp_path, monkeypatch):
    from lmms_eval.caching import response_cache

    runs = tmp_path / "runs"
    (runs / ".merge.lock").mkdir(parents=True)
    held = f'{{"pid": {os.getpid()}, "hostname": "{os.uname().nodename}"}}'
    (runs / ".merge.lock/owner.json").write_text(held)
    recover(tmp_path, response_cache)
    assert (runs / ".merge.lock").is_dir()
    os.utime(runs / ".merge.lock", (1, 1))
    recover(tmp_path, response_cache)
    assert not (runs / ".merge.lock").exists(), "no merge takes so long"


def test_a_run_that_died_before_its_tables_were_made_is_passed_over(tmp_path):
    from lmms_eval.caching import response_cache

    run = tmp_path / "runs/dead"
    run.mkdir(parents=True)
    (run / "rank_0.db").write_bytes(b"")
    recover(tmp_path, response_cache)
    assert (tmp_path / "cache.db").is_file()


def test_without_a_tag_evaluation_the_host_asks_as_before(tmp_path):
    from lmms_eval.caching import response_cache

    sizes = []
    model = SimpleNamespace(
        generate_until=lambda requests: sizes.append(len(requests)) or ["a"] * 3
    )
    requests = [SimpleNamespace(args=("q", {}), task_name="t", doc_id=i, idx=0) for i in range(3)]
    cache = response_cache.ResponseCache.create(str(tmp_path), model="m", task_dict={})
    assert cache.execute(model, "generate_until", requests) == ["a"] * 3
    assert sizes == [3]
