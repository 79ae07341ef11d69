"""The build stage with a model as the writer."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.rows import Split
from tag_plugin.pipeline.inputs import RowFile
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.parts import ALL_PARTS, Share
from tag_plugin.pipeline.stage import Execution, Stage
from tag_plugin.pipeline.write.attempts import Attempts, journal_file
from tag_plugin.pipeline.write.open import Writing, open_writer
from tag_plugin.pipeline.write.question import wording
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.statistics import STATISTICS, collect
from tag_plugin.scoring.score import JudgeConfig

PART: Final = 32
"""Rows of a part: a model may need minutes for each."""


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One run over a dataset, or over a share of its parts."""

    directory: Path
    settings: WriterSettings
    seed: int
    judge: JudgeConfig
    how: Execution


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
        run.how,
        PART,
        1 + settings.rows_in_flight // PART,
    )
    words = {"wording": wording(settings.box_frame, settings.mode)}
    decided = {"writer": settings.writer, **settings.decisive, **words, **decisive}
    journal = journal_file(run.directory, _suffix(run.how.parts))
    with stage.opened(decided) as manifest:
        if run.how.restart and journal.is_file():
            with Attempts(journal) as attempts:
                attempts.forget_attempts()
        writing = Writing(run.directory, journal, settings, run.seed, run.judge)
        manifest = stage.run(manifest, splits, partial(open_writer, writing))
        if not manifest.waiting_for:
            _add_statistics(run, manifest)
    return manifest


def journals(directory: Path, count: int) -> list[Path]:
    """The attempt journals of so many shares, as far as they are there."""
    names = (_suffix(Share(index, count)) for index in range(1, count + 1))
    return [path for name in names if (path := journal_file(directory, name)).is_file()]


def _suffix(share: Share) -> str | None:
    return None if share == ALL_PARTS else f"{share.index}-of-{share.count}"


def _add_statistics(run: ModelRun, manifest: Manifest) -> None:
    for split, summary in manifest.splits.items():
        found = journals(run.directory, run.how.parts.count)
        if found:
            summary[STATISTICS] = collect(found, split)
    manifest.save()
