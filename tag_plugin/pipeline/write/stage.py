"""The build stage with a model as the writer."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tag_plugin.data.rows import Split
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.shards import Shard
from tag_plugin.pipeline.stage import RowFile, Stage
from tag_plugin.pipeline.write.attempts import Attempts, journal_file
from tag_plugin.pipeline.write.in_flight import in_order
from tag_plugin.pipeline.write.open import Writing, open_writer
from tag_plugin.pipeline.write.question import wording
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.statistics import STATISTICS, collect
from tag_plugin.scoring.score import JudgeConfig


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One run over a dataset, or over a shard of it."""

    directory: Path
    settings: WriterSettings
    seed: int
    judge: JudgeConfig
    shard: Shard | None
    restart: bool


def run_model(
    run: ModelRun, splits: Mapping[Split, RowFile], decisive: Mapping[str, Any]
) -> Manifest:
    """Let a model write every split; resumes where it stopped.

    `--restart` judges what is in the attempt journal anew and asks only for what is not.

    Raises:
        StageError: `built` was made with other settings, or the run had to end.
    """
    settings = run.settings
    stage = Stage(
        run.directory,
        "built",
        "build.json",
        f"tag-plugin build {run.directory} --writer {settings.writer} --model {settings.model}",
        settings.rows_in_flight,
        in_order,
        run.shard,
    )
    words = {"wording": wording(settings.box_frame, settings.mode)}
    decided = {"writer": settings.writer, **settings.decisive, **words, **decisive}
    manifest = stage.open(decided, restart=run.restart)
    journal = journal_file(run.directory, run.shard.suffix if run.shard else None)
    if run.restart and journal.is_file():
        with Attempts(journal) as attempts:
            attempts.forget_attempts()
    writing = Writing(run.directory, journal, settings, run.seed, run.judge)
    manifest = stage.run(manifest, splits, partial(open_writer, writing))
    if not manifest.waiting_for:
        _add_statistics(run.directory, manifest)
    return manifest


def journals(directory: Path, shards: int | None) -> list[Path]:
    """The attempt journals of a run, or of its shards, as far as they are there."""
    names = [f"{i}-of-{shards}" for i in range(1, shards + 1)] if shards else [None]
    return [path for name in names if (path := journal_file(directory, name)).is_file()]


def _add_statistics(directory: Path, manifest: Manifest) -> None:
    for split, summary in manifest.splits.items():
        found = journals(directory, summary.get("shards"))
        if found:
            summary[STATISTICS] = collect(found, split)
    manifest.save()
