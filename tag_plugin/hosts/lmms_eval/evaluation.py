"""The evaluation that is running: what was settled before its model loaded, what came out so far.

The host calls us in several places (before the model, at each task, at each aggregation) and hands
nothing from one to the next; this is what they share.
"""

import math
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.documents import TestSet
from tag_plugin.hosts.lmms_eval.questions import Question, find_question
from tag_plugin.hosts.lmms_eval.wrappers import NO_WRAPPER, Wrapper
from tag_plugin.results.protocol import ALL_ITEMS
from tag_plugin.results.reader import Stated

_DEFAULTS: Final = MappingProxyType(
    {
        "num_fewshot": None,
        "system_instruction": None,
        "apply_chat_template": False,
        "fewshot_as_multiturn": False,
        "repeats": 1,
        "predict_only": False,
    }
)
"""Arguments of the host that change what is measured, and their defaults."""


@dataclass(frozen=True)
class Evaluation:
    """One call of the host's `simple_evaluate`.

    `wrapper` asks the model of `checkpoint`, which `model_input` describes for the protocol.
    `gen_kwargs` override the tasks' generation arguments, `limit` and `offset` choose items,
    `options` are the host's arguments that differ from its defaults. `test_sets` were read before
    the model loads. `prompts` are those of its TAG tasks. `stated` fills up, task by task: what was
    settled when its documents were loaded, then its numbers.
    """

    question: Question
    wrapper: Wrapper = NO_WRAPPER
    checkpoint: str = ""
    model_input: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    test_sets: Mapping[tuple[str, str], TestSet] = field(default_factory=dict)
    gen_kwargs: Mapping[str, Any] = field(default_factory=dict)
    limit: float | None = None
    offset: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    prompts: set[str] = field(default_factory=set)
    stated: dict[str, Stated] = field(default_factory=dict)

    def items(self, n: int) -> str:
        """Which of a test set's `n` rows are evaluated: "all", or a range of their numbers."""
        limit = self.limit
        count = n if not limit or limit < 0 else math.ceil(n * limit) if limit < 1 else int(limit)
        last = min(n, self.offset + count) - 1
        return ALL_ITEMS if (self.offset, last) == (0, n - 1) else f"{self.offset}-{last}"


RUNNING: ContextVar[Evaluation | None] = ContextVar("tag_plugin_evaluation", default=None)
"""The evaluation that is running in this process."""


def current_evaluation() -> Evaluation:
    """The evaluation that is running, or a plain one as TAG_BOX_FRAME says.

    Raises:
        WrongConfigurationError: neither is known.
    """
    found = RUNNING.get()
    return Evaluation(find_question("", {})) if found is None else found


def host_options(call: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `simple_evaluate` that change what is measured, where not the default."""
    return {n: call[n] for n, default in _DEFAULTS.items() if call.get(n, default) != default}
