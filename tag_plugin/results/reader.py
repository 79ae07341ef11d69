"""lmms-eval's own output folder, read as frozen values.

OUT/<model>/<date>_results.json              one a run: numbers, configurations
OUT/<model>/<date>_samples_<task>.jsonl      one a task, with --log_samples
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from tag_plugin.results.protocol import Protocol
from tag_plugin.results.record import Judged, ResultsError, read_record
from tag_plugin.results.summary import Summary

BLOCK: Final = "tag_plugin"
"""The key of our part in the host's results file: task -> `Stated`."""

RESULTS_SUFFIX: Final = "_results.json"


class Stated(BaseModel):
    """What is stored of one task beside the host's own numbers.

    `weights` identifies the model's files where they could be read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # a later version may record more

    protocol: Protocol
    fingerprint: str
    summary: Summary
    tag_plugin: str
    weights: str | None = None
    box_frame_source: str | None = None
    test_file: str | None = None
    rows_left_out: int = 0


@dataclass(frozen=True)
class TaskRun:
    """One task of one run.

    `run` holds the host's facts about the run (`config` of the results file: model, model_args,
    gen_kwargs, ...), `samples_file` is None without --log_samples.
    """

    task: str
    model: str
    date: str
    results_file: Path
    samples_file: Path | None
    run: Mapping[str, Any]
    stated: Stated

    @property
    def protocol(self) -> Protocol:
        """Under which conditions it was measured."""
        return self.stated.protocol

    @property
    def summary(self) -> Summary:
        """Its numbers."""
        return self.stated.summary

    @property
    def title(self) -> str:
        """Model and task, for people."""
        return f"{self.model}: {self.protocol.name}"

    def samples(self) -> Iterator[Judged]:
        """The judged samples, one at a time, in file order.

        Raises:
            ResultsError: the run kept no samples, or a line is not one.
        """
        if self.samples_file is None:
            raise ResultsError(
                f"{self.results_file}: no samples of {self.task}; next: run lmms-eval with "
                "--log_samples"
            )
        return read_samples(self.samples_file)


def read_samples(path: Path) -> Iterator[Judged]:
    """The judged samples of a samples file, one at a time.

    Raises:
        ResultsError: a line is not a sample of a tag_ task; the message names file and line.
    """
    for where, sample in read_lines(path):
        yield read_record(sample, where)


def read_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """`file:line` and the JSON value of each line.

    Raises:
        ResultsError: a line is not JSON.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield f"{path}:{number}", json.loads(line)
                except ValueError as error:
                    raise ResultsError(f"{path}:{number}: not JSON ({error})") from None


def read_runs(path: Path) -> list[TaskRun]:
    """The newest run of each model and tag_ task below an output folder, or of one results file.

    Raises:
        ResultsError: there is none.
    """
    files = [path] if path.is_file() else sorted(path.rglob(f"*{RESULTS_SUFFIX}"))
    newest: dict[tuple[Path, str], TaskRun] = {}
    for file in files:  # names begin with a date, so the last of a folder is the newest
        for run in read_results_file(file):
            newest[file.parent, run.task] = run
    if not newest:
        raise ResultsError(
            f"{path}: no results of a tag_ task; next: run lmms-eval --tasks tag_... with "
            "--output_path, and --log_samples for the samples"
        )
    return list(newest.values())


def read_run(path: Path, task: str | None = None) -> TaskRun:
    """The one run below `path`, of this task when several were evaluated.

    Raises:
        ResultsError: none, or several.
    """
    runs = [run for run in read_runs(path) if task in (None, run.task)]
    if len(runs) == 1:
        return runs[0]
    found = ", ".join(f"{run.task} of {run.model}" for run in runs) or f"no {task}"
    raise ResultsError(f"{path} holds {found}; next: name one results file, or a task with --task")


def read_results_file(path: Path) -> list[TaskRun]:
    """The tag_ tasks of one results file; none when it holds other tasks only.

    Raises:
        ResultsError: not JSON, or our part of it is not what this version writes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path}: not JSON ({error}); next: evaluate again") from None
    stated = content.get(BLOCK, {}) if isinstance(content, dict) else {}
    return [_task_run(path, content, task, block) for task, block in stated.items()]


def _task_run(path: Path, content: Mapping[str, Any], task: str, block: object) -> TaskRun:
    try:
        stated = Stated.model_validate(block)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultsError(
            f"{path}: {task}: {place}: {first['msg']}; next: evaluate again with this version"
        ) from None
    date = path.name.removesuffix(RESULTS_SUFFIX)
    samples = path.with_name(f"{date}_samples_{task}.jsonl")
    run = content.get("config", {})
    return TaskRun(
        task=task,
        model=str(content.get("model_name") or path.parent.name),
        date=date,
        results_file=path,
        samples_file=samples if samples.is_file() else None,
        run=run if isinstance(run, dict) else {},
        stated=stated,
    )
