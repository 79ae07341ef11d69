"""Trying rewards on completions that are already written, before a run pays for new ones.

A line of the file is an object with the completion (`completion`, or `text` as in rollouts.jsonl);
every other key becomes a column, as in training. TAG's own rewards read the row: from the key
`tag_row`, or from a file of rows by `id` (`prompt_id` in rollouts.jsonl).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from tag_plugin.data.rows import Row, dump_row, parse_row, read_rows
from tag_plugin.data.terminal import warn
from tag_plugin.data.text_file import TextFileError, json_lines
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, refuse
from tag_plugin.hosts.llamafactory.grpo.reward_files import FileReward
from tag_plugin.hosts.llamafactory.grpo.rewards import TAG_ROW, Reward, parse_rewards
from tag_plugin.pipeline.as_built import asked_as_built, asking
from tag_plugin.scoring.rewards import weighted_sum

_TEXTS: Final = ("completion", "text")
_IDS: Final = ("id", "prompt_id")

Sample = dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """What one reward, or their weighted sum, gave for each completion."""

    name: str
    weight: float | None
    values: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The values where it applies."""
        return [value for value in self.values if value is not None]

    @property
    def applicable(self) -> float:
        """The share of completions to which it applies."""
        return len(self.known) / len(self.values)

    @property
    def mean(self) -> float:
        """Their mean, NaN where it never applies."""
        return fmean(self.known) if self.known else math.nan

    @property
    def std(self) -> float:
        """Their sample standard deviation, as training logs it; NaN below two values."""
        return stdev(self.known) if len(self.known) > 1 else math.nan


def read_completions(path: Path, rows: Path | None) -> list[Sample]:
    """The samples of a file: `completion`, `tag_row` ("" where there is none) and other columns.

    Half a last line, which a run may still be writing, is passed over with a warning.

    Raises:
        GrpoError: no such file, no lines, or a line that is none; names the line.
        TextFileError: a line that is no JSON.
        RowError: a line of `rows` is no row.
    """
    if not path.is_file():
        raise GrpoError(f"no file {path}; next: a JSONL file, one completion a line")
    asked = asked_as_built(rows.parent.parent) if rows else None
    known = {row.id: asking(row, asked) for row in read_rows(rows)} if rows else {}
    samples = [_sample(value, where, known) for where, value in json_lines(path, _unfinished_only)]
    strangers = rows and not any(sample[TAG_ROW] for sample in samples)
    refuse(
        {
            f"{path} holds no completions": not samples,
            f"{path} and {rows} have no id in common; next: the rows of that data set": strangers,
        }
    )
    return samples


def try_rewards(
    entries: Sequence[Any] | None, samples: Sequence[Sample], frame: BoxFrame | None
) -> list[Tried]:
    """Each reward's values, then their weighted sum.

    Raises:
        GrpoError: a reward that cannot be used, or that fails; says where.
    """
    rewards = parse_rewards(entries, frame)
    columns = _columns(samples)
    for reward in rewards.functions:
        _check(reward, columns)
    values = [tuple(reward(**columns)) for reward in rewards.functions]
    totals = weighted_sum([*zip(*values, strict=True)], rewards.weights)
    tried = map(Tried, rewards.names, rewards.weights, values)
    return [*tried, Tried("total", None, tuple(totals.tolist()))]


def _unfinished_only(error: TextFileError) -> None:
    if not error.unfinished:
        raise error
    warn(error)


def _sample(value: Any, where: str, rows: Mapping[str, Row]) -> Sample:
    line = value if isinstance(value, dict) else {}
    text = next((line[key] for key in _TEXTS if key in line), None)
    images = line.get("images")
    are_paths = isinstance(images, list) and all(isinstance(each, str) for each in images)
    refuse(
        {
            f"{where}: no text; next: {{'completion': ...}}, and any other columns": (
                not isinstance(text, str)
            ),
            f"{where}: a column cannot have the name 'self'": "self" in line,
            f"{where}: images: not a list of paths but {images!r:.40}": (
                not (images is None or are_paths)
            ),
        }
    )
    columns = {key: column for key, column in line.items() if key not in (*_TEXTS, TAG_ROW)}
    return columns | {"completion": text, TAG_ROW: _row_line(line, where, rows)}


def _row_line(line: Sample, where: str, rows: Mapping[str, Row]) -> str:
    """The row of a completion as JSON: its own, or that of its id; "" where there is none."""
    row = line.get(TAG_ROW)
    if row:
        text = row if isinstance(row, str) else json.dumps(row)
        return dump_row(parse_row(text, f"{where}: {TAG_ROW}"))
    ids = (line.get(key) for key in _IDS)
    named = (rows[each] for each in ids if isinstance(each, str) and each in rows)
    return next(map(dump_row, named), "")


def _columns(samples: Sequence[Sample]) -> dict[str, Any]:
    """As TRL gives them: a list a column, None where a sample has no such key."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    own = {name: [sample.get(name) for sample in samples] for name in names}
    nothing = [None] * len(samples)
    texts, prompts = own.pop("completion"), own.pop("prompt", nothing)
    every = dict.fromkeys(("completion_ids", "images", "solution"), nothing)
    return every | own | {"completions": texts, "prompts": prompts, "trainer_state": None}


def _check(reward: Reward, columns: Mapping[str, Any]) -> None:
    if isinstance(reward, FileReward):
        reward.check_signature([*columns])
        return
    pairs = zip(columns["images"], columns[TAG_ROW], strict=True)
    refuse(
        {
            f"{reward.name} asks a detector, and a completion names no images": (
                reward.detector and not all(images for images, row in pairs if row)
            ),
            f"{reward.name} compares with TAG rows, and no completion has one; next: --rows "
            "data/DATASET/detected/SPLIT.jsonl, whose ids the completions name": (
                not any(columns[TAG_ROW])
            ),
        }
    )
