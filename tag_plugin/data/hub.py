"""Any image-classification set that the `datasets` library reads: from the hub, or local.

The name may be a hub set, a folder of Parquet files or class folders, or a folder that
`save_to_disk` wrote. Classes are mapped by name. Code that a dataset brings is never run.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tag_plugin.data.file_names import check_dataset_name, pictures_below, split_names
from tag_plugin.data.folder import CLASS_LEFT_OUT
from tag_plugin.data.hub_folder import picture_splits
from tag_plugin.data.picture import UNREADABLE, decode_picture, open_picture
from tag_plugin.data.rows import SPLITS, Split
from tag_plugin.data.source import (
    LEFT_OUT,
    LeftOut,
    Pictures,
    SourceError,
    SourceFace,
    held_out,
    map_classes,
)

NO_CLASS: Final = "no class"


@dataclass(frozen=True)
class HubDataset:
    """The reader of one `datasets` set.

    Attributes:
        name: the set's name on the hub, or its folder.
        dataset: what the dataset is called from now on.
        label_set: its classes.
        declared: class name -> emotion, where the name does not say it; "" leaves it out.
        config: the configuration of a set that has several.
        image_column, label_column: found by their type when None.
        identity_column: the column that says who it is, if there is one.
        splits: our split -> the set's split; found by name when empty.

    Raises:
        SourceError: it cannot be loaded, has no column of pictures or of classes, numbers without
            names, or a name that is no class.
    """

    name: str
    dataset: str
    label_set: str = "basic7"
    declared: Mapping[str, str] = field(default_factory=dict)
    config: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    identity_column: str | None = None
    splits: Mapping[Split, str] = field(default_factory=dict)
    pictures: Pictures = Pictures.UNKNOWN

    def __post_init__(self) -> None:
        check_dataset_name(self.dataset)
        _ = self._classes, self._split_names

    @property
    def root(self) -> Path:
        """The folder, or the cache that the hub's files lie in."""
        return Path(self.name if Path(self.name).is_dir() else _library().config.HF_CACHE_HOME)

    @property
    def settings(self) -> Mapping[str, str]:
        """The splits with their fingerprints, the classes, and what is not read."""
        return {
            "name": self.name,
            "config": self.config or "",
            "classes": ", ".join(f"{name}={each}" for name, each in sorted(self._classes.items())),
            **{f"split {name}": str(part._fingerprint) for name, part in self._parts.items()},
            **self._accounts(),
        }

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The rows of a split, in the set's order.

        A set that has only one split is held out by row number: see `held_out`.
        """
        if split in self._split_names:
            yield from self._entries(self._split_names[split])
        elif len(self._parts) == 1:
            (only,) = self._parts
            yield from (entry for entry in self._entries(only) if held_out(entry) == split)

    def _entries(self, name: str) -> Iterator[SourceFace | LeftOut]:
        prefix = re.sub(r"[^A-Za-z0-9-]+", "_", name)
        for number, record in enumerate(self._parts[name]):
            yield self._entry(f"{prefix}-{number:07d}", record)

    def _entry(self, row_id: str, record: Mapping[str, Any]) -> SourceFace | LeftOut:
        stored, name = record[self._image_column], self._class_of(record)
        if name is None:
            return LeftOut(row_id, NO_CLASS)
        if self._classes[name] == LEFT_OUT:
            return LeftOut(row_id, CLASS_LEFT_OUT, name)
        if not stored or not (stored.get("bytes") or stored.get("path")):
            return LeftOut(row_id, UNREADABLE, "the row holds no picture")
        data, file = stored.get("bytes"), Path(stored.get("path") or "")
        picture = partial(open_picture, file, self.root)
        if data is not None:
            picture = partial(_decoded, data, row_id)
        person = record[self.identity_column] if self.identity_column else None
        identity = None if person is None else str(person)
        return SourceFace(row_id, self._classes[name], picture, identity=identity)

    def _class_of(self, record: Mapping[str, Any]) -> str | None:
        value = record[self._label_column]
        if isinstance(value, int) and value >= 0:
            return str(self._features[self._label_column].int2str(value))
        return value if isinstance(value, str) else None

    @cached_property
    def _loaded(self) -> Mapping[str, Any]:
        """Split name -> a `datasets.Dataset`."""
        return _load(self.name, self.config)

    @cached_property
    def _parts(self) -> Mapping[str, Any]:
        """The same, whose pictures stay undecoded."""
        column, raw = self._image_column, _library().Image(decode=False)
        return {name: part.cast_column(column, raw) for name, part in self._loaded.items()}

    @cached_property
    def _features(self) -> Mapping[str, Any]:
        features: Mapping[str, Any] = next(iter(self._parts.values())).features
        wanted = (self.image_column, self.label_column, self.identity_column)
        missing = [column for column in wanted if column is not None and column not in features]
        if missing:
            raise SourceError(f"{self.name} has no column {missing[0]!r}, only {list(features)}")
        return features

    @cached_property
    def _image_column(self) -> str:
        return self.image_column or _one(self._loaded, "Image", "--image-column", self.name)

    @cached_property
    def _label_column(self) -> str:
        return self.label_column or _one(self._parts, "ClassLabel", "--label-column", self.name)

    @cached_property
    def _classes(self) -> Mapping[str, str]:
        feature = self._features[self._label_column]
        if type(feature).__name__ == "ClassLabel":
            names = list(feature.names)
        elif getattr(feature, "dtype", "") in {"string", "large_string"}:
            columns = (part.unique(self._label_column) for part in self._parts.values())
            names = sorted({name for column in columns for name in column if name is not None})
        else:
            raise SourceError(
                f"{self.name}: the column {self._label_column!r} is {feature}: numbers without "
                "names, and nobody knows which class each one is; next: a column of class names"
            )
        return map_classes(names, self.label_set, self.declared, self.name)

    @cached_property
    def _split_names(self) -> Mapping[Split, str]:
        for name in self.splits.values():
            if name not in self._parts:
                raise SourceError(f"{self.name} has no split {name!r}, only {list(self._parts)}")
        if self.splits or len(self._parts) == 1:
            return self.splits
        by_split = split_names(self._parts, self.name, "say which with --split {split}={name}")
        if not by_split:
            raise SourceError(
                f"{self.name} has the splits {list(self._parts)}, and none is called train, dev or "
                "test; next: say which with --split train=NAME"
            )
        return by_split

    def _accounts(self) -> Mapping[str, str]:
        """What was there and is not read."""
        accounts = {}
        read = self._split_names.values() or self._parts
        unread = [f"{name} ({len(part)})" for name, part in self._parts.items() if name not in read]
        if unread:
            accounts["counts of splits"] = f"not read: {', '.join(unread)}"
        folder, rows = Path(self.name), sum(map(len, self._parts.values()))
        pictures = sum(1 for _ in pictures_below(folder)) if folder.is_dir() else 0
        if rows < pictures:
            accounts["counts of pictures"] = f"{rows} rows, but {pictures} pictures in {folder}"
        return accounts


def parse_splits(given: Mapping[str, str]) -> Mapping[Split, str]:
    """Our split -> theirs.

    Raises:
        SourceError: a name that is none of our splits.
    """
    unknown = [name for name in given if name not in SPLITS]
    if unknown:
        raise SourceError(f"--split {unknown[0]}=...: ours are {', '.join(SPLITS)}")
    return {split: given[split] for split in SPLITS if split in given}


def _load(name: str, config: str | None) -> Mapping[str, Any]:
    library = _library()
    folder = Path(name)
    try:
        if (folder / "dataset_dict.json").is_file():
            return dict(library.load_from_disk(str(folder)))
        if (folder / "state.json").is_file():
            return {"train": library.load_from_disk(str(folder))}
        files = picture_splits(folder) if folder.is_dir() and config is None else None
        if files is not None:
            return dict(library.load_dataset("imagefolder", data_files=dict(files)))
        return dict(library.load_dataset(name, config))
    except SourceError:
        raise
    # Whatever is wrong with the set or the way to it, the library has its own error for it.
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise SourceError(
            f"{name}: the datasets library cannot load it ({type(error).__name__}: "
            f"{str(error)[:300]}); next: check the name, the network, and for a gated set "
            "`huggingface-cli login` after its licence is accepted on its page"
        ) from error


def _decoded(data: bytes, name: str) -> Image.Image:
    """A picture that a set stores as bytes."""
    return decode_picture(io.BytesIO(data), name)


def _one(parts: Mapping[str, Any], kind: str, option: str, name: str) -> str:
    features = next(iter(parts.values())).features
    kinds = {str(column): type(each).__name__ for column, each in features.items()}
    matching = [column for column in kinds if kinds[column] == kind]
    if len(matching) != 1:
        raise SourceError(
            f"{name} has {len(matching)} columns of type {kind}; next: say which with {option}; it "
            f"has {', '.join(f'{column} ({each})' for column, each in kinds.items())}"
        )
    return matching[0]


def _library() -> Any:  # noqa: ANN401 - a module without type information
    try:
        import datasets
    except ImportError as error:
        raise SourceError(
            f"the datasets library cannot be imported ({error}); next: pip install datasets"
        ) from error
    return datasets
