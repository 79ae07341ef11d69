"""prepare: a benchmark on disk -> face frames and rows with labels."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.face_frame import ImageError, write_face
from tag_plugin.data.file_names import find_file, plain_id, same_name
from tag_plugin.data.picture import check_name, open_picture
from tag_plugin.data.rows import SPLITS, Row, Split, dump_row
from tag_plugin.data.short_digest import short_digest
from tag_plugin.data.source import LeftOut, Pictures, Source, SourceFace
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.pipeline.face_finder import FaceFinder
from tag_plugin.pipeline.framing import DEFAULT_FRAMING, Framer, Framing
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome
from tag_plugin.pipeline.stage import Execution, Stage

SAME_NAME: Final = "another picture's name, but for its suffix or case"
Entry = tuple[Split, SourceFace | LeftOut]
PART: Final = 64
"""Inputs of a part: those of a `datasets` set carry their pictures with them."""


@dataclass(frozen=True, slots=True)
class PrepareSettings(Execution):
    """Where to write, and how much: at most `limit` entries of each split, all when None."""

    data_dir: Path
    limit: int | None = None
    framing: Framing = DEFAULT_FRAMING


def _face_or_drop(entry: Entry) -> Entry | Dropped:
    each = entry[1]
    return Dropped(each.id, each.reason, each.detail) if isinstance(each, LeftOut) else entry


@dataclass(frozen=True, slots=True)
class _Entries:
    """The entries of one split, each with its split."""

    source: Source
    split: Split
    limit: int | None
    parse: Callable[[Any], Any] = _face_or_drop

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        for each in islice(_distinct(self.source.entries(self.split)), self.limit):
            yield self._described(each), (self.split, each)

    def __len__(self) -> int:
        return sum(1 for _ in islice(self.source.entries(self.split), self.limit))

    def _described(self, entry: SourceFace | LeftOut) -> str:
        """What decides the row of an entry, wherever the dataset lies."""
        if isinstance(entry, LeftOut):
            return repr(entry)
        image, root = entry.image, self.source.root
        file = os.path.relpath(image, root) if isinstance(image, Path) else ""
        return repr(
            (entry.id, entry.label, file, entry.crop, entry.identity, dict(entry.attributes))
        )


def _distinct(entries: Iterator[SourceFace | LeftOut]) -> Iterator[SourceFace | LeftOut]:
    """Faces with ids that are fit for file names, each its own on every disk."""
    seen: set[int] = set()
    for entry in entries:
        if isinstance(entry, LeftOut):
            yield entry
            continue
        try:
            check_name(entry.id)
        except ImageError as error:
            yield LeftOut(repr(entry.id), error.reason, str(error))
            continue
        digest = short_digest(same_name(entry.id))
        if digest in seen:
            yield LeftOut(entry.id, SAME_NAME, f"{entry.image}: rename it")
        else:
            seen.add(digest)
            yield replace(entry, id=plain_id(entry.id))


def prepare(source: Source, settings: PrepareSettings) -> Manifest:
    """Write `prepared/{train,dev,test}.jsonl` and the face frames; resumes where it stopped.

    Raises:
        SourceError: the dataset is not in its official layout.
        StageError: DATA_DIR holds the same dataset made with other settings.
    """
    directory = settings.data_dir / source.dataset
    command = f"tag-plugin prepare {source.dataset}"
    stage = Stage(directory, "prepared", "prepare.json", command, settings, PART)
    decisive = {**source.settings, "face_frame": FACE_FRAME, "limit": settings.limit}
    if settings.framing.looks(source.pictures):
        FaceFinder().close()  # what is missing is said now, not in a worker
    worker = partial(
        _open_worker, directory, source.label_set, source.root, settings.framing, source.pictures
    )
    splits = {split: _Entries(source, split, settings.limit) for split in SPLITS}
    with stage.opened({**decisive, "framing": asdict(settings.framing)}) as manifest:
        return stage.run(manifest, splits, worker)


@contextmanager
def _open_worker(
    directory: Path, label_set: str, root: Path, framing: Framing, pictures: Pictures
) -> Iterator[Callable[[list[tuple[Split, SourceFace]]], list[Outcome]]]:
    """`root` is the folder that the pictures may lie in."""
    with closing(Framer(framing, pictures)) as framer:
        prepared = partial(_prepared, directory, label_set, root, framer)
        yield lambda faces: [prepared(*each) for each in faces]


def _prepared(
    directory: Path, label_set: str, root: Path, framer: Framer, split: Split, entry: SourceFace
) -> Outcome:
    image = f"images/{split}/{entry.id}.jpg"
    try:
        picture = (
            open_picture(find_file(entry.image, root), root)
            if isinstance(entry.image, Path)
            else entry.image()
        )
        frame, info = framer.frame(picture, entry.crop)
    except ImageError as error:
        return Dropped(entry.id, error.reason, str(error))
    write_face(directory / image, frame)
    row = Row(
        id=entry.id,
        dataset=directory.name,
        split=split,
        image=image,
        label=entry.label,
        label_set=label_set,
        identity=entry.identity,
        attributes=dict(entry.attributes),
        votes=entry.votes,
        frame=info,
    )
    return Kept(dump_row(row), entry.label)
