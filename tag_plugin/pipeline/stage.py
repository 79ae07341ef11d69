"""What prepare, detect and build have in common: splits, a journal, a manifest and a bar."""

import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tag_plugin.data.rows import NOT_A_ROW, Row, RowError, Split, parse_row, row_lines
from tag_plugin.pipeline.journal import Dropped, Journal, Outcome, StageError, dropped_file
from tag_plugin.pipeline.manifest import Manifest, open_manifest
from tag_plugin.pipeline.parallel import OpenWorker, ordered_map
from tag_plugin.pipeline.shards import Shard, join, shard_folder, unfinished

_CAUSES: Final = 3
_LONGEST_CAUSE: Final = 240

InOrder = Callable[[OpenWorker[Any, Any], Iterable[Any], int], Iterator[Outcome]]
"""(open_worker, inputs, workers) -> the outcome of every input, in order."""


class Inputs(Protocol):
    """What a stage works through: always in the same order, and counted without much work."""

    def since(self, start: int) -> Iterator[Any]:
        """The inputs from number `start` (from 0) on, one at a time.

        A `Dropped` is an input that cannot be worked on: it is its own outcome.
        """
        ...

    def __len__(self) -> int:
        """How many."""
        ...


@dataclass(frozen=True, slots=True)
class RowFile:
    """The rows of an earlier stage's file."""

    path: Path

    def since(self, start: int) -> Iterator[Row | Dropped]:
        """The rows from number `start` on, a bad one dropped; those before it are not parsed."""
        return (_row_or_drop(*each) for each in islice(row_lines(self.path), start, None))

    def __len__(self) -> int:
        """The number of rows, bad ones among them."""
        return sum(1 for _ in row_lines(self.path))


def _row_or_drop(where: str, line: str) -> Row | Dropped:
    try:
        return parse_row(line, where)
    except RowError as error:
        return Dropped(where, NOT_A_ROW, str(error).removeprefix(f"{where}: "))


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
        shard: the part of every split to do; all of it when None.
    """

    directory: Path
    output: str
    manifest: str
    command: str
    workers: int = 1
    in_order: InOrder = ordered_map
    shard: Shard | None = None

    def open(self, settings: Mapping[str, Any], *, restart: bool) -> Manifest:
        """The manifest to go on with; with `restart` everything is made anew.

        A shard's restart removes its own files and the joined ones, no other shard's.

        Raises:
            StageError: it was made with other settings.
        """
        if restart:
            self._remove()
        whole = open_manifest(self.directory / self.manifest, settings, self.command)
        if self.shard is None or whole.splits:
            whole.save()
            return whole
        own = open_manifest(self._folder / f"{self.shard.suffix}.json", settings, self.command)
        own.save()
        return own

    def run(
        self,
        manifest: Manifest,
        splits: Mapping[Split, Inputs],
        open_worker: OpenWorker[Any, Any],
    ) -> Manifest:
        """Do what is not done yet: each split's inputs, in order, into `<output>/<split>.jsonl`.

        The shard that finishes last joins them all; an earlier one returns its own manifest, which
        says what it waits for.

        Raises:
            StageError: not one row is kept; the message says why, and nothing is left behind but
                the list of what was dropped.
        """
        if not self._is_whole(manifest):
            manifest.expects = tuple(splits)
        with _progress() as bar:
            for split, inputs in splits.items():
                if split in manifest.splits and self._target(split, manifest).is_file():
                    continue
                if self.shard is not None and self._is_whole(manifest):
                    raise StageError(
                        f"{manifest.path} belongs to a run without --shard that has not ended; "
                        "next: finish it without --shard, or begin anew with --restart"
                    )
                manifest.splits[split] = self._split(split, manifest, inputs, open_worker, bar)
                manifest.save()
        whole = manifest if self._is_whole(manifest) else self._joined(manifest)
        if not whole.waiting_for and not any(each["rows"] for each in whole.splits.values()):
            self._remove_results(whole)
            raise StageError(nothing_kept(whole))
        return whole

    def _remove_results(self, manifest: Manifest) -> None:
        """Nothing is done: the same command does it anew once the cause is mended."""
        manifest.path.unlink(missing_ok=True)
        for split in manifest.splits:
            (self.directory / self.output / f"{split}.jsonl").unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return shard_folder(self.directory, self.output)

    def _is_whole(self, manifest: Manifest) -> bool:
        return manifest.path == self.directory / self.manifest

    def _target(self, split: Split, manifest: Manifest) -> Path:
        if self.shard is None or self._is_whole(manifest):
            return self.directory / self.output / f"{split}.jsonl"
        return self._folder / f"{split}-{self.shard.suffix}.jsonl"

    def _split(
        self,
        split: Split,
        manifest: Manifest,
        inputs: Inputs,
        open_worker: OpenWorker[Any, Any],
        bar: Progress,
    ) -> dict[str, Any]:
        target = self._target(split, manifest)
        part = None if self._is_whole(manifest) else self.shard
        first, end = part.block(len(inputs)) if part else (0, len(inputs))
        with Journal(target.with_suffix(".journal")) as journal:
            resumed, begin = journal.done, time.perf_counter()
            name = f"{self.output} {split}{f' {part}' if part else ''}"
            task = bar.add_task(name, total=end - first, completed=resumed)
            left = islice(inputs.since(first + resumed), end - first - resumed)
            for outcome in self._outcomes(open_worker, left):
                journal.add(outcome)
                bar.advance(task)
            seconds = time.perf_counter() - begin
            drops = dropped_file(self.directory, self.output, split)
            drops = target.with_suffix(".dropped.jsonl") if part else drops
            summary = journal.finish(target, drops).as_json()
            rate = round((journal.done - resumed) / seconds, 1) if journal.done > resumed else None
            return {**summary, "resumed_at": resumed, "inputs_per_second": rate}

    def _outcomes(
        self, open_worker: OpenWorker[Any, Any], inputs: Iterator[Any]
    ) -> Iterator[Outcome]:
        """The outcome of every input, in order; workers do not see what is dropped already."""
        drops: deque[tuple[int, Dropped]] = deque()

        def workable() -> Iterator[Any]:
            for place, each in enumerate(inputs):
                if isinstance(each, Dropped):
                    drops.append((place, each))
                else:
                    yield each

        place = 0
        for outcome in self.in_order(open_worker, workable(), self.workers):
            while drops and drops[0][0] == place:
                yield drops.popleft()[1]
                place += 1
            yield outcome
            place += 1
        yield from (dropped for _, dropped in drops)

    def _joined(self, own: Manifest) -> Manifest:
        if self.shard is None:
            return own
        waiting = unfinished(self._folder, self.shard.count)
        if waiting:
            own.waiting_for = tuple(str(shard) for shard in waiting)
            return own
        try:
            return join(self.directory, self.output, self.manifest, self.shard.count)
        except FileNotFoundError:  # another shard has just joined and removed them
            return open_manifest(self.directory / self.manifest, own.settings, self.command)

    def _remove(self) -> None:
        (self.directory / self.manifest).unlink(missing_ok=True)
        for path in self.directory.glob(f"dropped/{self.output}-*.jsonl"):
            path.unlink(missing_ok=True)
        if self.shard is None:
            shutil.rmtree(self.directory / self.output, ignore_errors=True)
            return
        for path in (self.directory / self.output).glob("*.jsonl"):
            path.unlink(missing_ok=True)
        (self._folder / f"{self.shard.suffix}.json").unlink(missing_ok=True)
        for path in self._folder.glob(f"*-{self.shard.suffix}.*"):
            path.unlink(missing_ok=True)


def nothing_kept(manifest: Manifest) -> str:
    """What a stage without a row says: how many inputs, and the first causes."""
    inputs = sum(each["inputs"] for each in manifest.splits.values())
    causes = first_causes(manifest.splits.values())
    return (
        f"{manifest.path.parent}: {manifest.path.stem} kept none of {inputs} entries: "
        f"{causes or 'there are none'}; next: mend that and run the same command again"
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
