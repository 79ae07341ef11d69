"""What is known of a checkpoint before it loads: its wrapper, its question, its box frame.

The frame is declared, never guessed, in this order: the record that training left in the
checkpoint, what the user says in TAG_BOX_FRAME, and for a stock model the frame that its family was
pre-trained on.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from tag_plugin.data.box_frames import FAMILIES
from tag_plugin.data.checkpoint_record import (
    RECORD_FILE,
    CheckpointRecord,
    RecordError,
    read_checkpoint_record,
)
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
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
    """How a model is asked: the frame it writes, who said so, and whether it should reason.

    A `trained` one has a record: its own chat template asks as its training did.
    """

    frame: BoxFrame
    source: str
    label_only: bool = False
    trained: bool = False

    def style(self, asked: Style) -> Style:
        """The style of a task of style `asked`: label-only training knows no grounded question."""
        return Style.DIRECT if self.label_only and asked is Style.GROUNDED else asked

    def prompt(self, labels: LabelSet, asked: Style = Style.GROUNDED) -> str:
        """The user's text for a test set with these labels."""
        return question_prompt(self.style(asked), labels, self.frame)


NO_BOXES: Final = Question(BoxFrame.RELATIVE, "no boxes are asked for")
"""The question where every task asks for no boxes: nothing needs to declare a frame."""


class Architecture(NamedTuple):
    """The host's model name for an architecture, and the frame of its family's pre-training."""

    wrapper: str
    family: str

    @property
    def frame(self) -> BoxFrame:
        """The frame of the family."""
        return FAMILIES[self.family].frame


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "qwen2_vl": Architecture("qwen2_vl", "qwen2_vl"),
    "qwen2_5_vl": Architecture("qwen2_5_vl", "qwen2_5_vl"),
    "qwen3_vl": Architecture("qwen3_vl", "qwen3_vl"),
    "qwen3_vl_moe": Architecture("qwen3_vl", "qwen3_vl"),
    "qwen3_5": Architecture("qwen3_5", "qwen3_5"),
    "internvl": Architecture("internvl_hf", "internvl"),
    "llava": Architecture("llava_hf", "llava"),
    "llava_next": Architecture("llava_hf", "llava"),
    "llava_onevision": Architecture("llava_hf", "llava"),
    "glm4v": Architecture("glm4v", "glm4v"),
    "glm4v_moe": Architecture("glm4v", "glm4v"),
}
"""`model_type` of a config.json -> the host's wrapper that asks it as its training did."""

WRAPPER_FRAMES: Final[Mapping[str, BoxFrame]] = {
    each.wrapper: each.frame for each in ARCHITECTURES.values()
}
"""The host's model name -> the frame of every family that it loads."""

ONE_AT_A_TIME: Final = ("internvl_hf", "llava_hf")
"""Wrappers of the host that take --batch_size 1 only."""

SERVED: Final = (
    "evaluate it through a server, which asks as its training did:\n"
    "  llamafactory-cli api --model_name_or_path {checkpoint} --template {template}\n"
    "  OPENAI_API_KEY=none lmms-eval --model openai --model_args model_version={checkpoint},"
    "base_url=http://127.0.0.1:8000/v1 --tasks tag_rafdb\n"
    "or through vLLM: lmms-eval --model vllm --model_args model={checkpoint} --tasks tag_rafdb"
)
"""How a checkpoint without a wrapper is evaluated."""


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
            f"{', '.join(ARCHITECTURES)}; next: export {BOX_FRAME_VARIABLE}=relative (0..1000), "
            "absolute (pixels) or fraction (0..1), with _yxyx behind it where y comes first"
        )
    return found


def _told() -> Question | None:
    value = os.environ.get(BOX_FRAME_VARIABLE, "")
    if not value:
        return None
    try:
        return Question(BoxFrame(value), BOX_FRAME_VARIABLE)
    except ValueError:
        frames = ", ".join(BoxFrame)
        raise WrongConfigurationError(
            f"tag-plugin: {BOX_FRAME_VARIABLE}={value!r}; next: {frames}"
        ) from None


def _record(checkpoint: str) -> CheckpointRecord | None:
    try:
        return read_checkpoint_record(Path(checkpoint))
    except RecordError as error:
        raise WrongConfigurationError(f"tag-plugin: {error}") from None


def _recorded(checkpoint: str) -> Question | None:
    record = _record(checkpoint)
    if record is None:
        return None
    wordings = record.prompt_hash.split("+")
    grounded = prompt_hash(grounded_prompt(ANY_EMOTION, record.box_frame)) in wordings
    label_only = not grounded and prompt_hash(label_only_prompt(ANY_EMOTION)) in wordings
    other = "" if grounded or label_only else ", which was asked in other words (another version)"
    return Question(record.box_frame, f"{RECORD_FILE} of {checkpoint}{other}", label_only, True)


def _pretrained(model: Any, checkpoint: str) -> Question | None:
    if isinstance(model, str) and model in WRAPPER_FRAMES:
        return Question(WRAPPER_FRAMES[model], f"what {model} models are pre-trained on")
    name = model_type(checkpoint) if checkpoint else None
    if name is None or name not in ARCHITECTURES:
        return None
    return Question(ARCHITECTURES[name].frame, f"what {name} models are pre-trained on")


def model_type(checkpoint: str) -> str | None:
    """`model_type` of a checkpoint's config.json; None where there is none to read."""
    file = Path(checkpoint, "config.json")
    try:
        config = read_json_object(file) if file.is_file() else _remote_config(checkpoint)
    except TextFileError as error:
        raise WrongConfigurationError(
            f"tag-plugin: {error}; next: copy the checkpoint again"
        ) from None
    name = config.get("model_type")
    return None if name is None else str(name)


def wrapper_name(arguments: Mapping[str, Any]) -> str:
    """The host's model name for the checkpoint that `pretrained` names.

    Raises:
        WrongConfigurationError: no checkpoint is named, or its architecture is unknown.
    """
    if "pretrained" not in arguments:
        raise WrongConfigurationError(
            "tag-plugin: --model hf, the default, needs a checkpoint; next: "
            "--model_args pretrained=DIR"
        )
    checkpoint = str(arguments["pretrained"])
    found = model_type(checkpoint)
    if found is None:
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} has no config.json that names its model_type; "
            "next: --model_args pretrained=DIR with the folder of a whole model"
        )
    if found not in ARCHITECTURES:
        record = _record(checkpoint)
        template = record.template if record else "TEMPLATE"
        served = SERVED.format(checkpoint=checkpoint, template=template)
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} is a {found!r} model, --model hf knows "
            f"{', '.join(ARCHITECTURES)}; next: {served}"
        )
    return ARCHITECTURES[found].wrapper


def refuse_adapter(checkpoint: str) -> None:
    """Refuses the folder of an adapter, which the host cannot load by itself.

    Raises:
        WrongConfigurationError: with the command that merges it into its base.
    """
    folder = Path(checkpoint)
    if not (folder / "adapter_config.json").is_file() or (folder / "config.json").is_file():
        return
    try:
        base = read_json_object(folder / "adapter_config.json").get("base_model_name_or_path")
        record = read_checkpoint_record(folder)
    except (TextFileError, RecordError) as error:
        raise WrongConfigurationError(
            f"tag-plugin: {error}; next: copy the checkpoint again"
        ) from None
    merged = folder.with_name(f"{folder.name}_merged")
    raise WrongConfigurationError(
        f"tag-plugin: {folder} is an adapter (LoRA), not a whole model; next:\n  llamafactory-cli "
        f"export --model_name_or_path {base or 'BASE'} --adapter_name_or_path {folder} --template "
        f"{record.template if record else 'TEMPLATE'} --export_dir {merged}\nand evaluate {merged}"
    )


def _remote_config(checkpoint: str) -> dict[str, Any]:
    from transformers import PretrainedConfig

    try:
        return dict(PretrainedConfig.get_config_dict(checkpoint)[0])
    except (OSError, ValueError):  # no such repository, or out of reach
        return {}
