"""One run over the parts of a stage: which there are, which are there already, how fast it goes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

from tag_plugin.data.console import bars
from tag_plugin.data.rows import Split
from tag_plugin.pipeline.inputs import Inputs
from tag_plugin.pipeline.parts import Part, Share, batches, read_part

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
