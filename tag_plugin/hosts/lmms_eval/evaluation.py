"""The evaluation that is running: what was settled before its model loaded, what came out of it.

The host calls us in several places (before the model, at each task, at each aggregation) and hands
nothing from one to the next; this is what they share.
"""

import math
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from tag_plugin.data.console import console
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.documents import BASELINES, ROWS, TestSet
from tag_plugin.hosts.lmms_eval.results import SUMMARIES
from tag_plugin.hosts.lmms_eval.wrappers import NO_WRAPPER, Wrapper
from tag_plugin.results.protocol import ALL_ITEMS
from tag_plugin.results.reader import BLOCK
from tag_plugin.results.stated import Stated
from tag_plugin.results.table import summary_table
from tag_plugin.scoring.record import RECORD


@dataclass(frozen=True)
class Evaluation:
    """One call of the host's `simple_evaluate`.

    `wrapper` asks the model of `checkpoint`, which `model_input` describes for the protocol.
    `call` holds the host's arguments. `test_sets` were read before the model loads. `prompts` are
    those of its TAG tasks. `stated` fills up, task by task: what was settled when its documents
    were loaded, then its numbers.
    """

    question: Question
    wrapper: Wrapper = NO_WRAPPER
    checkpoint: str = ""
    model_input: Mapping[str, Any] = field(default_factory=dict)
    test_sets: Mapping[tuple[str, str], TestSet] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    prompts: set[str] = field(default_factory=set)
    stated: dict[str, Stated] = field(default_factory=dict)

    def items(self, n: int) -> str:
        """Which of a test set's `n` rows are evaluated: "all", or a range of their numbers."""
        limit, offset = self.call.get("limit") or 0, int(self.call.get("offset") or 0)
        count = math.ceil(n * limit) if limit < 1 else int(limit)
        last = min(n, offset + count if limit > 0 else n) - 1
        return ALL_ITEMS if (offset, last) == (0, n - 1) else f"{offset}-{last}"


RUNNING: ContextVar[Evaluation | None] = ContextVar("tag_plugin_evaluation", default=None)
"""The evaluation that is running in this process."""


def finish(results: dict[str, Any] | None, evaluation: Evaluation) -> dict[str, Any] | None:
    """The host's results with numbers, intervals and protocol in them; None where it has none.

    Only the first process of a run has results. Its names of tasks get the protocol's fingerprint,
    its samples the order of the test set, and each its record.
    """
    if results is not None:
        results[BLOCK] = {}
    for task, stated in evaluation.stated.items():
        ROWS.pop(task, None)
        BASELINES.pop(task, None)
        summary = SUMMARIES.pop(task, stated.summary)
        if results is None or task not in results["results"]:
            continue
        done = stated.model_copy(update={"summary": summary})
        results[BLOCK][task] = done.model_dump(mode="json")
        numbers = results["results"][task]
        for name in [name for name, value in numbers.items() if value is None]:
            del numbers[name]  # does not apply to these samples
        numbers["alias"] = f"{numbers.get('alias', task)} [{done.fingerprint}]"
        samples = results.get("samples", {}).get(task, [])
        samples.sort(key=lambda sample: sample["doc_id"])
        for sample in samples:
            if RECORD in sample:  # unless a task of the user's own has its own metrics
                sample[RECORD] = sample[RECORD].model_dump(mode="json")
        console().print(summary_table(done.protocol, summary))
        for alarm in summary.alarms:
            logger.warning(f"{task}: {alarm}")
    return results
