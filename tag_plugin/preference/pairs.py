"""Two runs' answers to the same faces, side by side."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tag_plugin.results.reader import read_run, read_samples
from tag_plugin.scoring.record import JudgedSample


class PreferenceError(ValueError):
    """A study that cannot be made or read; the message says the next command."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One face and the answers of the runs A and B."""

    a: JudgedSample
    b: JudgedSample

    @property
    def id(self) -> str:
        """The sample's id."""
        return self.a.id

    @property
    def image(self) -> Path:
        """The face frame."""
        return Path(self.a.image)

    @property
    def identical(self) -> bool:
        """Whether both wrote the same: a tie that nobody needs to be asked about."""
        return self.a.completion == self.b.completion

    def in_order(self, a_first: bool) -> tuple[JudgedSample, JudgedSample]:
        """The two answers as they are shown."""
        return (self.a, self.b) if a_first else (self.b, self.a)


@dataclass(frozen=True, slots=True)
class Study:
    """The pairs of a study, in the order of their ids; `left_out` counts faces of one run only."""

    pairs: tuple[Pair, ...]
    seed: int
    left_out: int

    @property
    def asked(self) -> tuple[Pair, ...]:
        """The pairs that differ."""
        return tuple(pair for pair in self.pairs if not pair.identical)

    @property
    def id(self) -> str:
        """12 hexadecimal digits that change with any answer, with the choice and with the seed."""
        content = [self.seed, [[p.id, p.a.completion, p.b.completion] for p in self.pairs]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    def a_first(self, pair: Pair) -> bool:
        """Which answer a human rater sees first: a coin that the seed and the face decide."""
        return Random(f"{self.seed}:{pair.id}").random() < 0.5


def make_study(a: Path, b: Path, count: int | None, seed: int, task: str | None = None) -> Study:
    """Pair the answers of two runs; at most `count` pairs, drawn by `seed`.

    Args:
        a: a samples file, a results file or an output folder of lmms-eval.
        b: likewise.
        count: None takes all.
        seed: of the choice, and of the sides that raters see.
        task: which task, where a folder holds several.

    Raises:
        PreferenceError: no face that both answered, or a face with two labels.
        ResultsError: the results cannot be read.
    """
    first, second = _answered(a, task), _answered(b, task)
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise PreferenceError(
            f"{a} and {b} share no answered face; next: evaluate both on the same task"
        )
    for name in shared:
        if (first[name].gold, first[name].image) != (second[name].gold, second[name].image):
            raise PreferenceError(
                f"{name} is not the same face in {a} and {b}; next: evaluate both on the same data"
            )
    left_out = len(first.keys() ^ second.keys())
    if count is not None and count < len(shared):
        shared = sorted(Random(seed).sample(shared, count))
    return Study(tuple(Pair(first[name], second[name]) for name in shared), seed, left_out)


def _answered(path: Path, task: str | None) -> dict[str, JudgedSample]:
    samples = read_samples(path) if path.suffix == ".jsonl" else read_run(path, task).samples()
    return {sample.id: sample for sample in samples if sample.failed is None}  # no id twice
