"""What prepare, quality, detect and build have in common: parts, a manifest and a lock."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.rows import SPLITS, Split
from tag_plugin.pipeline.inputs import Inputs
from tag_plugin.pipeline.lock import locked
from tag_plugin.pipeline.manifest import Manifest, open_manifest
from tag_plugin.pipeline.outcomes import Dropped, Outcome, StageError
from tag_plugin.pipeline.parallel import OpenWorker, ordered_map, threaded_map
from tag_plugin.pipeline.parts import ALL_PARTS, Making, Part, Share, join, open_part_worker

PART: Final = 256
"""Inputs of a part, unless the stage says otherwise."""
_CAUSES: Final = 3
_LONGEST_CAUSE: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a stage is run; nothing of it changes a row.

    Attributes:
        workers: processes; on Ray, 0 is as many as the cluster has room for.
        restart: make it anew.
        parts: the parts that this run makes.
        ray: the address of a Ray cluster whose nodes share the data directory.
        gpus: what each worker on Ray needs of them.
    """

    workers: int = 1
    restart: bool = False
    parts: Share = ALL_PARTS
    ray: str | None = None
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one dataset.

    Attributes:
        directory: the dataset's directory, DATA_DIR/<dataset>.
        output: the folder of its row files.
        manifest: the file name of its manifest.
        command: how to run it again, for messages.
        how: how it is run.
        part: inputs of a part.
        threads: so many parts at once in threads that share one worker, instead of processes.
    """

    directory: Path
    output: str
    manifest: str
    command: str
    how: Execution
    part: int = PART
    threads: int = 0

    @contextmanager
    def opened(self, settings: Mapping[str, Any]) -> Iterator[Manifest]:
        """The manifest to go on with; meanwhile no other run makes the same parts.

        A restart removes what is joined and the parts of this run's share, no others.

        Raises:
            StageError: another run makes them, or they were made with other settings.
        """
        with locked(self.directory, self.output, self.how.parts):
            if self.how.restart:
                self._remove()
            manifest = self._stored(settings)
            manifest.save()
            yield manifest

    def run(
        self,
        manifest: Manifest,
        splits: Mapping[Split, Inputs],
        open_worker: OpenWorker[list[Any], list[Outcome]],
    ) -> Manifest:
        """Make the parts that are not there, and join all into `<output>/<split>.jsonl`.

        Who makes the last part joins; a run before it returns with what it waits for.

        Raises:
            StageError: not one row is kept; the message says why, and nothing is left behind but
                the list of what was dropped.
        """
        left = {split: each for split, each in splits.items() if not self._has(manifest, split)}
        making = Making(self._folder, json.dumps(manifest.settings), self.how.parts, self.part)
        making.make(left, partial(self._make_all, partial(open_part_worker, open_worker)))
        manifest.waiting_for = making.waiting_for
        try:
            if not manifest.waiting_for:
                self._join(manifest, making)
        except FileNotFoundError:
            manifest.waiting_for = making.waiting_for
            if not manifest.waiting_for:
                raise
            # else another run has just joined and removed them
        if manifest.waiting_for:
            stored = self._stored(manifest.settings)
            return stored if all(self._has(stored, split) for split in splits) else manifest
        if not any(each["rows"] for each in manifest.splits.values()):
            self._remove_joined()
            self._remove_parts()
            raise StageError(nothing_kept(manifest))
        manifest.splits = {split: manifest.splits[split] for split in splits}
        manifest.save()
        self._remove_parts()
        return manifest

    def _make_all(
        self, open_worker: OpenWorker[Part, tuple[Split, int]], parts: Iterator[Part]
    ) -> Iterator[tuple[Split, int]]:
        if self.threads:
            return threaded_map(open_worker, parts, self.threads)
        if self.how.ray is None:
            return ordered_map(open_worker, parts, self.how.workers)
        from tag_plugin.pipeline.on_ray import ray_map

        return ray_map(open_worker, parts, self.how.ray, self.how.workers, self.how.gpus)

    def _join(self, manifest: Manifest, making: Making) -> None:
        for split, paths in making.parts.items():
            drops = dropped_file(self.directory, self.output, split)
            counts = join(paths, self._target(split), drops).as_json()
            manifest.splits[split] = {**counts, **making.speed(split)}

    @property
    def _folder(self) -> Path:
        return self.directory / self.output / "parts"

    def _target(self, split: str) -> Path:
        return self.directory / self.output / f"{split}.jsonl"

    def _stored(self, settings: Mapping[str, Any]) -> Manifest:
        return open_manifest(self.directory / self.manifest, settings, self.command)

    def _has(self, manifest: Manifest, split: str) -> bool:
        return split in manifest.splits and self._target(split).is_file()

    def _remove(self) -> None:
        """For a restart: what is joined, and the parts of this run's share."""
        self._remove_joined()
        for path in self.directory.glob(f"dropped/{self.output}-*.jsonl"):
            path.unlink(missing_ok=True)
        for path in self._folder.glob("*.jsonl"):
            number = re.match(r"[a-z]+-(\d+)-", path.name)
            if number and self.how.parts.holds(int(number[1])):
                path.unlink(missing_ok=True)

    def _remove_joined(self) -> None:
        for path in (self.directory / self.manifest, *map(self._target, SPLITS)):
            path.unlink(missing_ok=True)

    def _remove_parts(self) -> None:
        """Once they are joined: whatever lies there, and what earlier versions left half done."""
        for folder in (self._folder, self._folder.with_name("shards")):
            shutil.rmtree(folder, ignore_errors=True)
        for path in self._folder.parent.glob("*.journal"):
            path.unlink(missing_ok=True)


def nothing_kept(manifest: Manifest) -> str:
    """What a stage without a row says: how many inputs, and the first causes."""
    summaries = manifest.splits.values()
    return (
        f"{manifest.path.parent}: {manifest.path.stem} kept none of "
        f"{sum(each['inputs'] for each in summaries)} entries: "
        f"{first_causes(summaries) or 'there are none'}; next: mend that and run the same command "
        "again"
    )


def first_causes(summaries: Iterable[Mapping[str, Any]]) -> str:
    """The reasons for which most inputs were dropped, each with its count and first input."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for summary in summaries:
        for reason, dropped in summary["dropped"].items():
            counts[reason] += dropped["count"]
            first.setdefault(reason, next(iter(dropped["ids"]), ""))
    return "; ".join(
        f"{reason} {count} (first: {first[reason][:_LONGEST_CAUSE]})"
        for reason, count in counts.most_common(_CAUSES)
    )


def dropped_file(directory: Path, output: str, split: str) -> Path:
    """Where a stage lists what it dropped: a JSON object a line with id, reason and detail."""
    return directory / "dropped" / f"{output}-{split}.jsonl"


def dropped_inputs(directory: Path, output: str, split: str) -> Iterator[Dropped]:
    """What a stage dropped of a split; nothing where it keeps no list."""
    path = dropped_file(directory, output, split)
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            yield from (Dropped(**json.loads(line)) for line in lines)
