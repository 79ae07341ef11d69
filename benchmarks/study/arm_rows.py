"""The rows of each arm of `run.py`, from one detected data set.

A fifth of the train faces, chosen by their ids, is for RL, the others are for SFT. All SFT arms get
the same faces, all RL arms too. A placebo gives a face what was measured on another face of the
same label: AUs and boxes that fit the answer and were not seen on this picture.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.rows import Row, read_rows, write_rows
from tag_plugin.data.short_digest import short_digest
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.prototypes import supports
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.trace.grammar import ARROW
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render

SFT, SFT_PLACEBO = "sft", "sft_placebo"
RL, RL_PLACEBO, RL_TRACED = "rl", "rl_placebo", "rl_traced"
SFT_UNGATED, SFT_NO_BOXES = "sft_ungated", "sft_no_boxes"
LABEL_ONLY: Final = "_label_only"
_RL_SHARE: Final = 0.2
_BOX: Final = re.compile(rf" {ARROW} <bbox>.*?</bbox>")


def write_arms(source: Path, data: Path, sft_faces: int, rl_faces: int) -> str:
    """Write `data`, a data directory with everything of `source` and the arms' own rows.

    Args:
        source: DATA_DIR/<dataset>, detected.
        data: the study's own data directory.
        sft_faces: so many faces are learned from at most.
        rl_faces: so many are for RL at most.

    Returns:
        The dataset's name.
    """
    folder = data / source.name
    folder.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry.resolve())
    rows = [row for row in read_rows(source / "detected" / "train.jsonl") if row.detections]
    rows.sort(key=lambda row: short_digest(row.id))
    ranks = {row.id: place / len(rows) for place, row in enumerate(rows)}
    for_rl = _never_alone([row for row in rows if ranks[row.id] < _RL_SHARE][:rl_faces])
    for_sft = [row for row in rows if ranks[row.id] >= _RL_SHARE]
    ungated = for_sft[:sft_faces]
    for_sft = _never_alone([row for row in for_sft if _supported(row)][:sft_faces])
    parts = {
        SFT: traced(for_sft),
        SFT_PLACEBO: traced(of_another_face(for_sft)),
        SFT_UNGATED: traced(ungated),
        RL: for_rl,
        RL_PLACEBO: of_another_face(for_rl),
        RL_TRACED: traced(for_rl),
    }
    entries = {}
    for name, part in parts.items():
        write_rows(folder / "study" / f"{name}.jsonl", part)
        file = f"{source.name}/study/{name}.jsonl"
        entries[name] = {"file_name": file, "formatting": "tag"}
        entries[name + LABEL_ONLY] = {"file_name": file, "formatting": "tag_label_only"}
    entries[SFT_NO_BOXES] = _without_boxes(data, source.name, parts[SFT])
    (data / "dataset_info.json").write_text(json.dumps(entries, indent=2), encoding="utf-8")
    return source.name


def _without_boxes(data: Path, name: str, rows: Iterable[Row]) -> dict[str, object]:
    """Writes conversations that ask for a trace and get one that names AUs and points nowhere."""
    file = Path(name) / "study" / f"{SFT_NO_BOXES}.json"
    talks = [
        {
            "conversations": [
                {"from": "human", "value": f"<image>{_question(row)}"},
                {"from": "gpt", "value": _BOX.sub("", render(row.trace, BoxFrame.ABSOLUTE))},
            ],
            "images": [str((data / name / row.image).resolve())],
        }
        for row in rows
        if row.trace is not None
    ]
    write_text(data / file, json.dumps(talks))
    columns = {"messages": "conversations", "images": "images"}
    return {"file_name": str(file), "formatting": "sharegpt", "columns": columns}


def _question(row: Row) -> str:
    return grounded_prompt(row.reference.labels, BoxFrame.ABSOLUTE)


def traced(rows: Iterable[Row]) -> list[Row]:
    """With a trace by rules of what was detected."""
    return [
        row.model_copy(update={"trace": write_trace(row.label, row.detections, row.id)})
        for row in rows
        if row.detections is not None
    ]


def of_another_face(rows: Sequence[Row]) -> list[Row]:
    """Each with the detections of the next face of its label."""
    groups = defaultdict(list)
    for row in rows:
        groups[row.label].append(row)
    following = {
        row.id: group[(place + 1) % len(group)]
        for group in groups.values()
        for place, row in enumerate(group)
    }
    return [row.model_copy(update={"detections": following[row.id].detections}) for row in rows]


def _never_alone(rows: Sequence[Row]) -> list[Row]:
    """Without faces whose label no other one has: they could have no placebo."""
    counts = Counter(row.label for row in rows)
    return [row for row in rows if counts[row.label] > 1]


def _supported(row: Row) -> bool:
    if row.detections is None or row.detector is None:
        return False
    on = row.detections.on(row.detector.thresholds)
    return supports(on, row.label, row.reference.labels.labels)
