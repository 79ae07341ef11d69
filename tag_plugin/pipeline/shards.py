"""Shards: several machines share one stage over a shared folder, without a coordinator.

Shard i of n takes the i-th of n equal blocks of every split and writes files of its own; whoever
finishes last joins them, block after block, so that the rows are those of a single run:

    <output>/shards/2-of-4.json                  the shard's manifest
    <output>/shards/train-2-of-4.journal         while it runs
    <output>/shards/train-2-of-4.jsonl           its rows
    <output>/shards/train-2-of-4.dropped.jsonl   what it dropped
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.pipeline.journal import NAMED_DROPS, StageError, dropped_file
from tag_plugin.pipeline.manifest import Manifest, read_manifest


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` (from 1) of `count`.

    Raises:
        StageError: not 1 <= index <= count.

    >>> Shard.parse("2/4").block(10)
    (2, 5)
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise StageError(f"--shard {self}: the parts of {self.count} are 1 to {self.count}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`i/n` as a shard.

        Raises:
            StageError: anything else.
        """
        found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text.strip())
        if found is None:
            raise StageError(f"--shard {text!r} is not I/N, such as 2/4")
        return cls(int(found[1]), int(found[2]))

    def block(self, total: int) -> tuple[int, int]:
        """The first input and the one after the last, of `total`."""
        return (self.index - 1) * total // self.count, self.index * total // self.count

    @property
    def suffix(self) -> str:
        """`2-of-4`: what its files are called after."""
        return f"{self.index}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def shard_folder(directory: Path, output: str) -> Path:
    """Where the shards of a stage lie until they are joined."""
    return directory / output / "shards"


def unfinished(folder: Path, count: int) -> list[Shard]:
    """The shards of `count` that have not begun, or not finished every split."""
    shards = (Shard(index, count) for index in range(1, count + 1))
    return [shard for shard in shards if not _is_finished(_stored(folder, shard))]


def join(directory: Path, output: str, manifest: str, count: int) -> Manifest:
    """Join finished shards into the files of a single run, then remove them.

    Two processes may do it at the same time: both write the same files.

    Raises:
        StageError: a shard was made with other settings than the first one.
    """
    folder = shard_folder(directory, output)
    shards = [Shard(index, count) for index in range(1, count + 1)]
    stored = [_stored(folder, shard) for shard in shards]
    _require_equal(folder, shards, stored)
    joined = Manifest(directory / manifest, stored[0].get("settings", {}))
    for split in stored[0]["splits"]:
        parts = [folder / f"{split}-{shard.suffix}.jsonl" for shard in shards]
        drops = [folder / f"{split}-{shard.suffix}.dropped.jsonl" for shard in shards]
        _concatenate(parts, directory / output / f"{split}.jsonl")
        _concatenate(
            [each for each in drops if each.is_file()], dropped_file(directory, output, split)
        )
        joined.splits[split] = _summed([each["splits"][split] for each in stored], count)
    joined.save()
    shutil.rmtree(folder, ignore_errors=True)
    return joined


def _is_finished(stored: Mapping[str, Any]) -> bool:
    expected = set(stored.get("expects", ()))
    return bool(expected) and expected <= set(stored.get("splits", ()))


def _stored(folder: Path, shard: Shard) -> dict[str, Any]:
    path = folder / f"{shard.suffix}.json"
    return read_manifest(path) if path.is_file() else {}


def _require_equal(folder: Path, shards: list[Shard], stored: list[dict[str, Any]]) -> None:
    for shard, found in zip(shards, stored, strict=True):
        if found.get("settings") != stored[0].get("settings"):
            raise StageError(
                f"{folder}: shard {shard} was made with other settings than shard {shards[0]}; "
                "next: run the one that is wrong again with --restart"
            )


def _concatenate(parts: list[Path], target: Path) -> None:
    if not parts:
        return
    with atomic_write(target) as partial, partial.open("wb") as out:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)


def _summed(parts: list[Mapping[str, Any]], count: int) -> dict[str, Any]:
    counts: dict[str, int] = {}
    dropped: dict[str, dict[str, Any]] = {}
    for part in parts:
        for note, number in part["counts"].items():
            counts[note] = counts.get(note, 0) + number
        for reason, found in part["dropped"].items():
            total = dropped.setdefault(reason, {"count": 0, "ids": []})
            total["count"] += found["count"]
            total["ids"] = (total["ids"] + found["ids"])[:NAMED_DROPS]
    return {
        "inputs": sum(part["inputs"] for part in parts),
        "rows": sum(part["rows"] for part in parts),
        "counts": dict(sorted(counts.items())),
        "dropped": dict(sorted(dropped.items())),
        "resumed_at": sum(part["resumed_at"] for part in parts),
        "inputs_per_second": None,
        "shards": count,
    }
