"""Which of the host's wrappers loads a checkpoint, and which frame its family was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.box_frames import FAMILIES
from tag_plugin.data.checkpoint_record import RecordError, read_checkpoint_record
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError


@dataclass(frozen=True, slots=True)
class Architecture:
    """The host's model name for an architecture, and its family."""

    wrapper: str
    family: str

    @property
    def frame(self) -> BoxFrame:
        """The frame that the family's pre-training writes boxes in."""
        return FAMILIES[self.family].frame


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "qwen2_vl": Architecture("qwen2_vl", "qwen2_vl"),
    "qwen2_5_vl": Architecture("qwen2_5_vl", "qwen2_5_vl"),
    "qwen3_vl": Architecture("qwen3_vl", "qwen3_vl"),
    "qwen3_vl_moe": Architecture("qwen3_vl", "qwen3_vl"),
    "internvl": Architecture("internvl_hf", "internvl"),
    "llava": Architecture("llava_hf", "llava"),
    "llava_next": Architecture("llava_hf", "llava"),
    "llava_onevision": Architecture("llava_hf", "llava"),
    "glm4v": Architecture("glm4v", "glm4v"),
}
"""`model_type` of a config.json -> which of the host's wrappers loads it, and its family."""

WRAPPER_FRAMES: Final[Mapping[str, BoxFrame]] = {
    each.wrapper: each.frame for each in ARCHITECTURES.values()
}
"""The host's model name -> the frame of every family that it loads."""


def model_type(checkpoint: str) -> str | None:
    """`model_type` of a checkpoint's config.json; None where there is none to read."""
    file = Path(checkpoint, "config.json")
    try:
        if not file.is_file():
            return _text(_remote_config(checkpoint).get("model_type"))
        return _text(read_json_object(file).get("model_type"))
    except TextFileError as error:
        raise WrongConfigurationError(
            f"tag-plugin: {error}; next: copy the checkpoint again"
        ) from None


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
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} is a {found!r} model, --model hf knows "
            f"{', '.join(ARCHITECTURES)}; next: --model NAME, see lmms-eval models"
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


def _text(value: object) -> str | None:
    return None if value is None else str(value)
