"""What a row costs a model writer beside the model: asking, judging, keeping, resuming.

    python benchmarks/writer_scale.py [ROWS ROWS]

The model answers at once and in this process, so that everything measured is the pipeline's own.
Each size runs twice in a process of its own: once asking, once as after `--restart`, when every
reply comes out of the table. Prints JSON: CPU milliseconds a row, peak memory, size of the
table, and the ratios between the sizes.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from tag_plugin.asking.request import Reply, Request
from tag_plugin.asking.session import asking
from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.pipeline.build import MODEL_PART as PART
from tag_plugin.pipeline.outcomes import Kept, Outcome
from tag_plugin.pipeline.parallel import threaded_map
from tag_plugin.pipeline.parts import batches
from tag_plugin.pipeline.write.conversation import Writer
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.statistics import ATTEMPTS, collect
from tag_plugin.scoring.score import DEFAULT_JUDGE

THREADS = 9
SETTINGS = WriterSettings(model="m", base_url="http://127.0.0.1/v1", concurrency=32)
UNITS = {4: "brows → AU4 (brow lowerer)", 15: "lip corners → AU15 (lip corner depressor)"}
PROSE = "\n".join(
    (
        "Global analysis: The expression involves both the upper and the lower face.",
        "Verification loop:",
        *(f"Inspect {unit}: the muscle of AU{au} contracts" for au, unit in UNITS.items()),
        "Final conclusion: AU4 + AU15 indicate a dominant emotion of {label}.",
        "<answer>{label}</answer>",
    )
)


class InstantModel:
    """Right two times in three; wrong, then right the third time."""

    def __init__(self, *_: object) -> None:
        """As an endpoint is made."""

    async def greet(self, seconds: float) -> None:
        """Always there."""

    async def complete(self, request: Request) -> Reply:
        """A reply without any wait."""
        label = "fear" if request.seed % 3 == 0 and "fear" in request.prompt else "sadness"
        return Reply(PROSE.format(label=label), "stop", 900, 120)

    async def close(self) -> None:
        """Nothing to close."""


def rows(count: int) -> Iterator[Row]:
    """Rows with two Action Units, one picture for all."""
    labels = LABEL_SETS["ferplus"].name
    for number in range(count):
        x = number % 600
        boxes = {au: Box(x, 200, x + 300, 400 + au) for au in UNITS}
        found = tuple(Detection(au=au, probability=0.9, box=box) for au, box in boxes.items())
        yield Row(
            id=f"{number:07d}",
            dataset="d",
            split="train",
            image="face.jpg",
            label="sadness",
            label_set=labels,
            detections=Detections(detections=found, supported=frozenset(UNITS)),
            detector=DetectorInfo(name="none", version="1"),
        )


@contextmanager
def opened(directory: Path) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    """The writer as a stage opens it, with the instant model."""
    table = directory / "attempts.sqlite"
    with asking(SETTINGS, table, ATTEMPTS, InstantModel) as (portal, asker):
        writer = Writer(directory, SETTINGS, 0, DEFAULT_JUDGE, asker)
        yield partial(portal.call, writer.write)


def write(directory: Path, count: int) -> dict[str, float]:
    """One pass over all rows."""
    cpu, wall, kept = time.process_time(), time.perf_counter(), 0
    with (directory / "train.jsonl").open("w", encoding="utf-8") as file:
        for part in threaded_map(lambda: opened(directory), batches(rows(count), PART), THREADS):
            for outcome in part:
                if isinstance(outcome, Kept):
                    kept += 1
                    file.write(outcome.row + "\n")
    if kept != count:
        raise RuntimeError(f"{kept} rows of {count}")
    used = time.process_time() - cpu
    return {"cpu_ms_a_row": 1000 * used / count, "wall_s": time.perf_counter() - wall}


def measure(count: int) -> dict[str, Any]:
    """Asking, then replaying; both in this process."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        Image.new("RGB", (448, 448), (90, 80, 70)).save(directory / "face.jpg", quality=95)
        fresh = write(directory, count)
        replaying = write(directory, count)
        table = directory / "attempts.sqlite"
        found = collect(table, "train")
        return {
            "rows": count,
            "asking": fresh,
            "replaying": replaying,
            "replies": found["replies"],
            "table_bytes_a_row": table.stat().st_size / count,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main() -> None:
    """Both sizes, each in a process of its own."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
        return
    sizes = sys.argv[1:3] or ["10000", "310000"]
    found = []
    for size in sizes:
        command = [sys.executable, __file__, "--one", size]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
    small, large = found
    ratios = {
        "asking": large["asking"]["cpu_ms_a_row"] / small["asking"]["cpu_ms_a_row"],
        "replaying": large["replaying"]["cpu_ms_a_row"] / small["replaying"]["cpu_ms_a_row"],
        "peak_memory": large["peak_mb"] / small["peak_mb"],
    }
    print(json.dumps({"sizes": found, "ratios": ratios}, indent=2))


if __name__ == "__main__":
    main()
