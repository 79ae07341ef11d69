"""data make: built rows -> `dataset/{sft,rl,dev}.jsonl`, the entries for them, and the card.

    SFT and RL     share the train split: a person, or a picture, is in one of them; SFT gets what
                   is built, RL every face, for it needs no trace
    dev            the dev split
    test           stays where it is, in `detected`: nothing is trained on it

A train row whose person or picture is also in dev or test is left out, a dev row that is also in
test likewise, and a line that is no row. One pass, a line at a time.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.atomic_write import full_disk_named, private_partial, write_text
from tag_plugin.data.rows import NOT_A_ROW, BadRow, BadRows, Row, RowError, dump_row, read_rows
from tag_plugin.data.short_digest import short_digest
from tag_plugin.pipeline.dataset.card import card
from tag_plugin.pipeline.dataset_info import register
from tag_plugin.pipeline.inputs import file_of_test, row_files
from tag_plugin.pipeline.manifest import write_json
from tag_plugin.pipeline.outcomes import StageError


class PartFile:
    """Writes `<name>.jsonl`, or `<name>/00001-of-00004.jsonl` ... above `rows_per_file` rows.

    Nothing is in its place before `finish`, which also removes what was there in the other form.
    """

    def __init__(self, folder: Path, name: str, rows_per_file: int) -> None:
        self._several, self._rows_per_file = folder / name, rows_per_file
        self._written: list[Path] = []
        self._begin()

    def write(self, line: str) -> None:
        """Add one row."""
        if self._rows == self._rows_per_file:
            self._file.close()
            self._begin()
        self._file.write(line + "\n")
        self._rows += 1

    def finish(self) -> str:
        """Put the rows in their place; the name of the file or the folder."""
        self._file.close()
        single = self._several.with_name(f"{self._several.name}.jsonl")
        shutil.rmtree(self._several, ignore_errors=True)
        if len(self._written) == 1:
            return self._written[0].replace(single).name
        self._several.mkdir()
        for number, path in enumerate(self._written, start=1):
            path.replace(self._several / f"{number:05d}-of-{len(self._written):05d}.jsonl")
        single.unlink(missing_ok=True)
        return self._several.name

    def close(self) -> None:
        """What was not finished is removed."""
        try:
            self._file.close()
        finally:
            for path in self._written:
                path.unlink(missing_ok=True)

    def _begin(self) -> None:
        path = self._several.with_name(f"{self._several.name}-{len(self._written)}")
        self._written.append(private_partial(path))
        self._file, self._rows = self._written[-1].open("w", encoding="utf-8"), 0


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

    def add(self, part: str, row: Row) -> None:
        limit = None if part == "dev" else self.per_class
        if limit is not None and self.counts[part][row.label] >= limit:
            self.left_out[OVER_LIMIT] += 1
        else:
            self.counts[part][row.label] += 1
            self.files[part].write(dump_row(row))


def make(settings: MakeSettings) -> Made:
    """Write the parts, `dataset.json`, the card and the entries of DATA_DIR/dataset_info.json.

    Raises:
        StageError: nothing is built, or not one train row is kept.
    """
    directory, folder = settings.directory, settings.directory / OUTPUT
    built = row_files(directory, "built", ("train", "dev"), f"tag-plugin build {directory}")
    folder.mkdir(exist_ok=True)
    with full_disk_named(folder), ExitStack() as stack:
        files = {
            part: stack.enter_context(closing(PartFile(folder, part, settings.rows_per_file)))
            for part in PARTS
        }
        parts = _Parts(files, settings.per_class)
        test = _held(file_of_test(directory), parts.bad)
        before = test | _held(built.get("dev"), _named_later)
        for row in _free(_train_rows(directory, parts.bad), before, parts):
            if _place(row) < settings.rl_percent:
                parts.add("rl", row)
            elif row.trace is not None:
                parts.add("sft", row)
        for row in _free(_rows(built.get("dev"), parts.bad), test, parts):
            parts.add("dev", row)
        parts.left_out += Counter({NOT_A_ROW: parts.bad.count})
        if not (parts.counts["sft"] or parts.counts["rl"]):
            raise StageError(
                f"{directory}: data make kept none of the train rows: "
                f"{dict(parts.left_out) or 'there are none'}; next: tag-plugin build {directory}"
            )
        names = {part: f"{OUTPUT}/{file.finish()}" for part, file in files.items()}
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
    counts = {part: dict(sorted(of_part.items())) for part, of_part in parts.counts.items()}
    content: dict[str, Any] = {
        "rl_percent": settings.rl_percent,
        "per_class": settings.per_class,
        "counts": counts,
        "left_out": dict(sorted(parts.left_out.items())),
        "class_weights": {part: class_weights(of_part) for part, of_part in counts.items()},
    }
    write_json(directory / "dataset.json", content)
    write_text(directory / OUTPUT / "README.md", card(directory, content))
    return Made(counts, content["left_out"], register(directory, names))


def _named_later(_: RowError) -> None:
    """The dev rows are read once more, for themselves; `build` named the bad detected ones."""


def _shown(row: Row) -> tuple[str, ...]:
    """What must not stand on two sides of a split, as far as it is known: person and picture."""
    person = (f"person {row.identity}",) if row.identity else ()
    return (*person, f"picture {row.frame.phash}") if row.frame else person


def _place(row: Row) -> int:
    """A number below 100, for ever the same for a person, else a picture, else a row."""
    return short_digest(next(iter(_shown(row)), f"row {row.id}")) % 100


def _rows(path: Path | None, bad: BadRow) -> Iterator[Row]:
    yield from read_rows(path, bad) if path else ()


def _train_rows(directory: Path, bad: BadRow) -> Iterator[Row]:
    """Every train face in the order of `detected`, with its trace where one was built.

    A built row that is no longer detected comes last.
    """
    detected, built = (directory / stage / "train.jsonl" for stage in ("detected", "built"))
    traced = _rows(built if built.is_file() else None, bad)
    following = next(traced, None)
    for row in _rows(detected if detected.is_file() else None, _named_later):
        if following is not None and row.id == following.id:
            yield following
            following = next(traced, None)
        elif row.detections is not None:
            yield row
    if following is not None:
        yield following
        yield from traced


def _held(path: Path | None, bad: BadRow) -> frozenset[int]:
    """Everyone and everything in a file; nothing when there is none."""
    return frozenset(short_digest(each) for row in _rows(path, bad) for each in _shown(row))


def _free(rows: Iterable[Row], before: frozenset[int], parts: _Parts) -> Iterator[Row]:
    for row in rows:
        if before.isdisjoint(map(short_digest, _shown(row))):
            yield row
        else:
            parts.left_out[ALSO_HELD] += 1
