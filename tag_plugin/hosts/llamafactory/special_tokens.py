"""Special tokens are dropped when an answer is read: none may be part of a TAG answer."""

from typing import Any

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.trace.grammar import Trace
from tag_plugin.trace.render import render


class SpecialTokenError(ValueError):
    """A special token that would take a part out of every answer; names it and what to write."""


def check_special_tokens(tokenizer: Any) -> None:
    """Refuses a tokenizer whose special tokens are part of the grammar.

    Whether the recipe adds them (add_special_tokens, new_special_tokens_config) or the model's own
    tokenizer has them: they would be trained, and every reader would drop them.

    Raises:
        SpecialTokenError: names the token.
    """
    answers = _answers()
    added = (str(token) for token in tokenizer.added_tokens_decoder.values() if token.special)
    for token in sorted({*map(str, tokenizer.all_special_tokens), *added} - {""}):
        if token in answers:
            raise SpecialTokenError(
                f"the tokenizer has the special token {token!r}, which is part of a TAG answer: "
                "special tokens are dropped when an answer is read; next: leave it out of "
                "add_special_tokens (add_tokens keeps it readable), or take a model whose "
                "tokenizer has it as an ordinary token"
            )


def _answers() -> str:
    """Every fixed piece of the grammar: all AUs, all labels, boxes with all digits."""
    boxes = ([12, 345, 678, 900], [0, 1, 999, 1000])
    steps = [
        {"region": unit.region, "au": unit.id, "observation": "it moves", "box": boxes[index % 2]}
        for index, unit in enumerate(ACTION_UNITS.values())
    ]
    traces = [
        Trace.model_validate({"global_analysis": "-", "inspections": claims, "answer": label})
        for label in EMOTIONS
        for claims in (steps, [])
    ]
    return "\n".join(render(trace, frame) for trace in traces for frame in BoxFrame)
