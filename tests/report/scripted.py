"""A scripted model on procedural faces, and the files that a GRPO run of it would leave."""

import json
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from tag_plugin.data.rows import Row
from tag_plugin.data.synthetic.face_id import FaceId
from tag_plugin.data.synthetic.render import render as draw
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.detectors.synthetic import SyntheticDetector
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, REWARDS, weighted_sum
from tag_plugin.scoring.score import DEFAULT_JUDGE, ScoredCompletion, score_completion
from tag_plugin.trace.grammar import Inspection
from tag_plugin.trace.render import render

FRAME = BoxFrame.ABSOLUTE


def make_rows(folder: Path, count: int) -> list[Row]:
    """Detected rows of procedural faces; the pictures lie in `folder`."""
    detector = SyntheticDetector()
    rows = []
    for index in range(count):
        face_id = FaceId(split_seed(0, "test"), index)
        face = sample_face(face_id.seed, face_id.index)
        Image.fromarray(np.asarray(draw(face))).save(folder / f"{face_id}.jpg", quality=90)
        row = Row(
            id=str(face_id),
            dataset="synth",
            split="test",
            image=f"{face_id}.jpg",
            label=face.emotion,
            label_set="synth",
            detector=detector.info,
        )
        found = detector.detect_row(row, lambda: None)
        rows.append(row.model_copy(update={"detections": found}))
    return rows


def completion(row: Row, skill: float, random: Random) -> str:
    """A trace that is the better, the higher `skill` in [0, 1] is."""
    labels = row.reference.labels.labels
    label = row.label if random.random() < 0.3 + 0.65 * skill else random.choice(labels)
    trace = write_trace(label, row.detections, random.random())
    steps = []
    for step in trace.inspections:
        if random.random() > 0.25 * (1 - skill):
            shift = (1 - skill) * 120
            moved = (value + random.gauss(0, 8 + shift) for value in step.box.as_tuple())
            x1, y1, x2, y2 = (min(1000, max(0, round(value))) for value in moved)
            if x1 + 10 < x2 and y1 + 10 < y2:
                steps.append(step.model_copy(update={"box": Box(x1, y1, x2, y2)}))
    absent = sorted(row.detections.supported - {step.au for step in steps})
    if random.random() > 0.6 + 0.4 * skill:
        wrong = action_unit(random.choice(absent))
        box = Box(300, 600, 700, 850)
        seen = Inspection(
            region=wrong.region, au=wrong.id, observation=f"it shows a {wrong.name}", box=box
        )
        steps.append(seen)
    text = render(trace.model_copy(update={"inspections": tuple(steps)}), FRAME)
    if random.random() > 0.9 + 0.1 * skill:
        return text[: random.randrange(40, len(text) - 30)]
    return text


def write_grpo_run(folder: Path, rows: list[Row], pictures: Path, steps: int) -> Path:
    """grpo_log.jsonl and rollouts.jsonl as the stage writes them, of a model that learns."""
    random = Random(0)
    log, rollouts = [], []
    for step in range(1, steps + 1):
        skill = step / steps
        group = [_rollout(random.choice(rows), skill, step, pictures, random) for _ in range(16)]
        rollouts.extend(group)
        log.append(_log_line(step, steps, group, random))
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "grpo_log.jsonl", log)
    write_lines(folder / "rollouts.jsonl", rollouts)
    return folder


def write_lines(path: Path, lines: list[dict]) -> Path:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _rollout(row: Row, skill: float, step: int, pictures: Path, random: Random) -> dict:
    text = completion(row, skill, random)
    scored = score_completion(text, row.reference, FRAME)
    parts = {name: REWARDS[name].read(scored, DEFAULT_JUDGE) for name in DEFAULT_WEIGHTS}
    total = weighted_sum([*parts.values()], [*DEFAULT_WEIGHTS.values()])
    return {
        "step": step,
        "prompt_id": row.id,
        "dataset": row.dataset,
        "images": [str(pictures / row.image)],
        "solution": row.label,
        "text": text,
        "rewards": parts,
        "total": float(total),
        "advantage": random.gauss(0, 1),
        "verdict": TypeAdapter(ScoredCompletion).dump_python(scored, mode="json"),
    }


def _log_line(step: int, steps: int, group: list[dict], random: Random) -> dict:
    line = {"step": step, "epoch": step / steps, "loss": random.gauss(0, 0.01)}
    for name in DEFAULT_WEIGHTS:
        values = [each["rewards"][name] for each in group]
        line |= {
            f"rewards/{name}/mean": float(np.mean(values)),
            f"rewards/{name}/std": float(np.std(values)),
            f"rewards/{name}/applicable": 1.0,
            f"signal/no_spread/{name}": min(1.0, step / steps * random.random() * 1.3),
        }
    silent = min(1.0, (step / steps) ** 3 + 0.1 * random.random())
    lengths = [len(each["text"].split()) * 2 for each in group]
    return line | {
        "reward": float(np.mean([each["total"] for each in group])),
        "reward_std": float(np.std([each["total"] for each in group])),
        "signal/no_spread": silent,
        "signal/all_right": silent * 0.8,
        "signal/all_wrong": silent * 0.05,
        "signal/all_unparsable": 0.0,
        "signal/all_equal": silent * 0.15,
        "entropy": 0.8 * (1 - 0.6 * step / steps),
        "kl": 0.02 * step / steps,
        "grad_norm": 0.5 + 0.1 * random.random(),
        "completions/mean_length": float(np.mean(lengths)),
        "completions/min_length": min(lengths),
        "completions/max_length": max(lengths),
        "completions/clipped_ratio": 0.1 * (1 - step / steps),
    }
