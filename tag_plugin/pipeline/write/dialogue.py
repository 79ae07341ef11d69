"""Where a row stands: what was eliminated, what was wrong last, and whether to ask again."""

from dataclasses import dataclass, replace
from typing import Self

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.verdict import Finding, Verdict

FEWEST_OPTIONS = 2
"""With one label left there is nothing to predict."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The attempts at one row so far; `number` is the next one's, from 1."""

    labels: LabelSet
    number: int = 1
    eliminated: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    format_failures: int = 0

    @property
    def options(self) -> LabelSet:
        """The labels that are still open, in their published order."""
        left = tuple(label for label in self.labels.labels if label not in self.eliminated)
        return LabelSet(self.labels.name, left)

    def after(self, verdict: Verdict) -> Self:
        """With one more failed attempt."""
        following = replace(self, number=self.number + 1, complaints=verdict.complaints)
        if verdict.finding is Finding.PREDICTION and verdict.predicted:
            return replace(following, eliminated=(*self.eliminated, verdict.predicted))
        return replace(following, format_failures=self.format_failures + 1)

    def is_over(self, settings: WriterSettings) -> bool:
        """Whether the row is dropped now."""
        return (
            self.format_failures > settings.format_retries
            or len(self.eliminated) > settings.label_retries
            or len(self.options.labels) < FEWEST_OPTIONS
        )

    @property
    def summary(self) -> str:
        """What to say about a dropped row."""
        said = [f"{self.number - 1} attempts"]
        if self.eliminated:
            said.append(f"predicted {', '.join(self.eliminated)}")
        return "; ".join((*said, *self.complaints))
