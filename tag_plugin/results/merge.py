"""Shards of one evaluation (--limit and --offset), put together as if it had been one run.

Every number is made anew from the samples of all shards by the one summary.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.text_file import read_json_object
from tag_plugin.facs.emotions import label_set
from tag_plugin.results.protocol import ALL_ITEMS, Protocol, differences
from tag_plugin.results.reader import BLOCK, RESULTS_SUFFIX, TaskRun, read_runs
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
    return [
        write_run(out / runs[0].results_file.parent.name / task, date, task, content, samples)
        for (task, runs), (content, samples) in zip(groups.items(), merged, strict=True)
    ]


def _merged(runs: Sequence[TaskRun], date: str) -> tuple[dict[str, Any], list[Sample]]:
    """The content of the results file, and the samples."""
    _require_one_evaluation(runs)
    first = runs[0]
    samples, records = map(list, zip(*_joined(runs), strict=True))
    items = _items(samples, first.protocol.n)
    return restated(first, first.protocol.model_copy(update={"items": items}), records) | {
        "config": {**first.run, "limit": None, "offset": 0},
        "date": date,
        "merged_from": [str(run.results_file) for run in runs],
    }, samples


def restated(run: TaskRun, protocol: Protocol, records: Sequence[JudgedSample]) -> dict[str, Any]:
    """The content of a results file with the numbers of these records, and of no other task.

    Raises:
        ResultsError: the run's file is not what lmms-eval writes.
    """
    content, numbers = _host_part(run)
    summary = summarise(
        records, label_set(protocol.label_set), run.summary.bootstrap, run.stated.baselines
    )
    stated = run.stated.model_copy(
        update={"protocol": protocol, "fingerprint": protocol.fingerprint, "summary": summary}
    )
    return {
        **content,
        "results": {
            run.task: numbers
            | {f"{name},none": each.value for name, each in summary.metrics.items()}
            | {"judged,none": summary.n, "alias": f"{run.task} [{stated.fingerprint}]"}
        },
        "groups": {},
        "n-samples": {run.task: {"original": protocol.n, "effective": len(records)}},
        BLOCK: {run.task: stated.model_dump(mode="json")},
    }


def _host_part(run: TaskRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """The host's results, and its numbers of this task."""
    content = read_json_object(run.results_file)
    results = content.get("results")
    numbers = results.get(run.task) if isinstance(results, dict) else None
    if not isinstance(numbers, dict) or too_deep(content):
        raise ResultsError(
            f"{run.results_file}: results.{run.task} is not what lmms-eval writes; next: evaluate "
            "this shard again"
        )
    return content, numbers


def _require_one_evaluation(runs: Sequence[TaskRun]) -> None:
    first = runs[0]
    for run in runs[1:]:
        protocols = (each.protocol.model_copy(update={"items": ALL_ITEMS}) for each in (first, run))
        models = [f"{each.model} (weights {each.stated.weights})" for each in (first, run)]
        pairs = {**differences(*protocols), **({"model": models} if models[0] != models[1] else {})}
        if pairs:
            fields = "; ".join(f"{name}: {one} | {two}" for name, (one, two) in pairs.items())
            raise ResultsError(
                f"{first.results_file} and {run.results_file} are not shards of one evaluation: "
                f"they differ in {fields}; next: evaluate the shards alike"
            )


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


def write_run(
    folder: Path, date: str, task: str, content: Mapping[str, Any], samples: Sequence[Sample]
) -> Path:
    """A results file and its samples, as the host names them; returns the results file."""
    lines = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    write_text(folder / f"{date}_samples_{task}.jsonl", lines)
    results = folder / f"{date}{RESULTS_SUFFIX}"
    write_text(results, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return results
