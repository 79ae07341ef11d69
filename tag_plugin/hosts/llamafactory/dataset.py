"""Reading a TAG dataset for the host: line by line, bad rows skipped, counted and named.

The host's own reader infers a schema from the first rows and dies on a line that does not fit it.
Here a row stays one string until it is converted, so neither nulls nor a broken line matter.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset, Features, IterableDataset, Value

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.face_frame import ImageError, face_file
from tag_plugin.data.rows import row_lines
from tag_plugin.hosts.llamafactory.converter import LINE, PICTURE_SIZE, PROBLEM, ROW, WHERE
from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.hosts.llamafactory.model_view import SampleLengths, picture_size
from tag_plugin.hosts.llamafactory.reading import (
    NAMED,
    READING,
    Reading,
    TagDatasetError,
    missing_pictures,
    note_rows,
)

OWN_COLUMNS: Final = (PROBLEM, PICTURE_SIZE, ROW)


def load_tag_dataset(
    align_dataset: Callable[..., Any],
    dataset_attr: Any,
    model_args: Any,
    data_args: Any,
    training_args: Any,
) -> Any:
    """The counterpart of the host's `_load_single_dataset` for our formats.

    Raises:
        TagDatasetError: no such file, no rows, or not one good row that fits cutoff_len.
    """
    logger.info_rank0(f"Loading TAG dataset {dataset_attr}...")
    lines = _sampled(_read_lines(dataset_attr, model_args, data_args), dataset_attr, data_args)
    path = Path(data_args.dataset_dir, dataset_attr.dataset_name)
    if data_args.streaming:
        if training_args.world_size > 1:
            note_rows(str(dataset_attr), missing_pictures(lines[LINE], path.parent.parent), path)
        shards = min(len(lines), max(1, training_args.dataloader_num_workers))
        lines = lines.to_iterable_dataset(num_shards=shards)
    aligned = align_dataset(lines, dataset_attr, data_args, training_args)
    lengths = READING.get(Reading(None)).lengths
    if isinstance(aligned, IterableDataset):
        return _good_rows_of_stream(aligned, dataset_attr, lengths)
    return _good_rows(aligned, dataset_attr, training_args, lengths, path)


def skipped_rows_file(output_dir: Path, dataset_name: str) -> Path:
    """Where the skipped rows of a dataset are listed, one reason a line."""
    return output_dir / f"tag_skipped_{dataset_name.replace('/', '_')}.txt"


def _read_lines(dataset_attr: Any, model_args: Any, data_args: Any) -> Dataset:
    path = Path(data_args.dataset_dir, dataset_attr.dataset_name)
    if dataset_attr.load_from != "file" or not path.exists():
        raise TagDatasetError(
            f"TAG dataset {dataset_attr}: {path} does not exist; next: tag-plugin build, which "
            "also writes the entry in dataset_info.json"
        )
    if not any(_rows(str(path), 0, 0)):
        raise TagDatasetError(
            f"TAG dataset {dataset_attr}: {path} is empty; next: tag-plugin build"
        )
    status = path.stat()
    return Dataset.from_generator(
        _rows,
        features=Features({LINE: Value("string"), WHERE: Value("string")}),
        cache_dir=model_args.cache_dir,
        gen_kwargs={"path": str(path), "size": status.st_size, "modified": status.st_mtime_ns},
    )


def _rows(path: str, size: int, modified: int) -> Iterator[dict[str, str]]:
    """`size` and `modified` are not read: a changed file is another key in the host's cache."""
    for where, line in row_lines(Path(path)):
        yield {LINE: line.strip(), WHERE: where}


def _sampled(lines: Dataset, dataset_attr: Any, data_args: Any) -> Dataset:
    """Draws `num_samples` (dataset_info.json), then `max_samples` (recipe), as the host does.

    From the global generator, which the host has seeded.
    """
    wanted = dataset_attr.num_samples
    if wanted is not None and not data_args.streaming:
        chosen = np.random.permutation(len(lines))[:wanted]
        extra = np.random.choice(len(lines), wanted - len(chosen))
        lines = lines.select(np.concatenate((chosen, extra)))
    if data_args.max_samples is not None:
        lines = lines.select(range(min(data_args.max_samples, len(lines))))
    return lines


def _good_rows(
    aligned: Dataset,
    dataset_attr: Any,
    training_args: Any,
    lengths: SampleLengths | None,
    path: Path,
) -> Dataset:
    problems = [_problem(each, lengths) for each in aligned]
    if training_args.world_size > 1:
        note_rows(str(dataset_attr), problems, path)
    skipped = [problem for problem in problems if problem]
    if skipped:
        _report(skipped, len(problems), dataset_attr, training_args, lengths)
        aligned = aligned.select([i for i, problem in enumerate(problems) if not problem])
    return aligned.remove_columns(OWN_COLUMNS)


def _problem(sample: dict[str, Any], lengths: SampleLengths | None) -> str:
    """Why a converted row is not used: as it was read, as its picture is now, or too long."""
    if sample[PROBLEM]:
        return str(sample[PROBLEM])
    image = Path(sample["_images"][0])
    problem = lengths.problem(sample["_prompt"], sample["_response"]) if lengths else ""
    try:
        if picture_size(image) != sample[PICTURE_SIZE]:  # the host converts a row once and keeps it
            face_file(image)
    except ImageError as error:
        problem = str(error)
    return f"{sample[ROW]}: {problem}" if problem else ""


def _report(
    skipped: list[str],
    total: int,
    dataset_attr: Any,
    training_args: Any,
    lengths: SampleLengths | None,
) -> None:
    advice = f"; next: cutoff_len: {lengths.longest}" if lengths and lengths.longest else ""
    if len(skipped) == total:
        raise TagDatasetError(
            f"TAG dataset {dataset_attr}: not one of {total} rows can be used; first: {skipped[0]}"
            f"{advice}"
        )
    for problem in skipped[:NAMED]:
        logger.warning_rank0(f"TAG row skipped: {problem}")
    listing = skipped_rows_file(Path(training_args.output_dir), dataset_attr.dataset_name)
    if training_args.should_save:
        write_text(listing, "\n".join(skipped) + "\n")
    logger.warning_rank0(
        f"TAG dataset {dataset_attr}: skipped {len(skipped)} of {total} rows, all listed in "
        f"{listing}{advice or '; next: repair them, then train with overwrite_cache: true'}"
    )


def _good_rows_of_stream(
    aligned: IterableDataset,
    dataset_attr: Any,
    lengths: SampleLengths | None,
) -> IterableDataset:
    good = aligned.filter(_SkipAndTell(str(dataset_attr), lengths)).remove_columns(OWN_COLUMNS)
    if next(iter(good), None) is None:
        raise TagDatasetError(f"TAG dataset {dataset_attr}: not one row can be used (see above)")
    return good


class _SkipAndTell:
    """Lets good rows pass and names the others as the stream reaches them, each once a process."""

    def __init__(self, dataset: str, lengths: SampleLengths | None) -> None:
        self._dataset, self._lengths = dataset, lengths
        self._told: set[str] = set()

    def __call__(self, example: dict[str, Any]) -> bool:
        problem = _problem(example, self._lengths)
        if problem and problem not in self._told:
            self._told.add(problem)
            logger.warning_rank0(
                f"TAG row skipped ({len(self._told)} so far in {self._dataset}): {problem}"
            )
        return not problem
