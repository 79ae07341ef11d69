"""LLaMA-Factory's DATA_DIR/dataset_info.json: an entry for each built split."""

from collections.abc import Mapping
from pathlib import Path

from tag_plugin.pipeline.manifest import read_json, write_json

GROUNDED, LABEL_ONLY = "tag", "tag_label_only"
"""The formats of the entries: the whole trace, and the answer alone (the ablation)."""


def register(directory: Path, files: Mapping[str, str]) -> str:
    """Add or renew an entry for each part -> file of DATA_DIR/<dataset>; others stay as they are.

    Returns:
        The lines that a recipe needs; they name the first part.

    Raises:
        StageError: dataset_info.json exists and is not a JSON object.
    """
    path = directory.parent / "dataset_info.json"
    content = read_json(path) if path.is_file() else {}
    for part, file in files.items():
        name, file_name = f"tag_{directory.name}_{part}", f"{directory.name}/{file}"
        content[name] = {"file_name": file_name, "formatting": GROUNDED}
        content[f"{name}_label_only"] = {"file_name": file_name, "formatting": LABEL_ONLY}
    write_json(path, content)
    return f"dataset: tag_{directory.name}_{next(iter(files))}\ndataset_dir: {directory.parent}"
