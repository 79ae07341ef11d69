"""The output folder that lmms-eval would leave after evaluating a scripted model."""

import json
from pathlib import Path
from random import Random

from tag_plugin.data.rows import Row
from tag_plugin.facs.emotions import label_set
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.reader import BLOCK
from tag_plugin.results.stated import Stated
from tag_plugin.results.summary import Bootstrap, summarise
from tag_plugin.scoring.record import RECORD, AnsweredSample, JudgedSample
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tests.report.scripted import FRAME, completion, write_lines

TASK = "tag_synth"


def judged(row: Row, text: str, pictures: Path, **changes) -> JudgedSample:
    """The record of one completion."""
    answered = AnsweredSample(
        id=row.id,
        task=TASK,
        dataset=row.dataset,
        image=str(pictures / row.image),
        label_set=row.label_set,
        gold=row.label,
        style="grounded",
        frame=FRAME,
        completion=text,
        detections=row.detections,
        thresholds=DEFAULT_JUDGE.thresholds,
    )
    return answered.model_copy(update=changes).judged(DEFAULT_JUDGE)


def evaluate(rows: list[Row], pictures: Path, skill: float, seed: int = 0) -> list[JudgedSample]:
    """What a model of this skill in [0, 1] gets for its answers."""
    random = Random(seed)
    return [judged(row, completion(row, skill, random), pictures) for row in rows]


def write_results(folder: Path, model: str, samples: list[JudgedSample], **protocol) -> Path:
    """Results file and samples file of one run, in the host's layout; returns `folder`."""
    labels = label_set(samples[0].label_set)
    made = {
        "task": TASK,
        "task_version": "1.0",
        "dataset": "synth",
        "split": "test",
        "n": len(samples),
        "label_set": labels.name,
        "labels": labels.labels,
        "preparation": {},
        "image": "448x448 face frame",
        "style": "grounded",
        "prompt_hash": "0" * 12,
        "box_frame": str(FRAME),
        "decoding": {"max_new_tokens": 320},
        "answers": "tag 1",
        "judge": DEFAULT_JUDGE.model_dump(mode="json"),
        "detector": {"name": "synthetic"},
        "rows_sha256": "1" * 64,
        "images_sha256": "2" * 64,
    }
    stated_protocol = Protocol.model_validate(made | protocol)
    stated = Stated(
        protocol=stated_protocol,
        fingerprint=stated_protocol.fingerprint,
        summary=summarise(samples, labels, Bootstrap(resamples=200)),
        tag_plugin="0",
    )
    place = folder / model
    place.mkdir(parents=True, exist_ok=True)
    content = {"model_name": model, "config": {}, BLOCK: {TASK: stated.model_dump(mode="json")}}
    (place / "20260101_000000_results.json").write_text(json.dumps(content), encoding="utf-8")
    lines = [{RECORD: sample.model_dump(mode="json")} for sample in samples]
    write_lines(place / f"20260101_000000_samples_{TASK}.jsonl", lines)
    return folder
