"""Before and after the host reads its data: is the TAG run right, and what was tokenized?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llamafactory.data.parser import get_dataset_list

from tag_plugin.data.checkpoint_record import write_checkpoint_record
from tag_plugin.hosts.llamafactory.faces import check_face_grid, picture_size
from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE
from tag_plugin.hosts.llamafactory.lengths import SampleLengths
from tag_plugin.hosts.llamafactory.reading import TagDatasetError
from tag_plugin.hosts.llamafactory.run import TagRun, keep_batches_whole, tag_run
from tag_plugin.hosts.llamafactory.special_tokens import check_special_tokens


def run_of(call: Mapping[str, Any]) -> TagRun:
    """The TAG part of a run, checked; `call` holds the arguments of the host's `get_dataset`.

    Raises:
        TemplateError: a template without a box frame, or data tokenized under another.
        FaceGridError: the host resizes the face frame.
        SpecialTokenError: readers would drop a part of every answer.
    """
    data_args = call["data_args"]
    run = tag_run(data_args, get_dataset_list)
    run.check_template()
    if data_args.tokenized_path:
        run.check_tokenized(data_args.tokenized_path)
    if run.datasets:
        check_special_tokens(call["tokenizer"])
        check_face_grid(call["template"], call.get("processor"))
        if data_args.streaming:
            keep_batches_whole(call["training_args"])
    return run


def lengths_of(run: TagRun, call: Mapping[str, Any]) -> SampleLengths | None:
    """What measures the run's TAG rows against its cutoff_len."""
    measured = run.datasets and call["stage"] in ("sft", STAGE)
    return SampleLengths(call) if measured else None


def check_tokenized_pictures(module: Mapping[str, Any], call: Mapping[str, Any]) -> None:
    """Tokenized data is read without its rows: are its pictures still there?

    Raises:
        TagDatasetError: names the first that is not.
    """
    data_args = call["data_args"]
    if not data_args.tokenized_path or data_args.streaming:
        return
    for dataset in (module.get("train_dataset"), module.get("eval_dataset")):
        for part in dataset.values() if isinstance(dataset, dict) else [dataset]:
            _check_pictures(part, data_args.tokenized_path)


def _check_pictures(dataset: Any, tokenized: str) -> None:
    if dataset is None or "images" not in dataset.column_names:
        return
    paths = {path for images in dataset["images"] for path in images or () if isinstance(path, str)}
    missing = sorted(path for path in paths if picture_size(Path(path)) < 0)
    if missing:
        raise TagDatasetError(
            f"{tokenized}: {len(missing)} of its {len(paths)} pictures are missing, first "
            f"{missing[0]}; next: bring them back, or another tokenized_path"
        )


def keep_record(run: TagRun, call: Mapping[str, Any]) -> None:
    """Writes beside tokenized data under which template and question it was tokenized."""
    tokenized, record = call["data_args"].tokenized_path, run.record()
    if tokenized and run.datasets and record and call["training_args"].should_save:
        write_checkpoint_record(Path(tokenized), record)
