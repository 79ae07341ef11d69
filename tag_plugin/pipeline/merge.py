"""Joining the shards of a dataset by hand, where no shard saw that it was the last one."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tag_plugin.pipeline.journal import StageError
from tag_plugin.pipeline.shards import join, shard_folder, unfinished

MANIFESTS: Mapping[str, str] = MappingProxyType(
    {
        "prepared": "prepare.json",
        "checked": "quality.json",
        "detected": "detect.json",
        "built": "build.json",
    }
)
"""The folder of a stage's rows -> the file name of its manifest."""


def merge(directory: Path) -> list[str]:
    """Join every stage of DATA_DIR/<dataset> that has finished shards; the stages that were joined.

    Raises:
        StageError: there is nothing to join, or a shard is not finished; the message names it.
    """
    counts = {output: _counts(directory, output) for output in MANIFESTS}
    if not any(counts.values()):
        raise StageError(f"{directory} has no shards; next: a stage with --shard 1/4 makes one")
    waiting = [
        f"{output}: shard {shard} is not finished"
        for output, found in counts.items()
        for count in found
        for shard in unfinished(shard_folder(directory, output), count)
    ]
    if waiting:
        raise StageError(f"{'; '.join(waiting)}; next: run each with its --shard")
    for output, found in counts.items():
        for count in found:
            join(directory, output, MANIFESTS[output], count)
    return [output for output, found in counts.items() if found]


def _counts(directory: Path, output: str) -> list[int]:
    """Into how many shards a stage was cut: one number, or several after a change of mind."""
    names = (path.name for path in shard_folder(directory, output).glob("*.json"))
    matches = (re.fullmatch(r"\d+-of-(\d+)\.json", name) for name in names)
    return sorted({int(match[1]) for match in matches if match})
