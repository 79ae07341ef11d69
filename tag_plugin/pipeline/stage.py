"""What prepare, detect and build have in common: splits, a journal, a manifest and a bar."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tag_plugin.data.rows import Row, Split, read_rows
from tag_plugin.pipeline.journal import Journal, Outcome
from tag_plugin.pipeline.manifest import Manifest, open_manifest
from tag_plugin.pipeline.parallel import OpenWorker, ordered_map

InOrder = Callable[[OpenWorker[Any, Outcome], Iterable[Any], int], Iterator[Outcome]]
"""(open_worker, inputs, workers) -> the outcome of every input, in order."""


class Inputs(Protocol):
    """What a stage works through: always in the same order, and counted without much work."""

    def __iter__(self) -> Iterator[Any]:
        """The inputs, one at a time."""
        ...

    def __len__(self) -> int:
        """How many."""
        ...


@dataclass(frozen=True, slots=True)
class RowFile:
    """The rows of an earlier stage's file."""

    path: Path

    def __iter__(self) -> Iterator[Row]:
        """The rows, one at a time."""
        return read_rows(self.path)

    def __len__(self) -> int:
        """The number of lines that are not blank."""
        with self.path.open("rb") as lines:
            return sum(1 for line in lines if line.strip())


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one dataset.

    Attributes:
        directory: the dataset's directory, DATA_DIR/<dataset>.
        output: the folder of its row files.
        manifest: the file name of its manifest.
        command: how to run it again, for messages.
        workers: processes.
        in_order: how the inputs are worked through.
    """

    directory: Path
    output: str
    manifest: str
    command: str
    workers: int = 1
    in_order: InOrder = ordered_map

    def open(self, settings: Mapping[str, Any], *, restart: bool) -> Manifest:
        """The manifest to go on with; with `restart` everything is made anew.

        Raises:
            StageError: it was made with other settings.
        """
        path = self.directory / self.manifest
        if restart:
            path.unlink(missing_ok=True)
            shutil.rmtree(self.directory / self.output, ignore_errors=True)
        manifest = open_manifest(path, settings, self.command)
        manifest.save()
        return manifest

    def run(
        self,
        manifest: Manifest,
        splits: Mapping[Split, Inputs],
        open_worker: OpenWorker[Any, Outcome],
    ) -> Manifest:
        """Do what is not done yet: each split's inputs, in order, into `<output>/<split>.jsonl`."""
        with _progress() as bar:
            for split, inputs in splits.items():
                target = self.directory / self.output / f"{split}.jsonl"
                if split in manifest.splits and target.is_file():
                    continue
                manifest.splits[split] = self._split(split, target, inputs, open_worker, bar)
                manifest.save()
        return manifest

    def _split(
        self,
        split: Split,
        target: Path,
        inputs: Inputs,
        open_worker: OpenWorker[Any, Outcome],
        bar: Progress,
    ) -> dict[str, Any]:
        with Journal(target.with_name(f"{split}.journal")) as journal:
            resumed, begin = journal.done, time.perf_counter()
            task = bar.add_task(f"{self.output} {split}", total=len(inputs), completed=resumed)
            left = islice(inputs, resumed, None)
            for outcome in self.in_order(open_worker, left, self.workers):
                journal.add(outcome)
                bar.advance(task)
            seconds = time.perf_counter() - begin
            summary = journal.finish(target).as_json()
            rate = round((journal.done - resumed) / seconds, 1) if journal.done > resumed else None
            return {**summary, "resumed_at": resumed, "inputs_per_second": rate}


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files, by folder and name: tells whether a stage's input has changed."""
    found = {}
    for path in paths:
        with path.open("rb") as file:
            found[f"{path.parent.name}/{path.name}"] = file_digest(file, "sha256").hexdigest()
    return found


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
