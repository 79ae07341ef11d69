"""TAG rows as a question, a picture and a ground truth: what every host of RL makes its rows of."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.atomic_write import atomic_write, write_text
from tag_plugin.data.rows import NOT_A_ROW, SPLITS, BadRows, Row, Split, read_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.rl_rewards import GroundTruth
from tag_plugin.pipeline.as_built import asked_as_built, asking
from tag_plugin.pipeline.inputs import row_files
from tag_plugin.trace.prompt import grounded_prompt

IMAGE: Final = "<image>"
"""All of these hosts put the picture where the prompt has this word."""

HOSTS: Final = ("easyr1", "verl", "swift")
"""Each has a folder of its name beside this file."""


class ExportError(ValueError):
    """A data set that cannot be exported; the message says the next command."""


@dataclass(frozen=True)
class Task:
    """One row for a host: the user's text with its IMAGE, the picture, the ground truth (JSON)."""

    id: str
    dataset: str
    split: Split
    prompt: str
    image: Path
    ground_truth: str


@dataclass(frozen=True)
class RlHost:
    """What differs between hosts: the record of a task, the file, the lines that start a run."""

    suffix: str
    record: Callable[[Task], dict[str, Any]]
    command: Callable[[Mapping[Split, Path]], str]


@dataclass
class Exported:
    """The files by split, how many rows each holds, and how many were left out and why."""

    files: dict[Split, Path] = field(default_factory=dict)
    rows: dict[Split, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def rl_host(name: str) -> RlHost:
    """The adapter of a host.

    Raises:
        ExportError: no such host.
    """
    if name not in HOSTS:
        raise ExportError(f"unknown host {name!r}; next: one of {', '.join(HOSTS)}")
    host: RlHost = import_module(f"tag_plugin.hosts.{name}").HOST
    return host


def find_file(module: str, name: str) -> str:
    """A line of shell that finds the reward where the host runs, which may be another machine."""
    return f'TAG_REWARD=$(python3 -c "from {module} import {name}; print({name})")\n'


def export(
    host: RlHost, directory: Path, out: Path, frame: BoxFrame, *, undetected: bool = False
) -> Exported:
    """Writes `out`/<split><suffix> for every detected split of DATA_DIR/<dataset>.

    Rows without a face that a detector saw are left out, unless `undetected`: grounding then does
    not apply to them. So is a line that is no row, by name.

    Raises:
        StageError: nothing is detected.
        ExportError: not one row has detections.
    """
    exported, bad, asked = Exported(), BadRows(), asked_as_built(directory)
    detected = row_files(directory, "detected", SPLITS, f"tag-plugin detect {directory}")
    for split, path in detected.items():
        rows = (asking(row, asked) for row in read_rows(path, bad))
        tasks = _tasks(rows, directory, frame, undetected, exported.left_out)
        records = [host.record(task) for task in tasks]
        if records:
            exported.files[split] = out / f"{split}{host.suffix}"
            exported.rows[split] = len(records)
            _write(exported.files[split], records)
    exported.left_out += Counter({NOT_A_ROW: bad.count})
    if not exported.files:
        raise ExportError(
            f"not one row of {directory} has detections; next: tag-plugin detect {directory}"
        )
    return exported


def _tasks(
    rows: Iterable[Row], directory: Path, frame: BoxFrame, undetected: bool, left_out: Counter[str]
) -> Iterator[Task]:
    for row in rows:
        if row.detections is None and not undetected:
            left_out["no detections"] += 1
            continue
        known = row.model_copy(update={"trace": None, "provenance": None})
        yield Task(
            row.id,
            row.dataset,
            row.split,
            IMAGE + grounded_prompt(row.reference.labels, frame),
            (directory / row.image).resolve(),
            GroundTruth(box_frame=frame, row=known).model_dump_json(),
        )


def _write(path: Path, records: Sequence[dict[str, Any]]) -> None:
    if path.suffix != ".parquet":
        write_text(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
        return
    try:
        import pyarrow.parquet
    except ImportError:
        raise ExportError("a parquet file needs pyarrow; next: pip install pyarrow") from None
    with atomic_write(path) as partial:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(records)), partial)
