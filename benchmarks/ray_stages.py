"""Stages on a Ray cluster of two nodes on this machine, beside two local processes.

    python benchmarks/ray_stages.py                          # 2,000 drawn faces
    python benchmarks/ray_stages.py --faces 200 --no-kills   # a quick look

    equal        prepare, quality, detect and build give the files of a local run, all but timings
    node_dies    so they do when a node dies in the middle of quality
    driver_dies  and when the driver is killed with -9 in the middle of quality and run again
    throughput   inputs a second of quality with every limit, workers being started among it: two
                 on Ray over two local processes

Prints JSON. The landmark model is found as `tag-plugin quality` finds it.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from ray.cluster_utils import Cluster

from tag_plugin.data.synthetic.prepare import prepare_synth

TIMINGS = ("resumed_at", "inputs_per_second")
MODULE = [sys.executable, "-m", "tag_plugin"]


def stages(pictures: Path, data: Path) -> dict[str, list[str]]:
    """The commands, without how they are run."""
    synth, mine = str(data / "synth"), ["--root", str(pictures), "--name", "mine"]
    return {
        "prepare": ["prepare", "folder", *mine, "--out", str(data), "--frame", "whole"],
        "quality": ["quality", synth, "--set", "yaw_max=90"],
        "detect": ["detect", synth, "--detector", "synthetic"],
        "build": ["build", synth],
    }


def run(words: list[str]) -> float:
    """Seconds of one command."""
    begin = time.perf_counter()
    done = subprocess.run([*MODULE, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begin


def files_of(data: Path) -> dict[str, Any]:
    """Every file by name; of the manifests, all but the timings."""
    content: dict[str, Any] = {}
    for path in data.rglob("*"):
        if not path.is_file() or path.suffix == ".png":
            continue
        name = str(path.relative_to(data))
        content[name] = path.read_bytes()
        if name.count("/") == 1 and name.endswith(".json"):
            content[name] = json.loads(content[name])
            for summary in content[name].get("splits", {}).values():
                for timing in TIMINGS:
                    summary.pop(timing, None)
    return content


def drawn(folder: Path, faces: int) -> Path:
    """Drawn faces in folder/base, and as a folder of classes in folder/pictures."""
    test = dev = faces // 10
    prepare_synth(folder / "base", {"train": faces - dev - test, "dev": dev, "test": test})
    for split in ("train", "dev", "test"):
        for number, picture in enumerate(sorted((folder / "base/synth/images" / split).iterdir())):
            emotion = ("happiness", "sadness", "anger")[number % 3]
            target = folder / "pictures" / split / emotion / picture.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, target)
    return folder / "base"


def fresh(folder: Path, name: str) -> Path:
    """A data directory with the drawn faces of its own."""
    return shutil.copytree(folder / "base", folder / name)


def when_parts(data: Path, count: int, then: Callable[[], object]) -> Thread:
    """Calls `then` once quality has so many parts."""

    def wait() -> None:
        while len(list((data / "synth/checked/parts").glob("*.jsonl"))) < count:
            time.sleep(0.02)
        then()

    thread = Thread(target=wait)
    thread.start()
    return thread


def rate(data: Path) -> float:
    """Inputs a second of quality, as its manifest says."""
    return float(
        json.loads((data / "synth/quality.json").read_text())["splits"]["train"][
            "inputs_per_second"
        ]
    )


def kill_driver(data: Path, words: list[str]) -> None:
    """Begin a command and kill it once it has made two parts."""
    driver = subprocess.Popen([*MODULE, *words], stderr=subprocess.DEVNULL)
    when_parts(data, 2, lambda: driver.send_signal(signal.SIGKILL)).join()
    driver.wait()


def killed(folder: Path, cluster: Cluster) -> dict[str, Path]:
    """Two runs of every stage: with a node that dies, and with a driver that dies."""
    node = cluster.add_node(num_cpus=1)
    nodes, drivers = fresh(folder, "node_dies"), fresh(folder, "driver_dies")
    on_ray = ["--ray", cluster.address, "--workers"]
    ending = when_parts(nodes, 2, lambda: cluster.remove_node(node, allow_graceful=False))
    for words in stages(folder / "pictures", nodes).values():
        run([*words, *on_ray, "3"])
    ending.join()
    for step, words in stages(folder / "pictures", drivers).items():
        if step == "quality":
            kill_driver(drivers, [*words, *on_ray, "2"])
        run([*words, *on_ray, "2"])
    return {"node_dies": nodes, "driver_dies": drivers}


def main() -> None:
    """Draw, run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=2_000)
    parser.add_argument("--no-kills", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    cluster.add_node(num_cpus=1)
    try:
        drawn(folder, given.faces)
        local, on_ray = fresh(folder, "local"), fresh(folder, "ray")
        seconds: dict[str, dict[str, float]] = {"local": {}, "ray": {}}
        for step, words in stages(folder / "pictures", local).items():
            seconds["local"][step] = round(run([*words, "--workers", "2"]), 1)
        for step, words in stages(folder / "pictures", on_ray).items():
            words += ["--ray", cluster.address, "--workers", "2"]
            seconds["ray"][step] = round(run(words), 1)
        whole, ratio = files_of(local), rate(on_ray) / rate(local)
        results: dict[str, Any] = {"faces": given.faces, "files": len(whole), "seconds": seconds}
        results["equal"] = files_of(on_ray) == whole
        if not given.no_kills:
            for name, data in killed(folder, cluster).items():
                results[name] = files_of(data) == whole
        rates = {"local": rate(local), "ray": rate(on_ray), "ratio": round(ratio, 3)}
        print(json.dumps({**results, "throughput": rates}, indent=2))
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
