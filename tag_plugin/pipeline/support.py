"""Do the AUs that a trace names support its label? A filter of what SFT reads, and a table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from rich.table import Table

from tag_plugin.data.rows import Row
from tag_plugin.facs.detections import Thresholds
from tag_plugin.facs.prototypes import SUPPORT_MARGIN, supports
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome
from tag_plugin.scoring.score import JudgeConfig

OWN: Final = "own"
"""Train rows whose AUs do not support their label are dropped."""
ANY: Final = "any"
"""Every row is kept, as far as this goes."""
UNSUPPORTED: Final = "the AUs do not support the label"

FACES: Final = "rows"
NO_AU: Final = "without any AU"
NOT_SUPPORTED: Final = "unsupported"
KEPT: Final = "kept"
COLUMNS: Final = (FACES, NO_AU, NOT_SUPPORTED, KEPT)
"""The table by class; a row without a face is in none of its columns."""

FEWEST_KEPT: Final = 0.3
"""Of a class of which a smaller share is kept, `data validate` warns."""
MOST_UNSUPPORTED: Final = 0.5
"""And of one of which a larger share is unsupported and yet kept."""

ByClass = Mapping[str, Mapping[str, int]]
Write = Callable[[list[Row]], list[Outcome]]


@dataclass(frozen=True, slots=True)
class SupportRule:
    """`wanted` is OWN or ANY; `margin` is that of `supports`.

    Raises:
        ValueError: neither of them.
    """

    wanted: str = OWN
    margin: float = SUPPORT_MARGIN

    def __post_init__(self) -> None:
        if self.wanted not in (OWN, ANY):
            raise ValueError(f"--support {self.wanted!r}; next: {OWN} or {ANY}")


def only_supported(write: Write, rule: SupportRule, judge: JudgeConfig) -> Write:
    """A writer that is given only what the rule lets through, and whose outcomes are counted.

    Nothing is dropped of other splits than train: those are measured on, never learned from.
    """

    def work(rows: list[Row]) -> list[Outcome]:
        columns = [_columns(row, rule, judge) for row in rows]
        dropped = [
            rule.wanted == OWN and row.split == "train" and NOT_SUPPORTED in of_row
            for row, of_row in zip(rows, columns, strict=True)
        ]
        written = iter(write([row for row, drop in zip(rows, dropped, strict=True) if not drop]))
        return [
            _counted(_unsupported(row, judge) if drop else next(written), of_row)
            for row, drop, of_row in zip(rows, dropped, columns, strict=True)
        ]

    return work


def _columns(row: Row, rule: SupportRule, judge: JudgeConfig) -> tuple[str, ...]:
    """The class of a row with a face, and what of the table is known before it is written."""
    if row.detections is None:
        return ()
    present = row.detections.on(judge.thresholds, judge.top_k)
    evidence = present
    if row.label == "neutral":  # its trace says that no AU is visible: none may be undecided
        evidence = row.detections.on(
            Thresholds(on=judge.thresholds.grey, grey=judge.thresholds.grey)
        )
    supported = supports(evidence, row.label, row.reference.labels.labels, rule.margin)
    facts = {FACES: True, NO_AU: not present, NOT_SUPPORTED: not supported}
    return (row.label, *(column for column, holds in facts.items() if holds))


def _unsupported(row: Row, judge: JudgeConfig) -> Dropped:
    found = "no AU is on"
    if row.detections is not None:
        on = row.detections.on(judge.thresholds, judge.top_k)
        unsure = sorted(row.detections.undecided(judge.thresholds))
        if on:
            found = " ".join(f"AU{each.au}" for each in on)
        elif unsure:
            found = "undecided: " + " ".join(f"AU{au}" for au in unsure)
    return Dropped(row.id, UNSUPPORTED, f"{row.label}: {found}")


def _counted(outcome: Outcome, columns: tuple[str, ...]) -> Outcome:
    kept = (KEPT,) if columns and isinstance(outcome, Kept) else ()
    return replace(outcome, counted=(*columns, *kept))


def table_lines(by_class: ByClass) -> Iterator[tuple[str, ...]]:
    """A line a class, and one of all, as text: the class, the columns and the share kept."""
    for label, counts in {**by_class, "all": _sums(by_class.values())}.items():
        numbers = [counts.get(column, 0) for column in COLUMNS]
        yield (label, *map(str, numbers), f"{_share(counts, KEPT):.0%}")


def table(split: str, by_class: ByClass) -> Table:
    """For people."""
    shown = Table("class", *COLUMNS, "share kept", title=f"{split}: do the AUs support the label?")
    for line in table_lines(by_class):
        shown.add_row(*line)
    return shown


def warnings(split: str, by_class: ByClass, wanted: str) -> Iterator[str]:
    """What is bad in the table, a line a class; `wanted` is OWN or ANY."""
    for label, counts in by_class.items():
        unsupported = f"{counts.get(NOT_SUPPORTED, 0)} of {counts[FACES]} rows are unsupported"
        if _share(counts, KEPT) < FEWEST_KEPT:
            yield (
                f"{split}: {label}: {counts.get(KEPT, 0)} of {counts[FACES]} rows are kept, under "
                f"{FEWEST_KEPT:.0%} ({unsupported}); next: another detector, or more faces of it"
            )
        elif wanted == ANY and _share(counts, NOT_SUPPORTED) > MOST_UNSUPPORTED:
            yield f"{split}: {label}: {unsupported}, and kept; next: tag-plugin build --support own"


def _share(counts: Mapping[str, int], column: str) -> float:
    return counts.get(column, 0) / max(1, counts.get(FACES, 0))


def _sums(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    return sum(map(Counter, counts), Counter())
