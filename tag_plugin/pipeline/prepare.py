"""prepare: a benchmark on disk -> face frames and rows with labels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from tag_plugin.data.face_frame import ImageError, load_face, write_face
from tag_plugin.data.rows import SPLITS, Row, Split, dump_row
from tag_plugin.data.source import LeftOut, Source, SourceFace
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.pipeline.journal import Dropped, Kept, Outcome
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.shards import Shard
from tag_plugin.pipeline.stage import Stage

UNREADABLE = "image missing or unreadable"

Entry = tuple[Split, SourceFace | LeftOut]


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """Where to write, and how much: at most `limit` entries of each split, all when None."""

    data_dir: Path
    limit: int | None = None
    workers: int = 1
    restart: bool = False
    shard: Shard | None = None


@dataclass(frozen=True, slots=True)
class _Entries:
    """The entries of one split, each with its split."""

    source: Source
    split: Split
    limit: int | None

    def since(self, start: int) -> Iterator[Entry]:
        entries = islice(self.source.entries(self.split), start, self.limit)
        return ((self.split, each) for each in entries)

    def __len__(self) -> int:
        return sum(1 for _ in self.since(0))


def prepare(source: Source, settings: PrepareSettings) -> Manifest:
    """Write `prepared/{train,dev,test}.jsonl` and the face frames; resumes where it stopped.

    Raises:
        SourceError: the dataset is not in its official layout.
        StageError: DATA_DIR holds the same dataset made with other settings.
    """
    directory = settings.data_dir / source.dataset
    stage = Stage(
        directory,
        "prepared",
        "prepare.json",
        f"tag-plugin prepare {source.dataset}",
        settings.workers,
        shard=settings.shard,
    )
    decisive = {**source.settings, "face_frame": FACE_FRAME, "limit": settings.limit}
    manifest = stage.open(decisive, restart=settings.restart)
    worker = partial(_open_worker, directory, source.dataset, source.label_set)
    splits = {split: _Entries(source, split, settings.limit) for split in SPLITS}
    return stage.run(manifest, splits, worker)


@contextmanager
def _open_worker(
    directory: Path, dataset: str, label_set: str
) -> Iterator[Callable[[Entry], Outcome]]:
    yield partial(_prepared, directory, dataset, label_set)


def _prepared(directory: Path, dataset: str, label_set: str, item: Entry) -> Outcome:
    split, entry = item
    if isinstance(entry, LeftOut):
        return Dropped(entry.id, entry.reason, entry.detail)
    image = f"images/{split}/{entry.id}.jpg"
    try:
        write_face(directory / image, load_face(entry.image, entry.crop))
    except ImageError as error:
        return Dropped(entry.id, UNREADABLE, str(error))
    row = Row(
        id=entry.id,
        dataset=dataset,
        split=split,
        image=image,
        label=entry.label,
        label_set=label_set,
    )
    return Kept(dump_row(row), entry.label)
