"""The build stage with a model as the writer."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tag_plugin.asking.session import asking
from tag_plugin.data.rows import Row, Split
from tag_plugin.pipeline.inputs import RowFile
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.outcomes import Outcome
from tag_plugin.pipeline.parts import ALL_PARTS
from tag_plugin.pipeline.stage import Execution, Stage
from tag_plugin.pipeline.write.conversation import Writer
from tag_plugin.pipeline.write.question import wording
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.statistics import (
    ATTEMPTS,
    FORGET_ALL,
    STATISTICS,
    collect,
    table_file,
)
from tag_plugin.scoring.score import JudgeConfig

PART: Final = 32
"""Rows of a part: a model may need minutes for each."""
_ROWS_A_SLOT: Final = 8
"""Rows worked on at a time for each request in flight: keeps every slot busy behind a slow row."""


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

    `--restart` judges what is in the table of replies anew and asks only for what is not.

    Raises:
        StageError: `built` was made with other settings, or another run makes the same parts.
        AskingError: the run had to end.
    """
    settings = run.settings
    stage = Stage(
        run.directory,
        "built",
        "build.json",
        f"tag-plugin build {run.directory} --writer {settings.writer} --model {settings.model}",
        run.how,
        PART,
        1 + _ROWS_A_SLOT * settings.concurrency // PART,
    )
    words = {"wording": wording(settings.box_frame, settings.mode)}
    decided = {"writer": settings.writer, **settings.decisive, **words, **decisive}
    with stage.opened(decided) as manifest:
        manifest = stage.run(manifest, splits, partial(_open_writer, run))
        if not manifest.waiting_for:
            for split, summary in manifest.splits.items():
                summary[STATISTICS] = collect(table_file(run.directory), split)
            manifest.save()
    return manifest


@contextmanager
def _open_writer(run: ModelRun) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    """Writes all rows of a part at once, for any number of threads."""
    with asking(run.settings, table_file(run.directory), ATTEMPTS) as (portal, asker):
        if run.how.restart and run.how.parts == ALL_PARTS:
            portal.call(asker.replies.write, (FORGET_ALL, ()))
        writer = Writer(run.directory, run.settings, run.seed, run.judge, asker)
        portal.call(writer.report)
        yield partial(portal.call, writer.write)
