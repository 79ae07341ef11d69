"""Does the pipeline stay as cheap and as small at TAG-310K's size? Cost and memory at two sizes.

    python benchmarks/pipeline_scale.py                      # 10,000 and 310,000 rows
    python benchmarks/pipeline_scale.py --rows 2000 20000    # a quick look

What runs is the real command line, one process after the other, with one worker each, over
procedural faces. One thing is simulated, because drawing and encoding 310,000 pictures would take
hours: `--faces` pictures are drawn for each split, and every row above that number is a copy of
one under an id, a hash and a person of its own that points at the same picture file. And the step
whose work is on pixels (`quality`) is measured at `--pixel-rows` sizes of its own.

    rows     detect --detector synthetic, build --writer rules, data make, data validate
    pixels   quality (every limit that needs no landmarks)

Printed as JSON: for each step and size the seconds, the CPU time a row, the peak memory of the
process; and the ratio between the two sizes. A process's start is measured and taken off. Timings
of a busy machine scatter: `user` is CPU time, `wall` is not.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tag_plugin.data.rows import FrameInfo, Row, read_rows, write_rows
from tag_plugin.data.short_digest import short_digest
from tag_plugin.data.synthetic.prepare import prepare_synth

WITHOUT_LANDMARKS = ("yaw_max", "pitch_max", "roll_max", "mirror_error_max")


Steps = Callable[[Path], dict[str, list[str]]]


def copies(drawn: list[Row], count: int) -> Iterator[Row]:
    """`count` rows over the drawn pictures; ids name procedural faces, which the detector knows."""
    for number in range(count):
        row = drawn[number % len(drawn)]
        phash = f"{short_digest(f'{row.split} {number}'):016x}"
        yield row.model_copy(
            update={
                "id": f"synth-{row.id.split('-')[1]}-{number:06d}",
                "identity": f"{row.split} {number // 3}",
                "frame": FrameInfo(side=448, how="whole", phash=phash),
            }
        )


def dataset(base: Path, folder: Path, rows: int) -> Path:
    """DATA_DIR/synth with `rows` rows in all: 90 % train, 5 % dev, 5 % test."""
    directory = folder / "synth"
    shares = {"train": rows - 2 * (rows // 20), "dev": rows // 20, "test": rows // 20}
    for split, count in shares.items():
        drawn = list(read_rows(base / "synth" / "prepared" / f"{split}.jsonl"))
        write_rows(directory / "prepared" / f"{split}.jsonl", copies(drawn, count))
    (directory / "images").symlink_to(base / "synth" / "images")
    return directory


def run(words: list[str]) -> dict[str, float]:
    """One command in a process of its own: seconds, CPU seconds and peak memory."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tag_plugin", *words],
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        _, status, used = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status):
            log.seek(0)
            raise SystemExit(f"{' '.join(words)} failed:\n{log.read()[-2000:].decode()}")
    return {
        "wall": time.perf_counter() - begin,
        "user": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }


def row_steps(directory: Path) -> dict[str, list[str]]:
    """The steps whose work is on rows."""
    name = str(directory)
    return {
        "detect": ["detect", name, "--detector", "synthetic", "--workers", "1"],
        "build": ["build", name, "--workers", "1"],
        "make": ["data", "make", name],
        "validate": ["data", "validate", name, "--workers", "1"],
    }


def pixel_steps(directory: Path) -> dict[str, list[str]]:
    """The step whose work is on pixels."""
    off = [word for name in WITHOUT_LANDMARKS for word in ("--set", f"{name}=null")]
    return {"quality": ["quality", str(directory), "--workers", "1", *off]}


def measure(base: Path, sizes: list[int], steps: Steps) -> dict[str, Any]:
    """Every step at every size, and the ratios of the largest to the smallest."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=base.parent) as folder:
            directory = dataset(base, Path(folder), size)
            for step, words in steps(directory).items():
                found.setdefault(step, {})[size] = run(words)
                print(step, size, found[step][size], file=sys.stderr)
    start = run(["--help"])["user"]
    small, large = min(sizes), max(sizes)
    results: dict[str, Any] = {}
    for step, at in found.items():
        cost = {size: (at[size]["user"] - start) / size for size in sizes}
        results[step] = {
            "sizes": {
                str(size): {
                    "wall_s": round(at[size]["wall"], 1),
                    "user_s": round(at[size]["user"], 1),
                    "ms_a_row": round(1000 * cost[size], 4),
                    "peak_mb": round(at[size]["peak_mb"], 1),
                }
                for size in sizes
            },
            "cost_ratio": round(cost[large] / cost[small], 3),
            "memory_ratio": round(at[large]["peak_mb"] / at[small]["peak_mb"], 3),
        }
    results["all steps"] = {
        "cost_ratio": round(
            sum(at[large]["user"] - start for at in found.values())
            / large
            / (sum(at[small]["user"] - start for at in found.values()) / small),
            3,
        ),
        "memory_ratio": round(
            max(at[large]["peak_mb"] for at in found.values())
            / max(at[small]["peak_mb"] for at in found.values()),
            3,
        ),
    }
    return results


def main() -> None:
    """Draw, copy, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 310_000])
    parser.add_argument("--pixel-rows", type=int, nargs="*", default=[2_000, 20_000])
    parser.add_argument("--faces", type=int, default=300, help="pictures drawn for each split")
    parser.add_argument("--folder", type=Path, default=None, help="where; needs 2 GB for 310,000")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        base = folder / "drawn"
        prepare_synth(base, dict.fromkeys(("train", "dev", "test"), given.faces), workers=2)
        results = {"rows": measure(base, given.rows, row_steps)}
        if given.pixel_rows:
            results["pixels"] = measure(base, given.pixel_rows, pixel_steps)
        cores, largest = os.cpu_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"cores": cores, "own_peak_mb": round(largest, 1), **results}, indent=2))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
