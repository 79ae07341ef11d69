"""Which file of a dataset the next step reads: the latest stage that has it."""

from collections.abc import Iterable
from pathlib import Path

from tag_plugin.data.rows import SPLITS, Split
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.quality.check import MANIFEST, OUTPUT, prepared_files


def faces_to_detect(directory: Path) -> dict[Split, Path]:
    """The row files of `quality`, or those of `prepare` where it was not run.

    Raises:
        StageError: nothing is prepared, or the quality check has not ended.
    """
    prepared = prepared_files(directory)
    if not (directory / MANIFEST).is_file() and not (directory / OUTPUT).is_dir():
        return prepared
    checked = {split: directory / OUTPUT / f"{split}.jsonl" for split in prepared}
    missing = [split for split, path in checked.items() if not path.is_file()]
    if missing:
        raise StageError(
            f"the quality check of {directory} has not ended ({', '.join(missing)} missing); next: "
            f"tag-plugin quality {directory}, or remove {directory / OUTPUT} and "
            f"{directory / MANIFEST} to do without it"
        )
    return checked


def file_of_test(directory: Path) -> Path | None:
    """The test split, as evaluation reads it; None where there is none."""
    return _latest(directory, "test", ("detected", OUTPUT, "prepared"))


def files_of_dataset(directory: Path) -> dict[str, Path]:
    """Part -> the file, or the folder of files, of the latest stage that made it.

    Parts: sft, rl and dev, or train and dev; test.
    """
    made = directory / "dataset"
    parts = {part: (made / f"{part}.jsonl", made / part) for part in ("sft", "rl", "dev")}
    files = {part: path for part, paths in parts.items() for path in paths if path.exists()}
    for split in (split for split in SPLITS if split != "train" or "sft" not in files):
        latest = _latest(directory, split, ("built", "detected", OUTPUT, "prepared"))
        if latest is not None:
            files.setdefault(split, latest)
    return files


def _latest(directory: Path, split: str, stages: Iterable[str]) -> Path | None:
    files = (directory / stage / f"{split}.jsonl" for stage in stages)
    return next((file for file in files if file.is_file()), None)
