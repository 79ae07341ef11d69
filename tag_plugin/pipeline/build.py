"""build: detected rows -> rows with a verified trace, and LLaMA-Factory's entries for them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from tag_plugin.asking.settings import require_client
from tag_plugin.data.model_error import first_problem
from tag_plugin.data.rows import NO_FACE, Provenance, Row, Split, dump_row
from tag_plugin.facs.detections import Detections
from tag_plugin.pipeline import rules
from tag_plugin.pipeline.dataset_info import register
from tag_plugin.pipeline.gold import NOT_GOLD, why_not_gold
from tag_plugin.pipeline.inputs import RowFile, digests, row_files
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome, StageError
from tag_plugin.pipeline.stage import Execution, Stage
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig
from tag_plugin.trace.grammar import Trace

BUILT_SPLITS: tuple[Split, ...] = ("train", "dev")
"""The test split is judged, never trained on: it gets no traces."""

Writer = Callable[[str, Detections, str, JudgeConfig], Trace]
"""(label, detections, seed, judge) -> trace."""

WRITERS: Mapping[str, Writer] = MappingProxyType({rules.WRITER_NAME: rules.write_trace})
"""Writers that need nothing but the detections; models are asked through `model`."""


@dataclass(frozen=True, slots=True)
class BuildSettings(Execution):
    """`directory` is DATA_DIR/<dataset>.

    Attributes:
        writer: a name in WRITERS; not used when there is a model.
        seed: varies the wording.
        model: a model that writes the traces.
    """

    directory: Path
    writer: str = rules.WRITER_NAME
    seed: int = 0
    judge: JudgeConfig = DEFAULT_JUDGE
    model: WriterSettings | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """The manifest, and the lines for a recipe."""

    manifest: Manifest
    recipe: str


def build(settings: BuildSettings) -> Built:
    """Write `built/{train,dev}.jsonl` and DATA_DIR/dataset_info.json; resumes where it stopped.

    Raises:
        ValueError: no such writer.
        StageError: nothing is detected, or `built` was made with other settings.
        AskingError: a budget or an endpoint ended the run.
    """
    if settings.model is None and settings.writer not in WRITERS:
        known = ", ".join((*WRITERS, "openai"))
        raise ValueError(f"unknown writer {settings.writer!r}; known: {known}")
    detect = f"tag-plugin detect {settings.directory}"
    inputs = row_files(settings.directory, "detected", BUILT_SPLITS, detect)
    splits = {split: RowFile(path) for split, path in inputs.items()}
    decisive = {
        "seed": settings.seed,
        "judge": settings.judge.model_dump(mode="json"),
        "input": digests(inputs.values()),
    }
    run = _run_rules if settings.model is None else _run_model
    manifest = run(settings, splits, decisive)
    return Built(manifest, register(settings.directory, list(inputs)))


def _run_rules(
    settings: BuildSettings, splits: Mapping[Split, RowFile], decisive: dict[str, Any]
) -> Manifest:
    command = f"tag-plugin build {settings.directory} --writer {settings.writer}"
    stage = Stage(settings.directory, "built", "build.json", command, settings)
    with stage.opened({"writer": settings.writer, **decisive}) as manifest:
        return stage.run(manifest, splits, partial(_open_worker, settings))


def _run_model(
    settings: BuildSettings, splits: Mapping[Split, RowFile], decisive: dict[str, Any]
) -> Manifest:
    """Imported here: what it needs is an extra."""
    if settings.ray is not None:
        raise StageError("a model as the writer waits for its endpoint; next: leave --ray away")
    require_client()
    from tag_plugin.pipeline.write.stage import ModelRun, run_model

    if settings.model is None:
        raise ValueError("no model")
    run = ModelRun(settings.directory, settings.model, settings.seed, settings.judge, settings)
    return run_model(run, splits, decisive)


@contextmanager
def _open_worker(settings: BuildSettings) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    yield lambda rows: [_built(settings, row) for row in rows]


def _built(settings: BuildSettings, row: Row) -> Outcome:
    if row.detections is None:
        return Dropped(row.id, NO_FACE)
    seed = f"{settings.seed}:{row.id}"
    try:
        trace = WRITERS[settings.writer](row.label, row.detections, seed, settings.judge)
    except ValidationError as error:
        return Dropped(row.id, NOT_GOLD, first_problem(error))
    provenance = Provenance(writer=settings.writer, seed=settings.seed)
    built = row.model_copy(update={"trace": trace, "provenance": provenance})
    fault = why_not_gold(built, settings.judge)
    return Kept(dump_row(built), row.label) if fault is None else Dropped(row.id, NOT_GOLD, fault)
