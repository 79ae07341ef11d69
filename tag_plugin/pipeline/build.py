"""build: detected rows -> rows with a verified trace, and LLaMA-Factory's entries for them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tag_plugin.data.rows import Provenance, Row, Split, dump_row
from tag_plugin.facs.detections import Detections
from tag_plugin.pipeline import rules
from tag_plugin.pipeline.dataset_info import register
from tag_plugin.pipeline.journal import Dropped, Kept, Outcome, StageError
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.stage import RowFile, Stage, digests
from tag_plugin.pipeline.verify import shortcoming
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig
from tag_plugin.trace.grammar import Trace

BUILT_SPLITS: tuple[Split, ...] = ("train", "dev")
"""The test split is judged, never trained on: it gets no traces."""

NO_FACE, NOT_GOLD = "no face", "the judge finds fault with the trace"

Writer = Callable[[str, Detections, str, JudgeConfig], Trace]
"""(label, detections, seed, judge) -> trace."""

WRITERS: Mapping[str, Writer] = MappingProxyType({rules.WRITER_NAME: rules.write_trace})


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """`directory` is DATA_DIR/<dataset>; `seed` varies the wording."""

    directory: Path
    writer: str = rules.WRITER_NAME
    seed: int = 0
    workers: int = 1
    restart: bool = False
    judge: JudgeConfig = DEFAULT_JUDGE


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
    """
    if settings.writer not in WRITERS:
        raise ValueError(f"unknown writer {settings.writer!r}; known: {', '.join(WRITERS)}")
    command = f"tag-plugin build {settings.directory} --writer {settings.writer}"
    stage = Stage(settings.directory, "built", "build.json", command, settings.workers)
    inputs = _inputs(settings.directory)
    decisive = {
        "writer": settings.writer,
        "seed": settings.seed,
        "judge": settings.judge.model_dump(mode="json"),
        "input": digests(inputs.values()),
    }
    manifest = stage.open(decisive, restart=settings.restart)
    splits = {split: RowFile(path) for split, path in inputs.items()}
    stage.run(manifest, splits, partial(_open_worker, settings))
    return Built(manifest, register(settings.directory, list(inputs)))


def _inputs(directory: Path) -> dict[Split, Path]:
    paths = {split: directory / "detected" / f"{split}.jsonl" for split in BUILT_SPLITS}
    found = {split: path for split, path in paths.items() if path.is_file()}
    if not found:
        raise StageError(
            f"no detected rows in {directory / 'detected'}; next: tag-plugin detect {directory}"
        )
    return found


@contextmanager
def _open_worker(settings: BuildSettings) -> Iterator[Callable[[Row], Outcome]]:
    yield partial(_built, settings)


def _built(settings: BuildSettings, row: Row) -> Outcome:
    if row.detections is None:
        return Dropped(row.id, NO_FACE)
    seed = f"{settings.seed}:{row.id}"
    trace = WRITERS[settings.writer](row.label, row.detections, seed, settings.judge)
    provenance = Provenance(writer=settings.writer, seed=settings.seed)
    built = row.model_copy(update={"trace": trace, "provenance": provenance})
    fault = shortcoming(built, settings.judge)
    return Kept(dump_row(built), row.label) if fault is None else Dropped(row.id, NOT_GOLD, fault)
