"""Stored completions scored again by today's judge, without a model, beside the old results."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tag_plugin.results.merge import restated, write_run
from tag_plugin.results.reader import RESULTS_SUFFIX, TaskRun, read_run, read_runs
from tag_plugin.results.record import ResultsError, read_answer
from tag_plugin.scoring.record import RECORD, JudgedSample
from tag_plugin.scoring.score import JUDGE_VERSION, JudgeConfig

_PARTS: Final = ("answer", "grounding", "format")


@dataclass(frozen=True)
class Rejudged:
    """One task before and after, and how many samples have another verdict."""

    before: TaskRun
    after: TaskRun
    changed: int


def rejudge(results: Path, task: str | None = None) -> list[Rejudged]:
    """Judge the samples of each run again; the old files stay as they are.

    Raises:
        ResultsError: no such task, no samples, or a sample without what it was judged by.
    """
    runs = [run for run in read_runs(results) if task in (None, run.task)]
    if not runs:
        raise ResultsError(f"{results}: no {task}; next: name a task that was evaluated")
    return [_rejudged(run) for run in runs]


def _rejudged(run: TaskRun) -> Rejudged:
    samples: list[dict[str, Any]] = []
    records: list[JudgedSample] = []
    changed = 0
    for _, sample, answered in run.lines(read_answer):
        records.append(answered.judged(_config(run, answered.thresholds.model_dump())))
        samples.append({**sample, RECORD: records[-1].model_dump(mode="json")})
        changed += _differs(sample[RECORD], samples[-1][RECORD])
    date, folder = _date(run), run.results_file.parent
    judge = {**run.protocol.judge, "version": JUDGE_VERSION}
    content = restated(run, run.protocol.model_copy(update={"judge": judge}), records) | {
        "date": date,
        "rejudged_from": str(run.results_file),
    }
    if (folder / f"{date}{RESULTS_SUFFIX}").exists():
        raise ResultsError(
            f"{folder / date}{RESULTS_SUFFIX} is there: this run was judged again before; next: "
            "use it, or take it away"
        )
    path = write_run(folder, date, run.task, content, samples)
    return Rejudged(run, read_run(path, run.task), changed)


def _date(run: TaskRun) -> str:
    """A name that readers take for newer than the run's own, whatever time zone the host is in."""
    date = max(f"{datetime.now():%Y%m%d_%H%M%S}", run.made[0])
    return f"{date}_with_judge_{JUDGE_VERSION}_{run.task}"  # sorts behind `DATE_results.json`


def _differs(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two records hold other verdicts; of an older version the answer and the parts."""
    verdict = new["verdict"]
    if "verdict" in old:
        return bool(old["verdict"] != verdict)
    parts = {name: verdict[name] for name in _PARTS}
    return (old.get("prediction"), old.get("parts")) != (verdict["parsed"]["answer"], parts)


def _config(run: TaskRun, thresholds: Mapping[str, float]) -> JudgeConfig:
    """The judge's settings of the run, with the thresholds of the sample's detector."""
    settings = {name: value for name, value in run.protocol.judge.items() if name != "version"}
    try:
        return JudgeConfig.model_validate(
            {**settings, "thresholds": thresholds, "answers": run.protocol.answers}
        )
    except ValidationError as error:
        raise ResultsError(
            f"{run.results_file}: the judge's settings of {run.task} are not today's "
            f"({error.errors()[0]['msg']}); next: evaluate again"
        ) from None
