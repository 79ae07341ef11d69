"""Judged samples and an output folder of lmms-eval, written by hand."""

import json
from pathlib import Path

from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.stated import Stated
from tag_plugin.results.summary import Bootstrap, summarise
from tag_plugin.scoring.record import JudgedSample

LABELS = LABEL_SETS["ferplus"]
SMILE = [300, 600, 700, 800]
BROWS = [50, 200, 950, 400]
QUICK = Bootstrap(resamples=100)

PROTOCOL = Protocol(
    task="tag_ferplus",
    task_version="1.0",
    dataset="ferplus",
    split="test",
    n=4,
    label_set="ferplus",
    labels=LABELS.labels,
    preparation={"rule": "majority"},
    image="448x448 face frame",
    style="grounded",
    prompt_hash="0123456789ab",
    box_frame="relative",
    decoding={"max_new_tokens": 1024, "do_sample": False},
    answers="contract-1",
    judge={"top_k": 6},
    detector={"name": "mediapipe", "version": "1"},
    rows_sha256="a" * 64,
    images_sha256="b" * 64,
)


def record(name: str, gold: str, prediction: str | None, **changes) -> dict:
    """What the host's samples file holds of one sample: AU12 claimed and, if right, found."""
    right = prediction == gold
    detections = [
        {"au": 12 if right else 4, "probability": 0.9, "box": SMILE},
        {"au": 4 if right else 12, "probability": 0.0, "box": BROWS},
    ]
    claim = {"au": 12, "box": SMILE, "region": "mouth", "observation": "up", "defects": []}
    made = {
        "id": name,
        "task": "tag_ferplus",
        "dataset": "ferplus",
        "image": f"/faces/{name}.jpg",
        "label_set": "ferplus",
        "gold": gold,
        "style": "grounded",
        "frame": "relative",
        "completion": f"<answer>{prediction}</answer>",
        "detections": {"detections": detections, "supported": [4, 12]},
        "thresholds": {"on": 0.5, "grey": 0.3},
        "attributes": {},
        "failed": None,
        "verdict": {
            "parsed": {
                "global_analysis": "A face.",
                "claims": [claim],
                "answer": prediction,
                "answer_text": prediction,
                "defects": [],
                "nothing_visible": False,
            },
            "format": 1.0,
            "answer": float(right),
            "grounding": float(right),
            "judged_claims": [0],
            "claimed": 1,
            "targets": [{"au": 12 if right else 4, "box": SMILE, "weight": 1.0}],
            "matches": [{"claim": 0, "target": 0, "iou": 1.0, "credit": 1.0}] if right else [],
            "version": 2,
            "unsupported": 0,
        },
    }
    return changed(made, **changes)


def changed(made: dict, **changes) -> dict:
    """A copy with other values, wherever in the record they stand (`answer`: what was read)."""
    parsed = {k: changes.pop(k, v) for k, v in made["verdict"]["parsed"].items()}
    verdict = {key: changes.pop(key, value) for key, value in made["verdict"].items()}
    return made | {"verdict": verdict | {"parsed": parsed}} | changes


RECORDS = (
    record("f0", "happiness", "happiness", attributes={"gender": "female"}),
    record("f1", "happiness", "happiness", attributes={"gender": "male"}),
    record("f2", "anger", "fear", attributes={"gender": "female"}),
    record("f3", "anger", None),
)


def judged(records=RECORDS) -> list[JudgedSample]:
    return [JudgedSample.model_validate(each) for each in records]


def write_run(
    folder: Path,
    records=RECORDS,
    date: str = "20260101_000000",
    samples: bool = True,
    model: str = "tiny",
    protocol: Protocol = PROTOCOL,
) -> Path:
    """One run as lmms-eval leaves it; returns the results file."""
    place = folder / model
    place.mkdir(parents=True, exist_ok=True)
    summary = summarise(judged(records), LABELS, QUICK)
    stated = Stated(
        protocol=protocol, fingerprint=protocol.fingerprint, summary=summary, tag_plugin="0.1"
    )
    task = protocol.task
    values = {f"{name},none": found.value for name, found in summary.metrics.items()}
    content = {
        "results": {task: {"alias": task, **values}},
        "configs": {task: {"task": task}},
        "n-samples": {task: {"original": protocol.n, "effective": len(records)}},
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None, "offset": 0},
        "model_name": model,
        "tag_plugin": {task: stated.model_dump(mode="json")},
    }
    results = place / f"{date}_results.json"
    results.write_text(json.dumps(content))
    if samples:
        lines = [
            json.dumps({"doc_id": number, "target": each["gold"], "judged": {**each, "task": task}})
            for number, each in enumerate(records)
        ]
        (place / f"{date}_samples_{task}.jsonl").write_text("\n".join(lines) + "\n")
    return results
