"""data make: built rows -> `dataset/{sft,rl,dev}.jsonl`, the entries for them, and the card.

    SFT and RL     share the train split: a person, or a picture, is in one of them
    dev            the dev split
    test           stays where it is, in `detected`: nothing is trained on it

A train row whose person or picture is also in dev or test is left out, a dev row that is also in
test likewise, and a line that is no row. One pass, a line at a time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.rows import NOT_A_ROW, BadRows, RowError, dump_row
from tag_plugin.pipeline.dataset.card import card
from tag_plugin.pipeline.dataset.keys import Held, RowKey, held, read_keys
from tag_plugin.pipeline.dataset.part_file import PartFile
from tag_plugin.pipeline.dataset_info import register_parts
from tag_plugin.pipeline.inputs import row_files
from tag_plugin.pipeline.latest_stage import file_of_test
from tag_plugin.pipeline.manifest import write_json
from tag_plugin.pipeline.outcomes import StageError

OUTPUT: Final = "dataset"
PARTS: Final = ("sft", "rl", "dev")
ROWS_PER_FILE: Final = 100_000
ALSO_HELD: Final = "person or picture also in a split that goes before"
OVER_LIMIT: Final = "more of the class than asked for"


@dataclass(frozen=True, slots=True)
class MakeSettings:
    """`directory` is DATA_DIR/<dataset>.

    Attributes:
        rl_percent: share of the train split's people or pictures that RL gets.
        per_class: at most so many rows of a class in SFT and in RL; all when None.
        rows_per_file: a part with more rows becomes a folder of files.
    """

    directory: Path
    rl_percent: int = 20
    per_class: int | None = None
    rows_per_file: int = ROWS_PER_FILE


@dataclass(frozen=True, slots=True)
class Made:
    """What came out: counts of each part by label, what was left out, and the recipe's lines."""

    counts: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, int]
    recipe: str


@dataclass
class _Parts:
    """The open files, and what was counted on the way."""

    files: Mapping[str, PartFile]
    per_class: int | None
    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {part: Counter() for part in PARTS}
    )
    left_out: Counter[str] = field(default_factory=Counter)
    bad: BadRows = field(default_factory=BadRows)

    def add(self, part: str, row: RowKey) -> None:
        label = row.row.label
        full = self.per_class is not None and self.counts[part][label] >= self.per_class
        if full and part != "dev":
            self.left_out[OVER_LIMIT] += 1
            return
        self.counts[part][label] += 1
        self.files[part].write(dump_row(row.row))


def make(settings: MakeSettings) -> Made:
    """Write the parts, `dataset.json`, the card and the entries of DATA_DIR/dataset_info.json.

    Raises:
        StageError: nothing is built, or not one train row is kept.
    """
    directory = settings.directory
    built = row_files(directory, "built", ("train", "dev"), f"tag-plugin build {directory}")
    test = file_of_test(directory)
    with ExitStack() as stack:
        opened = {
            part: stack.enter_context(PartFile(directory / OUTPUT, part, settings.rows_per_file))
            for part in PARTS
        }
        parts = _Parts(opened, settings.per_class)
        before_dev = held(test, parts.bad)
        before_train = before_dev | held(built.get("dev"), _named_later)
        for row in _free(built.get("train"), before_train, parts):
            parts.add("rl" if row.place(100) < settings.rl_percent else "sft", row)
        for row in _free(built.get("dev"), before_dev, parts):
            parts.add("dev", row)
        parts.left_out += Counter({NOT_A_ROW: parts.bad.count})
        if not (parts.counts["sft"] or parts.counts["rl"]):
            raise StageError(
                f"{directory}: data make kept none of the train rows: "
                f"{dict(parts.left_out) or 'there are none'}; next: tag-plugin build {directory}"
            )
        names = {part: f"{OUTPUT}/{file.finish()}" for part, file in opened.items()}
    return _finish(settings, parts, names)


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """What a sampler multiplies each class by, so that every class is drawn equally often.

    weight = rows / (classes * rows of the class), 1.0 for each class of a balanced set.

    >>> class_weights({"happiness": 6, "fear": 2})
    {'happiness': 0.667, 'fear': 2.0}
    """
    total, present = sum(counts.values()), sum(1 for count in counts.values() if count)
    return {label: round(total / (present * count), 3) for label, count in counts.items() if count}


def _finish(settings: MakeSettings, parts: _Parts, names: Mapping[str, str]) -> Made:
    directory = settings.directory
    counts = {part: dict(sorted(found.items())) for part, found in parts.counts.items()}
    content: dict[str, Any] = {
        "rl_percent": settings.rl_percent,
        "per_class": settings.per_class,
        "counts": counts,
        "left_out": dict(sorted(parts.left_out.items())),
        "class_weights": {part: class_weights(found) for part, found in counts.items()},
    }
    write_json(directory / "dataset.json", content)
    text = card(directory, content)
    with atomic_write(directory / OUTPUT / "README.md") as partial:
        partial.write_text(text, encoding="utf-8")
    recipe = register_parts(directory, names)
    return Made(counts, content["left_out"], recipe)


def _named_later(_: RowError) -> None:
    """The dev rows are read once more, for themselves."""


def _free(path: Path | None, before: Held, parts: _Parts) -> Iterator[RowKey]:
    for row in read_keys(path, parts.bad) if path else ():
        if before.holds(row):
            parts.left_out[ALSO_HELD] += 1
        else:
            yield row
