"""The end of an evaluation: numbers with intervals and protocol, printed and put into its results.

Only the first process of a run gets here with results; the others get None from the host.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from loguru import logger

from tag_plugin.data.console import console
from tag_plugin.hosts.lmms_eval.evaluation import RUNNING, Evaluation, no_collections
from tag_plugin.results.reader import BLOCK, Stated
from tag_plugin.results.record import Judged
from tag_plugin.results.summary import summarise
from tag_plugin.results.table import summary_table


def count_judged(records: Sequence[Mapping[str, Any]]) -> int:
    """The number of judged samples of a task; its summary is made on the way.

    The host's aggregation over the records of all processes.
    """
    evaluation = RUNNING.get()
    task = records[0]["task"] if records else ""
    if evaluation is not None and task in evaluation.stated:
        with no_collections():
            samples = [Judged.model_validate(record) for record in records]
            summary = summarise(samples, samples[0].labels)
        stated = evaluation.stated[task]
        evaluation.stated[task] = stated.model_copy(update={"summary": summary})
    return sum(record["failed"] is None for record in records)


def finish(results: dict[str, Any] | None, evaluation: Evaluation) -> dict[str, Any] | None:
    """The host's results with our part in them; None where the host has none.

    The host's numbers become the summary's (the same up to the last digit of rounding, whatever
    the number of processes), its names get the protocol's fingerprint, its samples the order of
    the test set.
    """
    if results is None:
        return None
    done = {
        task: stated for task, stated in evaluation.stated.items() if task in results["results"]
    }
    results[BLOCK] = {task: stated.model_dump(mode="json") for task, stated in done.items()}
    for task, stated in done.items():
        state_numbers(results["results"][task], stated)
        if task in results.get("samples", {}):
            results["samples"][task].sort(key=lambda sample: sample["doc_id"])
        console().print(summary_table(stated.protocol, stated.summary))
        for alarm in stated.summary.alarms:
            logger.warning(f"{task}: {alarm}")
    return results


def state_numbers(numbers: dict[str, Any], stated: Stated) -> None:
    """Puts a summary's values in the place of the host's, and the fingerprint beside its name."""
    for key in list(numbers):
        name = key.removesuffix(",none")
        if name in stated.summary.metrics:
            numbers[key] = stated.summary.metrics[name].value
    alias = str(numbers.get("alias", stated.protocol.task))
    numbers["alias"] = f"{alias} [{stated.fingerprint}]"
