"""The model families: which of the host's wrappers loads one, and which frame it was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tag_plugin.data.checkpoint_record import RecordError, read_checkpoint_record
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.lmms_eval.configuration import WrongConfigurationError


@dataclass(frozen=True, slots=True)
class Family:
    """The host's model name, and the frame that the family's pre-training writes boxes in."""

    wrapper: str
    frame: BoxFrame


_LLAVA = Family("llava_hf", BoxFrame.RELATIVE)  # fractions; whole numbers of 1000 are nearest
_QWEN3_VL = Family("qwen3_vl", BoxFrame.RELATIVE)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "qwen2_vl": Family("qwen2_vl", BoxFrame.RELATIVE),
        "qwen2_5_vl": Family("qwen2_5_vl", BoxFrame.ABSOLUTE),  # pixels of the resized picture
        "qwen3_vl": _QWEN3_VL,
        "qwen3_vl_moe": _QWEN3_VL,
        "internvl": Family("internvl_hf", BoxFrame.RELATIVE),
        "llava": _LLAVA,
        "llava_next": _LLAVA,
        "llava_onevision": _LLAVA,
        "glm4v": Family("glm4v", BoxFrame.RELATIVE),
    }
)
"""`model_type` of a config.json -> its family."""

WRAPPER_FRAMES: Mapping[str, BoxFrame] = MappingProxyType(
    {family.wrapper: family.frame for family in FAMILIES.values()}
)
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
    if found not in FAMILIES:
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} is a {found!r} model, --model hf knows "
            f"{', '.join(FAMILIES)}; next: --model NAME, see lmms-eval models"
        )
    return FAMILIES[found].wrapper


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
