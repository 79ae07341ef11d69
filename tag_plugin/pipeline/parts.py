"""Parts: a stage's inputs are cut into parts, and each becomes one file that is written whole.

    <output>/parts/train-00012-4f1d0a5b9c3e7a21.jsonl

The name holds the split, the part's number and a digest of everything that decides what is in it:
the settings of the stage and its inputs. So a part that is there under its name is done, and what
lies there under another name belongs to something else and is never joined.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Self, TypeVar

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.console import bars
from tag_plugin.data.rows import Split
from tag_plugin.pipeline.inputs import Inputs
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome, StageError, Tally
from tag_plugin.pipeline.parallel import OpenWorker

Input = TypeVar("Input")

_COUNTED: Final = "\x1f"
"""The unit separator of ASCII, which stands in no class."""


@dataclass(frozen=True, slots=True)
class Share:
    """Every `count`-th part, beginning with number `index` (from 1): what --parts asks for.

    Raises:
        StageError: not 1 <= index <= count.

    >>> [number for number in range(10) if Share.parse("2/4").holds(number)]
    [1, 5, 9]
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise StageError(f"--parts {self}: the shares of {self.count} are 1 to {self.count}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`K/N` as a share.

        Raises:
            StageError: anything else.
        """
        match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text.strip())
        if match is None:
            raise StageError(f"--parts {text!r} is not K/N, such as 2/4")
        return cls(int(match[1]), int(match[2]))

    def holds(self, number: int) -> bool:
        """Whether the part of this number (from 0) belongs to it."""
        return number % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


ALL_PARTS = Share()


@dataclass(frozen=True, slots=True)
class Part:
    """What is sent to a worker: the inputs as `parse` reads them, and the file to write."""

    split: Split
    path: Path
    parse: Callable[[Any], Any]
    inputs: list[Any]


def batches(inputs: Iterable[Input], size: int) -> Iterator[list[Input]]:
    """Lists of `size` inputs; the last one may be shorter."""
    left = iter(inputs)
    while batch := list(islice(left, size)):
        yield batch


MakeAll = Callable[[Iterator[Part]], Iterator[tuple[Split, int]]]
"""Parts -> the split and the number of inputs of each part that is made."""


@dataclass
class Making:
    """Hands out the parts of `share` that are not there, each of `size` inputs.

    Attributes:
        parts: the files of every part of each split, in order, those of other shares among them.
        resumed: inputs of this share that were done before.
        made: inputs done by this run.
    """

    folder: Path
    settings: str
    share: Share
    size: int
    parts: dict[Split, list[Path]] = field(default_factory=dict)
    resumed: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def make(self, splits: Mapping[Split, Inputs], make_all: MakeAll) -> None:
        """Make what is not there."""
        begin = perf_counter()
        what = f" {self.share}" if self.share.count > 1 else ""
        with bars(stderr=True) as bar:
            tasks = {
                split: bar.add_task(f"{self.folder.parent.name} {split}{what}", total=None)
                for split in splits
            }

            def missing() -> Iterator[Part]:
                for split, inputs in splits.items():
                    bar.update(tasks[split], total=self._own(len(inputs)))
                    for part in self._of_share(split, inputs):
                        if read_part(part.path) is None:
                            yield part
                        else:
                            self.resumed[split] += len(part.inputs)
                            bar.advance(tasks[split], len(part.inputs))

            for split, count in make_all(missing()):
                self.made[split] += count
                bar.advance(tasks[split], count)
        self.seconds = perf_counter() - begin

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The shares that have not made all of their parts."""
        count = self.share.count
        missing = {
            number % count + 1
            for paths in self.parts.values()
            for number, path in enumerate(paths)
            if not path.is_file()
        }
        return tuple(str(Share(index, count)) for index in sorted(missing))

    def speed(self, split: Split) -> dict[str, Any]:
        """For the manifest: what this run found done, and how fast it did the rest."""
        rate = round(self.made.total() / self.seconds, 1) if self.made[split] else None
        return {"resumed_at": self.resumed[split], "inputs_per_second": rate}

    def _of_share(self, split: Split, inputs: Inputs) -> Iterator[Part]:
        self.parts[split] = []
        for number, batch in enumerate(batches(inputs, self.size)):
            digest = sha256(f"{self.settings}\n{split} {number}\n".encode())
            for text, _ in batch:
                digest.update(text.encode(errors="surrogatepass") + b"\n")
            path = self.folder / f"{split}-{number:05d}-{digest.hexdigest()[:16]}.jsonl"
            self.parts[split].append(path)
            if self.share.holds(number):
                yield Part(split, path, inputs.parse, [raw for _, raw in batch])

    def _own(self, total: int) -> int:
        """How many of so many inputs are in parts of this share."""
        starts = range((self.share.index - 1) * self.size, total, self.share.count * self.size)
        return sum(min(self.size, total - start) for start in starts)


@contextmanager
def open_part_worker(
    open_worker: OpenWorker[list[Any], list[Outcome]],
) -> Iterator[Callable[[Part], tuple[Split, int]]]:
    """Makes the file of a part, and returns its split and how many inputs it has."""
    with open_worker() as work:
        yield partial(_make, work)


def _make(work: Callable[[list[Any]], list[Outcome]], part: Part) -> tuple[Split, int]:
    inputs = [part.parse(each) for each in part.inputs]
    workable = [each for each in inputs if not isinstance(each, Dropped)]
    worked = iter(work(workable) if workable else ())
    outcomes = [each if isinstance(each, Dropped) else next(worked) for each in inputs]
    body = "".join(map(_line, outcomes)).encode()
    with atomic_write(part.path) as file:
        file.write_bytes(_digest(body) + b"\n" + body)
    return part.split, len(outcomes)


def read_part(path: Path) -> list[Outcome] | None:
    """What is in a part; None where it is not there, or not as it was written."""
    if not path.is_file():
        return None
    digest, _, body = path.read_bytes().partition(b"\n")
    if digest != _digest(body):
        return None
    return [_outcome(line) for line in body.decode().split("\n")[:-1]]


def join(parts: Iterable[Path], target: Path, drops: Path) -> Tally:
    """Write the rows of the parts to `target` and what was dropped to `drops`, each in one step.

    Without a drop there is no file of drops.

    Raises:
        StageError: a part is damaged.
        FileNotFoundError: a part is gone: another run has joined them.
    """
    tally = Tally()
    with (
        atomic_write(target) as rows_partial,
        atomic_write(drops) as drops_partial,
        rows_partial.open("w", encoding="utf-8") as rows,
        drops_partial.open("w", encoding="utf-8") as dropped,
    ):
        for path in parts:
            for outcome in _whole(path):
                tally.add(outcome)
                if isinstance(outcome, Kept):
                    rows.write(outcome.row + "\n")
                else:
                    told = {"id": outcome.id, "reason": outcome.reason, "detail": outcome.detail}
                    dropped.write(json.dumps(told, ensure_ascii=False) + "\n")
    if not tally.dropped:
        drops.unlink(missing_ok=True)
    return tally


def _whole(path: Path) -> list[Outcome]:
    outcomes = read_part(path)
    if outcomes is None:
        path.stat()
        raise StageError(f"{path} is damaged; next: the same command again makes it anew")
    return outcomes


def _digest(body: bytes) -> bytes:
    return sha256(body).hexdigest().encode()


def _line(outcome: Outcome) -> str:
    """`+note<TAB>row` or `-["id","reason","detail"]`, `counted` behind the note or the detail."""
    if isinstance(outcome, Kept):
        return f"+{_COUNTED.join((outcome.note, *outcome.counted))}\t{outcome.row}\n"
    return f"-{json.dumps([outcome.id, outcome.reason, outcome.detail, *outcome.counted])}\n"


def _outcome(line: str) -> Outcome:
    if line.startswith("+"):
        notes, _, row = line[1:].partition("\t")
        note, *counted = notes.split(_COUNTED)
        return Kept(row, note, tuple(counted))
    id_, reason, detail, *counted = json.loads(line[1:])
    return Dropped(id_, reason, detail, tuple(counted))
