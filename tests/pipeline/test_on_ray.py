"""Stages on a Ray cluster of two nodes: the files of a local run, whatever dies on the way."""

import json
import signal
import subprocess
import sys
import time
from threading import Thread

import pytest

from tag_plugin.pipeline.detect import DetectSettings, detect
from tag_plugin.pipeline.outcomes import StageError
from tests.pipeline.detected_rows import write_prepared

pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

ROWS = 1500
RUN = """
import sys
from pathlib import Path
from tag_plugin.pipeline.detect import DetectSettings, detect
directory = Path(sys.argv[1])
options = {"rows": directory / "cached.jsonl"}
detect(DetectSettings(directory, "cached", options, workers=2, ray=sys.argv[2]))
"""


@pytest.fixture(scope="module")
def cluster():
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
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
    parts = directory / "detected" / "parts"
    while len(list(parts.glob("*.jsonl"))) < count:
        time.sleep(0.005)


@pytest.mark.slow
def test_a_node_that_dies_has_its_parts_made_elsewhere(cluster, local, tmp_path):
    directory = tmp_path / "ferplus"
    node = cluster.add_node(num_cpus=1)

    def end_the_node():
        wait_for_parts(directory, 1)
        cluster.remove_node(node, allow_graceful=False)

    ending = Thread(target=end_the_node)
    ending.start()
    run(directory, ray=cluster.address, workers=3)
    ending.join()
    assert files_of(directory) == local


@pytest.mark.slow
def test_a_driver_that_was_killed_goes_on(cluster, local, tmp_path):
    directory = tmp_path / "ferplus"
    write_prepared(directory, ROWS, ["train"])
    command = [sys.executable, "-c", RUN, str(directory), cluster.address]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as driver:
        wait_for_parts(directory, 2)
        driver.send_signal(signal.SIGKILL)
    assert not (directory / "detected" / "train.jsonl").exists()
    again = run(directory, ray=cluster.address, workers=2)
    assert again.splits["train"]["resumed_at"] > 0
    assert files_of(directory) == local


def test_nobody_at_the_address_is_one_line(tmp_path):
    with pytest.raises(StageError, match=r"--ray 127\.0\.0\.1:1: .*; next: ray status") as error:
        run(tmp_path / "ferplus", ray="127.0.0.1:1")
    assert "\n" not in str(error.value)
