"""Shards of one evaluation (--limit and --offset), put together as if it had been one run.

Every number is made anew from the samples of all shards by the one summary.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.text_file import read_json_object
from tag_plugin.facs.emotions import label_set
from tag_plugin.results.protocol import ALL_ITEMS, Protocol, differences
from tag_plugin.results.reader import BLOCK, RESULTS_SUFFIX, Stated, TaskRun, read_runs
from tag_plugin.results.record import ResultsError, read_record
from tag_plugin.results.soundness import too_deep
from tag_plugin.results.summary import summarise
from tag_plugin.scoring.record import JudgedSample

Sample = dict[str, Any]


def merge(shards: Sequence[Path], out: Path) -> list[Path]:
    """Merge output folders (or results files) task by task; returns the results files written.

    Raises:
        ResultsError: shards of other protocols or models, an item twice, or no samples.
    """
    groups: dict[str, list[TaskRun]] = {}
    for shard in shards:
        for run in read_runs(shard):
            groups.setdefault(run.task, []).append(run)
    date = f"{datetime.now():%Y%m%d_%H%M%S}_merged"  # like the host's own names
    merged = [_merged(runs, date) for runs in groups.values()]
    return [_write(content, samples, runs, out, date) for content, samples, runs in merged]


def _merged(
    runs: Sequence[TaskRun], date: str
) -> tuple[dict[str, Any], list[Sample], Sequence[TaskRun]]:
    _require_one_evaluation(runs)
    joined = _joined(runs)
    samples = [sample for sample, _ in joined]
    judged = [record for _, record in joined]
    first = runs[0]
    protocol = first.protocol.model_copy(update={"items": _items(samples, first.protocol.n)})
    stated = first.stated.model_copy(
        update={
            "protocol": protocol,
            "fingerprint": protocol.fingerprint,
            "summary": summarise(
                judged, label_set(first.protocol.label_set), first.summary.bootstrap
            ),
        }
    )
    whole_run = {**first.run, "limit": None, "offset": 0}
    merged = restated(first, stated, len(samples)) | {
        "config": whole_run,
        "date": date,
        "merged_from": [str(run.results_file) for run in runs],
    }
    return merged, samples, runs


def restated(run: TaskRun, stated: Stated, samples: int) -> dict[str, Any]:
    """The content of a results file with other numbers of this task, and of no other task.

    Raises:
        ResultsError: the run's file is not what lmms-eval writes.
    """
    content, numbers = _host_part(run)
    numbers |= {f"{name},none": each.value for name, each in stated.summary.metrics.items()}
    numbers["judged,none"] = stated.summary.n
    numbers["alias"] = f"{run.task} [{stated.fingerprint}]"
    return {
        **content,
        "results": {run.task: numbers},
        "groups": {},
        "n-samples": {run.task: {"original": stated.protocol.n, "effective": samples}},
        BLOCK: {run.task: stated.model_dump(mode="json")},
    }


def _host_part(run: TaskRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """The host's results, and its numbers of this task."""
    content = read_json_object(run.results_file)
    numbers = content.get("results")
    found = numbers.get(run.task) if isinstance(numbers, dict) else None
    if not isinstance(found, dict) or too_deep(content):
        raise ResultsError(
            f"{run.results_file}: results.{run.task} is not what lmms-eval writes; next: evaluate "
            "this shard again"
        )
    return content, found


def _require_one_evaluation(runs: Sequence[TaskRun]) -> None:
    first = runs[0]
    for run in runs[1:]:
        found = differences(_whole(first.protocol), _whole(run.protocol))
        if run.stated.weights != first.stated.weights or run.model != first.model:
            found["model"] = (_model(first), _model(run))
        if found:
            fields = "; ".join(f"{name}: {one} | {two}" for name, (one, two) in found.items())
            raise ResultsError(
                f"{first.results_file} and {run.results_file} are not shards of one evaluation: "
                f"they differ in {fields}; next: evaluate the shards alike"
            )


def _whole(protocol: Protocol) -> Protocol:
    return protocol.model_copy(update={"items": ALL_ITEMS})


def _model(run: TaskRun) -> str:
    return f"{run.model} (weights {run.stated.weights})"


def _joined(runs: Sequence[TaskRun]) -> list[tuple[Sample, JudgedSample]]:
    """The samples of all shards, and their records, in the order of the test set."""
    found: dict[int, tuple[str, Sample, JudgedSample]] = {}
    for where, sample, record in (line for run in runs for line in run.lines(read_record)):
        number = sample.get("doc_id")
        if type(number) is not int or not 0 <= number < runs[0].protocol.n or too_deep(sample):
            raise ResultsError(
                f"{where}: doc_id {str(number)[:20]} is no item of a test set of "
                f"{runs[0].protocol.n}; next: evaluate this shard again"
            )
        if number in found:
            raise ResultsError(
                f"{where}: item {number} is also at {found[number][0]}; next: shards must not "
                "overlap (--offset of one is --offset + --limit of the one before)"
            )
        found[number] = (where, dict(sample), record)
    if not found:
        raise ResultsError(f"{runs[0].samples_file}: no samples; next: evaluate the shards again")
    return [found[number][1:] for number in sorted(found)]


def _items(samples: Sequence[Mapping[str, Any]], n: int) -> str:
    """Which items these are: "all", or ranges of their numbers, "0-99,200-299"."""
    numbers = [int(sample["doc_id"]) for sample in samples]
    if len(numbers) == n:  # each is one of n items, none is there twice
        return ALL_ITEMS
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{low}-{high}" for low, high in ranges)


def _write(
    content: Mapping[str, Any],
    samples: Sequence[Sample],
    runs: Sequence[TaskRun],
    out: Path,
    date: str,
) -> Path:
    return write_run(
        out / runs[0].results_file.parent.name / runs[0].task, date, runs[0].task, content, samples
    )


def write_run(
    folder: Path, date: str, task: str, content: Mapping[str, Any], samples: Sequence[Sample]
) -> Path:
    """A results file and its samples, as the host names them; returns the results file."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    _replace(folder / f"{date}_samples_{task}.jsonl", lines)
    results = folder / f"{date}{RESULTS_SUFFIX}"
    _replace(results, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return results


def _replace(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
