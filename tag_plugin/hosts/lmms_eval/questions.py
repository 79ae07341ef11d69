"""Which question a model is asked, and in which frame it writes boxes: declared, never guessed.

In this order: the record that training left in the checkpoint, what the user says in
TAG_BOX_FRAME, and for a stock model the frame that its family was pre-trained on.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.checkpoint_record import RECORD_FILE, RecordError, read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.families import (
    ARCHITECTURES,
    WRAPPER_FRAMES,
    model_type,
)
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import (
    Style,
    grounded_prompt,
    label_only_prompt,
    prompt_hash,
    question_prompt,
)

BOX_FRAME_VARIABLE: Final = "TAG_BOX_FRAME"

CHECKPOINT_ARGUMENTS: Final = ("pretrained", "model", "model_version", "model_path")


@dataclass(frozen=True, slots=True)
class Question:
    """How a model is asked: the frame it writes, who said so, and whether it should reason."""

    frame: BoxFrame
    source: str
    label_only: bool = False

    def style(self, asked: Style) -> Style:
        """The style of a task of style `asked`: label-only training knows no grounded question."""
        return Style.DIRECT if self.label_only and asked is Style.GROUNDED else asked

    def prompt(self, labels: LabelSet, asked: Style = Style.GROUNDED) -> str:
        """The user's text for a test set with these labels."""
        return question_prompt(self.style(asked), labels, self.frame)


NO_BOXES: Final = Question(BoxFrame.RELATIVE, "no boxes are asked for")
"""The question where every task asks for no boxes: nothing needs to declare a frame."""


def named_checkpoint(model: Any, model_args: Mapping[str, Any]) -> str:
    """The folder or name of the model that `simple_evaluate` is called with; empty without one."""
    if not isinstance(model, str):  # the host itself reads an object's name like this
        return str(getattr(getattr(model, "config", None), "_name_or_path", ""))
    return next((str(model_args[k]) for k in CHECKPOINT_ARGUMENTS if k in model_args), "")


def find_question(model: Any, model_args: Mapping[str, Any]) -> Question:
    """The question for a model as the host names it, before it loads.

    Raises:
        WrongConfigurationError: nothing declares the frame, or two declarations differ.
    """
    told, checkpoint = _told(), named_checkpoint(model, model_args)
    recorded = _recorded(checkpoint) if checkpoint else None
    if recorded is not None and told is not None and told.frame is not recorded.frame:
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} was trained to write {recorded.frame} boxes, "
            f"{BOX_FRAME_VARIABLE} says {told.frame}; next: unset {BOX_FRAME_VARIABLE}"
        )
    found = recorded or told or _pretrained(model, checkpoint)
    if found is None:
        who = checkpoint or (model if isinstance(model, str) and model else "this model")
        raise WrongConfigurationError(
            f"tag-plugin: nothing says in which frame {who} writes "
            f"its boxes: no {RECORD_FILE} beside the weights, and its family is not one of "
            f"{', '.join(ARCHITECTURES)}; next: export {BOX_FRAME_VARIABLE}=relative (0..1000) or "
            "absolute (pixels)"
        )
    return found


def _told() -> Question | None:
    value = os.environ.get(BOX_FRAME_VARIABLE, "")
    if not value:
        return None
    try:
        return Question(BoxFrame(value), BOX_FRAME_VARIABLE)
    except ValueError:
        frames = " or ".join(BoxFrame)
        raise WrongConfigurationError(
            f"tag-plugin: {BOX_FRAME_VARIABLE}={value!r}; next: {frames}"
        ) from None


def _recorded(checkpoint: str) -> Question | None:
    try:
        record = read_checkpoint_record(Path(checkpoint))
    except RecordError as error:
        raise WrongConfigurationError(f"tag-plugin: {error}") from None
    if record is None:
        return None
    wordings = record.prompt_hash.split("+")
    grounded = prompt_hash(grounded_prompt(ANY_EMOTION, record.box_frame)) in wordings
    label_only = not grounded and prompt_hash(label_only_prompt(ANY_EMOTION)) in wordings
    other = "" if grounded or label_only else ", which was asked in other words (another version)"
    return Question(record.box_frame, f"{RECORD_FILE} of {checkpoint}{other}", label_only)


def _pretrained(model: Any, checkpoint: str) -> Question | None:
    if isinstance(model, str) and model in WRAPPER_FRAMES:
        return Question(WRAPPER_FRAMES[model], f"what {model} models are pre-trained on")
    name = model_type(checkpoint) if checkpoint else None
    if name is None or name not in ARCHITECTURES:
        return None
    return Question(ARCHITECTURES[name].frame, f"what {name} models are pre-trained on")
