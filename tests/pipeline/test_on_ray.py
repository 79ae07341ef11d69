"""Stages on Ray: the files of a local run, whatever dies on the way."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from tag_plugin.pipeline.detect import DetectSettings, detect
from tag_plugin.pipeline.on_ray import Actors, ray_library
from tag_plugin.pipeline.outcomes import StageError
from tests.pipeline.detected_rows import write_prepared


class FakeRay:
    """Actors that run in this process when they are waited for; `fate` says what becomes of each.

    A fate is asked with the number of the actor and its input (None while it opens): "ok", "lost",
    "wrong" or "never".
    """

    class exceptions:  # noqa: N801  # as in ray
        RayActorError = type("RayActorError", (Exception,), {})
        RayTaskError = type("RayTaskError", (Exception,), {})

    def __init__(self, fate):
        self.fate, self.made = fate, 0

    def remote(self, **resources):
        return lambda worker: FakeHandle(lambda *args: FakeActor(self, worker, args))

    def put(self, value):
        return value

    def wait(self, references, num_returns, timeout):
        ready = [each for each in references if self.fate(each.number, each.input) != "never"]
        return ready[:1], []

    def get(self, reference):
        fate = self.fate(reference.number, reference.input)
        if fate == "lost":
            raise self.exceptions.RayActorError(f"actor {reference.number} died\nof something")
        if fate == "wrong":
            error = self.exceptions.RayTaskError("a remote traceback")
            error.cause = LookupError(f"input {reference.input}")
            raise error
        return reference.work(reference.input) if reference.input is not None else None


class FakeHandle:
    def __init__(self, call):
        self.remote = call


class FakeReference:
    def __init__(self, number, each, work):
        self.number, self.input, self.work = number, each, work


class FakeActor:
    def __init__(self, ray, worker, args):
        ray.made += 1
        number, made = ray.made, worker(*args)
        self.ready = FakeHandle(lambda: FakeReference(number, None, None))
        self.work = FakeHandle(lambda each: FakeReference(number, each, made.work))


@contextmanager
def squares():
    yield lambda number: number * number


def fates(**by_name):
    """What becomes of (actor, input), by words such as lost=[(1, 4)]; the rest is well."""
    table = {pair: name for name, pairs in by_name.items() for pair in pairs}
    return lambda actor, each: table.get((actor, each), "ok")


@pytest.mark.parametrize(
    ("fate", "made"),
    [
        (fates(), 2),
        (fates(lost=[(1, 0), (2, 0)]), 4),  # an input that loses two actors
        (fates(lost=[(2, 9), (1, 8)]), 4),  # at the very end
        (fates(lost=[(1, None), (2, None), (3, None)]), 5),  # while they open
        (fates(never=[(2, None)]), 2),  # an actor that the cluster has no room for
    ],
)
def test_every_input_is_worked_on_once_whatever_is_lost(fate, made):
    ray = FakeRay(fate)
    results = list(Actors(ray, squares, 0).map(iter(range(10)), 2))
    assert sorted(results) == [n * n for n in range(10)]
    assert ray.made == made


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (lambda actor, each: "lost" if each == 3 else "ok", "workers on Ray died: actor .* died"),
        (lambda actor, each: "lost" if each is None else "ok", "workers on Ray cannot open: actor"),
        (lambda actor, each: "never" if each is None else "ok", "gave no worker in .*ray status"),
    ],
)
def test_what_cannot_go_on_ends_in_one_line(fate, said):
    with pytest.raises(StageError, match=said) as error:
        list(Actors(FakeRay(fate), squares, 0).map(iter(range(10)), 2))
    assert "\n" not in str(error.value)


def test_an_error_of_the_work_is_the_error_itself():
    with pytest.raises(LookupError, match="input 4"):
        list(Actors(FakeRay(fates(wrong=[(1, 4), (2, 4)])), squares, 0).map(iter(range(10)), 2))


def test_no_input_opens_no_actor():
    ray = FakeRay(fates())
    assert list(Actors(ray, squares, 0).map(iter(()), 2)) == []
    assert ray.made == 0


def test_inputs_are_taken_only_as_needed():
    taken = []
    results = Actors(FakeRay(fates()), squares, 0).map((taken.append(n) or n for n in range(99)), 2)
    for _ in range(10):
        next(results)
    assert len(taken) <= 14


ROWS = 1500
RUN = """
import sys
from pathlib import Path
from tag_plugin.pipeline.detect import DetectSettings, detect
directory = Path(sys.argv[1])
options = {"rows": directory / "cached.jsonl"}
detect(DetectSettings(directory, "cached", options, workers=int(sys.argv[3]), ray=sys.argv[2]))
"""


def driver(directory, cluster, workers):
    """A process that has not imported Ray for something else: Ray reads its settings then."""
    write_prepared(directory, ROWS, ["train"])
    return [sys.executable, "-c", RUN, str(directory), cluster.address, str(workers)]


def add_node(cluster):
    """Ray gives a node 15 seconds to start, which a busy machine does not always do."""
    for _ in range(5):
        with suppress(Exception):  # a bare one of Ray's
            return cluster.add_node(num_cpus=1, include_dashboard=False)
    return cluster.add_node(num_cpus=1, include_dashboard=False)


@pytest.fixture(scope="module")
def cluster():
    ray_library()  # before Ray is imported: it reads its settings then
    from ray.cluster_utils import Cluster

    made = Cluster()
    for _ in range(2):
        add_node(made)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    directory = tmp_path_factory.mktemp("local") / "ferplus"
    run(directory)
    return files_of(directory)


def run(directory, **how):
    options = {"rows": write_prepared(directory, ROWS, ["train"])}
    return detect(DetectSettings(directory, "cached", options, **how))


def files_of(directory):
    files = {str(path.relative_to(directory)): path for path in directory.rglob("*")}
    content = {name: path.read_bytes() for name, path in files.items() if path.is_file()}
    manifest = json.loads(content["detect.json"])
    for summary in manifest["splits"].values():
        del summary["resumed_at"], summary["inputs_per_second"]
    return content | {"detect.json": manifest}


def wait_for_parts(directory, count):
    parts, end = directory / "detected" / "parts", time.monotonic() + 180
    while len(list(parts.glob("*.jsonl"))) < count:
        assert time.monotonic() < end, "no part was made"
        time.sleep(0.005)


@pytest.mark.slow
def test_a_node_that_dies_has_its_parts_made_elsewhere(cluster, local, tmp_path):
    directory = tmp_path / "ferplus"
    node = add_node(cluster)

    def end_the_node():
        wait_for_parts(directory, 1)
        cluster.remove_node(node, allow_graceful=False)

    ending = Thread(target=end_the_node)
    ending.start()
    subprocess.run(driver(directory, cluster, 3), check=True)
    ending.join()
    assert files_of(directory) == local


@pytest.mark.slow
def test_a_driver_that_was_killed_goes_on(cluster, local, tmp_path):
    directory = tmp_path / "ferplus"
    command = driver(directory, cluster, 2)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as killed:
        wait_for_parts(directory, 2)
        killed.send_signal(signal.SIGKILL)
    assert not (directory / "detected" / "train.jsonl").exists()
    subprocess.run(command, check=True)
    manifest = json.loads((directory / "detect.json").read_text())
    assert manifest["splits"]["train"]["resumed_at"] > 0
    assert files_of(directory) == local


@pytest.mark.slow
def test_nobody_at_the_address_is_one_line(tmp_path):
    with pytest.raises(StageError, match=r"--ray 127\.0\.0\.1:1: .*; next: ray status") as error:
        run(tmp_path / "ferplus", ray="127.0.0.1:1")
    assert "\n" not in str(error.value)
