"""The hub's result files: `.eval_results/<task>.yaml` in a model's repository, with the protocol.

https://huggingface.co/docs/hub/eval-results
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.file_names import plain_id
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.table import interval_text
from tag_plugin.scoring.metrics import headlines

FOLDER: Final = ".eval_results"


def write_eval_results(
    runs: Sequence[TaskRun], folder: Path, hub_names: Mapping[str, str]
) -> list[Path]:
    """A file a task below `folder`; returns them.

    Args:
        runs: the evaluations of one model.
        folder: of the model's repository.
        hub_names: dataset -> its id on the hub; a dataset without one goes by its own name.
    """
    files = []
    for run in runs:
        file = folder / FOLDER / f"{plain_id(run.task)}.yaml"
        write_text(file, yaml.safe_dump(_entries(run, hub_names), sort_keys=False))
        files.append(file)
    return files


def _entries(run: TaskRun, hub_names: Mapping[str, str]) -> list[dict[str, Any]]:
    protocol, metrics = run.protocol, run.summary.metrics
    dataset = hub_names.get(protocol.dataset, protocol.dataset)
    return [
        {
            "dataset": {"id": dataset, "task_id": f"{run.task}/{metric.name}"},
            "value": round(metrics[metric.name].value, 4),
            **_date(run.date),
            "notes": f"{interval_text(metrics[metric.name])}, n = {run.summary.n}, "
            f"protocol {protocol.name}",
        }
        for metric in headlines()
        if metric.name in metrics
    ]


def _date(text: str) -> dict[str, str]:
    """20260131_235959 as 2026-01-31; nothing where a file's name has no date."""
    digits = text[:8]
    return {"date": f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"} if digits.isdigit() else {}
