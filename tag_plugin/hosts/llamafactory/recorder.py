"""Keeps tag_plugin.json beside the weights: at every save, at the end, and through an export."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tag_plugin.data.checkpoint_record import (
    CheckpointRecord,
    read_checkpoint_record,
    write_checkpoint_record,
)
from tag_plugin.hosts.llamafactory.tag_run import tag_run


class RunRecorder(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Writes tag_plugin.json into every folder that gets weights, once a run has begun.

    See `tag_plugin.data.checkpoint_record`. `training_args` are those of the run, None before.
    """

    training_args: Any = None
    record: CheckpointRecord | None = None

    def begin(self, data_args: Any, training_args: Any) -> None:
        """Takes what the recipe says."""
        self.training_args, self.record = training_args, tag_run(data_args).record()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Into the checkpoint."""
        self._write(args, f"checkpoint-{state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Into the output directory."""
        self._write(args)

    def _write(self, args: Any, folder: str = "") -> None:
        if self.record is not None and args.should_save:
            write_checkpoint_record(Path(args.output_dir, folder), self.record)


def carry_record(model_args: Any) -> None:
    """An exported model keeps the record of the adapter, or of the model, that it was made of."""
    sources = [*reversed(model_args.adapter_name_or_path or ()), model_args.model_name_or_path]
    for source in sources:
        record = read_checkpoint_record(Path(source))
        if record is not None:
            write_checkpoint_record(Path(model_args.export_dir), record)
            return
