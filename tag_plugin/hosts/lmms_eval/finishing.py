"""The end of an evaluation: numbers with intervals and protocol, printed and put into its results.

Only the first process of a run gets here with results; the others get None from the host.
"""

from typing import Any

from loguru import logger

from tag_plugin.data.console import console
from tag_plugin.hosts.lmms_eval.evaluation import Evaluation
from tag_plugin.hosts.lmms_eval.results import SUMMARIES
from tag_plugin.results.reader import BLOCK
from tag_plugin.results.table import summary_table


def finish(results: dict[str, Any] | None, evaluation: Evaluation) -> dict[str, Any] | None:
    """The host's results with our part in them; None where the host has none.

    Its names of tasks get the protocol's fingerprint, its samples the order of the test set.
    """
    if results is None:
        return None
    done = {
        task: stated.model_copy(update={"summary": SUMMARIES.pop(task, stated.summary)})
        for task, stated in evaluation.stated.items()
        if task in results["results"]
    }
    results[BLOCK] = {task: stated.model_dump(mode="json") for task, stated in done.items()}
    for task, stated in done.items():
        numbers = results["results"][task]
        numbers["alias"] = f"{numbers.get('alias', task)} [{stated.fingerprint}]"
        if task in results.get("samples", {}):
            results["samples"][task].sort(key=lambda sample: sample["doc_id"])
        console().print(summary_table(stated.protocol, stated.summary))
        for alarm in stated.summary.alarms:
            logger.warning(f"{task}: {alarm}")
    return results
