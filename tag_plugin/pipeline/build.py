"""build: detected rows -> rows with a verified trace, and LLaMA-Factory's entries for them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from tag_plugin.asking.settings import require_client
from tag_plugin.data.rows import Row, Split, read_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.pipeline.as_built import BUILD_MANIFEST
from tag_plugin.pipeline.baselines import write_baselines
from tag_plugin.pipeline.dataset_info import register
from tag_plugin.pipeline.gold import with_rules_trace
from tag_plugin.pipeline.inputs import RowFile, digests, row_files
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.outcomes import Outcome, StageError
from tag_plugin.pipeline.parts import ALL_PARTS
from tag_plugin.pipeline.rules import WRITER_NAME
from tag_plugin.pipeline.stage import Execution, Stage
from tag_plugin.pipeline.support import SupportRule, only_supported
from tag_plugin.pipeline.write.conversation import wording
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.statistics import (
    ATTEMPTS,
    FORGET_ALL,
    STATISTICS,
    collect,
    table_file,
)
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig
from tag_plugin.trace.length import about_tokens
from tag_plugin.trace.render import render

BUILT_SPLITS: tuple[Split, ...] = ("train", "dev")
"""The test split is judged, never trained on: it gets no traces."""
EVERY_FACE: Final = "detected"
"""The part in the entry of every train face with its detections, which RL reads."""
MODEL_PART: Final = 32
"""Rows of a part that a model writes: it may need minutes for each."""
_ROWS_A_SLOT: Final = 8
"""Rows worked on at a time for each request in flight: keeps every slot busy behind a slow row."""


@dataclass(frozen=True, slots=True)
class BuildSettings(Execution):
    """`directory` is DATA_DIR/<dataset>.

    Attributes:
        writer: `rules`, which needs nothing but the detections; not used when there is a model.
        seed: varies the wording.
        support: which train rows are dropped because their AUs do not support the label.
        model: a model that writes the traces.
    """

    directory: Path
    writer: str = WRITER_NAME
    seed: int = 0
    judge: JudgeConfig = DEFAULT_JUDGE
    support: SupportRule = field(default_factory=SupportRule)
    model: WriterSettings | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """The manifest, the lines for a recipe, and about how many tokens the longest trace has."""

    manifest: Manifest
    recipe: str
    longest_trace: int


def build(settings: BuildSettings) -> Built:
    """Write `built/{train,dev}.jsonl` and DATA_DIR/dataset_info.json; resumes where it stopped.

    `baselines.json` is fitted anew where other AUs are asked for than before. `built` is what SFT
    reads. RL needs no trace and reads every face that was detected, by an entry
    of its own.

    Raises:
        ValueError: no such writer.
        StageError: nothing is detected, or `built` was made with other settings.
        AskingError: a budget or an endpoint ended the run.
    """
    directory, model = settings.directory, settings.model
    if model is None and settings.writer != WRITER_NAME:
        raise ValueError(f"unknown writer {settings.writer!r}; known: {WRITER_NAME}, openai")
    inputs = row_files(directory, "detected", BUILT_SPLITS, f"tag-plugin detect {directory}")
    splits = {split: RowFile(path) for split, path in inputs.items()}
    decisive = {
        "seed": settings.seed,
        "judge": settings.judge.model_dump(mode="json"),
        "support": settings.support.wanted,
        "support_margin": settings.support.margin,
        "input": digests(inputs.values()),
    }
    if model is None:
        stage = _stage(settings, f"--writer {settings.writer}")
        with stage.opened({"writer": settings.writer, **decisive}) as manifest:
            manifest = stage.run(manifest, splits, partial(_open_rules, settings))
    else:
        manifest = _run_model(settings, model, splits, decisive)
    if not manifest.waiting_for:
        write_baselines(directory)
    files: dict[str, str] = {split: f"built/{split}.jsonl" for split in inputs}
    if "train" in inputs:
        files[EVERY_FACE] = "detected/train.jsonl"
    longest = 0 if manifest.waiting_for else longest_trace(directory / "built" / "train.jsonl")
    return Built(manifest, register(directory, files), longest)


def longest_trace(file: Path) -> int:
    """About how many tokens the longest trace has, its boxes in 0..1000; 0 without any."""
    rows = read_rows(file) if file.is_file() else ()
    texts = (render(row.trace, BoxFrame.RELATIVE) for row in rows if row.trace)
    return max(map(about_tokens, texts), default=0)


def _stage(settings: BuildSettings, words: str) -> Stage:
    command = f"tag-plugin build {settings.directory} {words}"
    return Stage(settings.directory, "built", BUILD_MANIFEST, command, settings)


@contextmanager
def _open_rules(settings: BuildSettings) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    def write(rows: list[Row]) -> list[Outcome]:
        return [with_rules_trace(row, settings.seed, settings.judge) for row in rows]

    yield only_supported(write, settings.support, settings.judge)


def _run_model(
    settings: BuildSettings,
    model: WriterSettings,
    splits: Mapping[Split, RowFile],
    decisive: Mapping[str, Any],
) -> Manifest:
    """`--restart` judges what is in the table of replies anew and asks only for what is not."""
    if settings.ray is not None:
        raise StageError("a model as the writer waits for its endpoint; next: leave --ray away")
    require_client()
    stage = replace(
        _stage(settings, f"--writer {model.writer} --model {model.model}"),
        part=MODEL_PART,
        threads=1 + _ROWS_A_SLOT * model.concurrency // MODEL_PART,
    )
    words = {"wording": wording(model.box_frame, model.mode)}
    own = {"writer": model.writer, **model.decisive, **words}
    with stage.opened({**own, **decisive}) as manifest:
        manifest = stage.run(manifest, splits, partial(_open_model, settings, model))
        if not manifest.waiting_for:
            for split, summary in manifest.splits.items():
                summary[STATISTICS] = collect(table_file(settings.directory), split)
            manifest.save()
    return manifest


@contextmanager
def _open_model(
    settings: BuildSettings, model: WriterSettings
) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    """Writes all rows of a part at once, for any number of threads."""
    from tag_plugin.asking.session import asking  # needs the extra
    from tag_plugin.pipeline.write.conversation import Writer

    with asking(model, table_file(settings.directory), ATTEMPTS) as (portal, asker):
        if settings.restart and settings.parts == ALL_PARTS:
            portal.call(asker.replies.write, (FORGET_ALL, ()))
        writer = Writer(settings.directory, model, settings.seed, settings.judge, asker)
        portal.call(writer.report)
        yield only_supported(partial(portal.call, writer.write), settings.support, settings.judge)
