"""What tag-plugin's own part of an evaluation costs a sample, without model and host. Prints JSON.

Stages: reading the test set (its rows, and every picture whole); asking; judging each completion;
aggregating all of the host's metrics and ours with 2,000 bootstrap resamples; making the records
and writing the samples file. Completions are of real length, with five AU claims each. The limit is
for all but the reading, which grows with the pictures.
"""

import gc
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.documents import columns, read_test_set
from tag_plugin.hosts.lmms_eval.results import METRIC_LIST, RECORD, SUMMARIES, process_results
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.trace.prompt import Style
from tag_plugin.trace.render import render

TASK = "tag_synth"
STAGES = ("read", "ask", "judge", "aggregate", "write")
SAMPLES = 3_000
ROUNDS = 3
CLAIMS = (1, 4, 15, 17, 25)
LIMIT_MS = 0.5


def make_rows(data_dir: Path) -> list[str]:
    """A test set under `data_dir` and a completion for each face."""
    picture = np.random.default_rng(0).integers(0, 255, (56, 56, 3), dtype=np.uint8)
    face = Image.fromarray(picture).resize((448, 448))
    rows, completions = [], []
    for number in range(SAMPLES):
        shift = number % 97
        boxes = {au: Box(100 + shift, 20 * au, 500 + shift, 20 * au + 150) for au in CLAIMS}
        found = tuple(Detection(au=au, probability=0.9, box=box) for au, box in boxes.items())
        detections = Detections(detections=found, supported=frozenset(ACTION_UNITS))
        image = f"images/test/{number}.jpg"
        write_face(data_dir / "synth" / image, face)
        rows.append(
            Row(
                id=f"face-{number:05d}",
                dataset="synth",
                split="test",
                image=image,
                label="sadness",
                label_set="synth",
                detections=detections,
                detector=DetectorInfo(name="benchmark", version="1"),
            )
        )
        label = "sadness" if number % 5 else "anger"
        completions.append(render(write_trace(label, detections, number), BoxFrame.ABSOLUTE))
    write_rows(data_dir / "synth" / "detected" / "test.jsonl", rows)
    return completions


def timed(function: Callable[[], Any], found: list[float]) -> Any:  # noqa: ANN401  # whatever it returns
    """Calls a function and notes its milliseconds of CPU a sample."""
    started = time.process_time()
    result = function()
    found.append((time.process_time() - started) * 1000 / SAMPLES)
    return result


def aggregate(results: list[dict[str, Any]]) -> None:
    """Every line of the host's table, the first of which makes the summary."""
    fed: dict[str, list[Any]] = defaultdict(list)
    for metrics in results:
        for name, value in metrics.items():
            fed[name].append(value)
    for line in METRIC_LIST:
        if line["metric"] in fed:
            line["aggregation"](fed[line["metric"]])
    if SUMMARIES[TASK].n != SAMPLES:
        raise RuntimeError(f"{SUMMARIES[TASK].n} samples in the summary")


def one_round(completions: list[str], out: Path, found: dict[str, list[float]]) -> None:
    """All stages once."""
    question = Question(BoxFrame.ABSOLUTE, "the benchmark")

    def ask() -> list[dict[str, str]]:
        table = columns(test_set, question, Style.GROUNDED, TASK)
        return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]

    def judge() -> list[dict[str, Any]]:
        pairs = zip(documents, completions, strict=True)
        return [process_results(document, [text]) for document, text in pairs]

    def write() -> None:
        for result in results:
            result[RECORD] = result[RECORD].model_dump(mode="json")  # as `finish` does
        lines = [json.dumps({RECORD: result[RECORD]}, ensure_ascii=False) for result in results]
        out.write_text("\n".join(lines), encoding="utf-8")

    test_set = timed(lambda: read_test_set("synth"), found["read"])
    documents = timed(ask, found["ask"])
    results = timed(judge, found["judge"])
    timed(lambda: aggregate(results), found["aggregate"])
    timed(write, found["write"])


def main() -> None:
    """Measure and print."""
    found: dict[str, list[float]] = {name: [] for name in STAGES}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TAG_DATA_DIR"] = folder
        completions = make_rows(Path(folder))
        gc.collect()
        gc.freeze()  # what the imports made is not searched again and again
        for _ in range(ROUNDS):
            one_round(completions, Path(folder, "samples.jsonl"), found)
    medians = {name: round(statistics.median(values), 4) for name, values in found.items()}
    total = round(sum(medians.values()) - medians["read"], 4)
    report = {
        "benchmark": "eval_overhead",
        "samples": SAMPLES,
        "rounds": ROUNDS,
        "cpu_ms_a_sample": medians,
        "total_cpu_ms_a_sample_without_reading": total,
        "limit_ms": LIMIT_MS,
        "within_limit": total <= LIMIT_MS,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
