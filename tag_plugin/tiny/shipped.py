"""The base model that ships with the package: a checkpoint that any host can load.

It is stored in float16 to stay small, and written out in float32, in which a CPU trains.
"""

import json
import shutil
from pathlib import Path
from typing import Final

from tag_plugin.data.atomic_write import atomic_write, write_text

SHIPPED: Final = Path(__file__).parent / "base"
"""Where the package keeps the base: weights, configuration, tokenizer, processor."""

WEIGHTS: Final = "model.safetensors"


ARCHITECTURE: Final = "Qwen2_5_VLForConditionalGeneration"


class BaseError(RuntimeError):
    """The base cannot be written; the message says the next command."""


def write_base(directory: Path) -> Path:
    """Write the shipped base into `directory` as a float32 checkpoint; returns `directory`.

    Raises:
        BaseError: the package holds no base, or the directory holds something else.
    """
    from safetensors.torch import load_file, save_file

    if not (SHIPPED / WEIGHTS).is_file():
        raise BaseError(
            f"{SHIPPED} holds no base model; next: tag-plugin tiny pretrain --out {SHIPPED}"
        )
    if directory.exists() and any(directory.iterdir()) and not (directory / WEIGHTS).exists():
        raise BaseError(f"{directory} holds something else; next: choose an empty directory")
    directory.mkdir(parents=True, exist_ok=True)
    for source in SHIPPED.iterdir():
        if source.name not in (WEIGHTS, "config.json"):
            shutil.copyfile(source, directory / source.name)
    weights = {name: weight.float() for name, weight in load_file(SHIPPED / WEIGHTS).items()}
    with atomic_write(directory / WEIGHTS) as partial:
        save_file(weights, partial, metadata={"format": "pt"})
    _write_config(SHIPPED / "config.json", directory / "config.json")
    return directory


def _write_config(source: Path, target: Path) -> None:
    """The configuration last: it is what says that the checkpoint is complete."""
    config = json.loads(source.read_text(encoding="utf-8"))
    config["architectures"] = [ARCHITECTURE]
    for part in (config, config["text_config"], config["vision_config"]):
        part["dtype"] = "float32"
    write_text(target, json.dumps(config, indent=2) + "\n")
