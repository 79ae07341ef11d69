"""lmms-eval's own output folder, read as frozen values.

OUT/<model>/<date>_results.json              one a run: numbers, configurations
OUT/<model>/<date>_samples_<task>.jsonl      one a task, with --log_samples
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tag_plugin.data.model_error import first_problem
from tag_plugin.data.terminal import warn
from tag_plugin.data.text_file import TextFileError, json_lines, read_json
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.record import Record, ResultsError, read_record
from tag_plugin.results.soundness import contradiction, unsound
from tag_plugin.results.stated import Stated
from tag_plugin.results.summary import Summary
from tag_plugin.scoring.record import JudgedSample

BLOCK: Final = "tag_plugin"
"""The key of our part in the host's results file: task -> `Stated`."""

RESULTS_SUFFIX: Final = "_results.json"

_DATE: Final = re.compile(r"(?<!\d)\d{8}_\d{6}(?!\d)")
"""As lmms-eval writes it into names and results (utils.py: get_datetime_str)."""


@dataclass(frozen=True)
class TaskRun:
    """One task of one run.

    `run` holds the host's facts about the run (`config` of the results file: model, model_args,
    gen_kwargs, ...), `samples_file` is None without --log_samples. The newer of
    two runs has the greater `made` (date and name).
    """

    task: str
    model: str
    date: str
    results_file: Path
    samples_file: Path | None
    run: Mapping[str, Any]
    stated: Stated
    made: tuple[str, str]

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

    def samples(self) -> Iterator[JudgedSample]:
        """The judged samples, one at a time, in file order.

        Raises:
            ResultsError: as `lines`.
        """
        return (record for _, _, record in self.lines(read_record))

    def lines(
        self, read: Callable[[Any, str], Record]
    ) -> Iterator[tuple[str, Mapping[str, Any], Record]]:
        """(`file:line`, the host's sample, its record by `read`) of each sample, in file order.

        Raises:
            ResultsError: the run kept no samples; or, on the way, a line is not a sample of this
                task or stands there twice, or the file holds more or fewer than the results count.
        """
        if self.samples_file is None:
            raise ResultsError(
                f"{self.results_file}: no samples of {self.task} beside it; next: evaluate again "
                "with --log_samples"
            )
        return _checked_lines(self, self.samples_file, read)


def _checked_lines(
    run: TaskRun, path: Path, read: Callable[[Any, str], Record]
) -> Iterator[tuple[str, Mapping[str, Any], Record]]:
    again = "next: evaluate again, or name a run whose files are whole"
    count = 0
    for where, sample, record in _distinct_lines(path, read):
        if (record.task, record.label_set) != (run.task, run.protocol.label_set):
            raise ResultsError(
                f"{where}: a sample of {record.task} ({record.label_set}), but "
                f"{run.results_file} is about {run.task} ({run.protocol.label_set}); {again}"
            )
        count += 1
        yield where, sample, record
    counted = run.summary.n + run.summary.failed
    if count != counted:
        raise ResultsError(
            f"{path}: {count} samples, but {run.results_file} counts {counted}; {again}"
        )


def _distinct_lines(
    path: Path, read: Callable[[Any, str], Record], bad: Callable[[ValueError], None] | None = None
) -> Iterator[tuple[str, Mapping[str, Any], Record]]:
    """A line that is no sample, or another one of the same id, is an error, or given to `bad`."""
    places: dict[str, str] = {}
    for where, sample in _lines(path, bad):
        try:
            record = read(sample, where)
            if record.id in places:
                raise ResultsError(
                    f"{where}: {record.id} is also at {places[record.id]}; next: evaluate again, "
                    "or take the second one out of the file"
                )
        except ResultsError as error:
            if bad is None:
                raise
            bad(error)
        else:
            places[record.id] = where
            yield where, sample, record


def _lines(path: Path, bad: Callable[[ValueError], None] | None) -> Iterator[tuple[str, Any]]:
    try:
        yield from json_lines(path, bad)
    except TextFileError as error:
        cut = " (the file ends inside this line: it was cut)" if error.unfinished else ""
        raise ResultsError(f"{error}{cut}; next: evaluate again with --log_samples") from None
    except OSError as error:
        raise ResultsError(f"{error}; next: evaluate again with --log_samples") from None


def read_samples(
    path: Path, bad: Callable[[ValueError], None] | None = None
) -> Iterator[JudgedSample]:
    """The judged samples of a samples file, one at a time.

    Args:
        path: the file.
        bad: is given each line that is no sample of a tag_ task, and each second sample of an id.

    Raises:
        ResultsError: such a line where `bad` is None, or a file that cannot be read at all; the
            message names file and line.
    """
    return (record for _, _, record in _distinct_lines(path, read_record, bad))


def read_runs(path: Path) -> list[TaskRun]:
    """The newest run of each model and tag_ task below an output folder, or of one results file.

    Results that cannot be read are named on stderr and passed over where others can be read.

    Raises:
        ResultsError: there is none, or none that can be read.
    """
    problems: list[ResultsError] = []
    files = sorted(path.rglob(f"*{RESULTS_SUFFIX}")) if path.is_dir() else [path]
    runs = [run for file in files for run in read_results_file(file, problems)]
    newest = {(run.results_file.parent, run.task): run for run in runs}
    runs.sort(key=lambda run: run.made)
    newest |= {(run.results_file.parent, run.task): run for run in runs}
    if not newest:
        raise _nothing_read(path, problems)
    for problem in problems:
        warn(f"{problem}; passed over")
    return list(newest.values())


def _nothing_read(path: Path, problems: list[ResultsError]) -> ResultsError:
    if not problems:
        return ResultsError(
            f"{path}: no results of a tag_ task; next: run lmms-eval --tasks tag_... with "
            "--output_path, and --log_samples for the samples"
        )
    more = f" ({len(problems) - 1} more like it)" if len(problems) > 1 else ""
    return ResultsError(f"{problems[0]}{more}")


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


def read_results_file(path: Path, problems: list[ResultsError]) -> list[TaskRun]:
    """The tag_ tasks of one results file; none when it holds other tasks only.

    Whatever cannot be read, the file or our part of a task, is added to `problems`.
    """
    runs: list[TaskRun] = []
    try:
        content = read_json(path)
        blocks = _blocks(content, path)
    except FileNotFoundError:
        problems.append(
            ResultsError(f"{path}: no such file or folder; next: name lmms-eval's --output_path")
        )
        return runs
    except (TextFileError, OSError) as error:
        problems.append(_unreadable(path, error))
        return runs
    for task, block in blocks.items():
        try:
            runs.append(_task_run(path, content, task, block))
        except ResultsError as error:
            problems.append(error)
    return runs


def _blocks(content: object, path: Path) -> dict[str, Any]:
    """What is stored of each tag_ task."""
    blocks = content.get(BLOCK, {}) if isinstance(content, dict) else None
    if not isinstance(blocks, dict):
        what = "not lmms-eval's results" if blocks is None else f"`{BLOCK}` is no object"
        raise TextFileError(f"{path}: {what}")
    return blocks


def _unreadable(path: Path, error: object) -> ResultsError:
    better = "name the *_results.json beside it" if path.suffix == ".jsonl" else "evaluate again"
    return ResultsError(f"{error}; next: {better}, or take {path.name} away")


def _task_run(path: Path, content: Mapping[str, Any], task: str, block: object) -> TaskRun:
    problem = unsound(task, block)
    if problem is None:
        try:
            stated = Stated.model_validate(block)
        except ValidationError as error:
            problem = first_problem(error)
        else:
            problem = contradiction(stated.protocol, stated.summary)
    if problem is not None:
        raise ResultsError(
            f"{path}: {task}: {problem}; next: evaluate again with this version, or take "
            f"{path.name} away"
        )
    date = path.name.removesuffix(RESULTS_SUFFIX)
    samples = path.with_name(f"{date}_samples_{task}.jsonl")
    run, model = content.get("config"), content.get("model_name")
    return TaskRun(
        task=task,
        model=model if isinstance(model, str) and model else path.parent.name,
        date=date,
        results_file=path,
        samples_file=samples if samples.exists() else None,
        run=run if isinstance(run, dict) else {},
        stated=stated,
        made=(_date(path, content.get("date")), path.name),
    )


def date_in(text: str) -> str:
    """The date of a run in a text, as lmms-eval writes it into file names; "" without one."""
    match = _DATE.search(text)
    return match[0] if match else ""


def _date(path: Path, stated: object) -> str:
    """When a run was made: as its content says, else its name, else the file system."""
    written = date_in(str(stated)[:100]) or date_in(path.name)
    return written or f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y%m%d_%H%M%S}"
