"""Before and after the host reads its data: is the TAG run right, and what was tokenized?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llamafactory.data.parser import get_dataset_list

from tag_plugin.data.checkpoint_record import write_checkpoint_record
from tag_plugin.hosts.llamafactory.faces import check_face_grid
from tag_plugin.hosts.llamafactory.run import TagRun, keep_batches_whole, tag_run


def run_of(call: Mapping[str, Any]) -> TagRun:
    """The TAG part of a run, checked; `call` holds the arguments of the host's `get_dataset`.

    Raises:
        TemplateError: a template without a box frame, or data tokenized under another.
        FaceGridError: the host resizes the face frame.
    """
    data_args = call["data_args"]
    run = tag_run(data_args, get_dataset_list)
    run.check_template()
    if data_args.tokenized_path:
        run.check_tokenized(data_args.tokenized_path)
    if run.datasets:
        check_face_grid(call["template"], call.get("processor"))
        if data_args.streaming:
            keep_batches_whole(call["training_args"])
    return run


def keep_record(run: TagRun, call: Mapping[str, Any]) -> None:
    """Writes beside tokenized data under which template and question it was tokenized."""
    tokenized, record = call["data_args"].tokenized_path, run.record()
    if tokenized and run.datasets and record and call["training_args"].should_save:
        write_checkpoint_record(Path(tokenized), record)
