"""Keeps tag_plugin.json beside the weights: at every save, at the end, and through an export."""

from pathlib import Path
from typing import Any

from llamafactory.data.parser import get_dataset_list

from tag_plugin.data.checkpoint_record import read_checkpoint_record, write_checkpoint_record
from tag_plugin.hosts.llamafactory.run import tag_run


def recording(reporter: Any) -> type:
    """The host's callback, which also writes the record into every folder that gets weights."""

    class RecordingReporter(reporter):  # type: ignore[misc]  # the host ships no types
        """Writes tag_plugin.json; see `tag_plugin.data.checkpoint_record`."""

        def __init__(
            self,
            model_args: Any,
            data_args: Any,
            finetuning_args: Any,
            generating_args: Any,
        ) -> None:
            super().__init__(model_args, data_args, finetuning_args, generating_args)
            self._tag_record = tag_run(data_args, get_dataset_list).record()

        def _tag_write(self, args: Any, folder: str = "") -> None:
            if self._tag_record is not None and args.should_save:
                write_checkpoint_record(Path(args.output_dir, folder), self._tag_record)

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            super().on_save(args, state, control, **kwargs)
            self._tag_write(args, f"checkpoint-{state.global_step}")

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            super().on_train_end(args, state, control, **kwargs)
            self._tag_write(args)

    return RecordingReporter


def carry_record(model_args: Any) -> None:
    """An exported model keeps the record of the adapter, or of the model, that it was made of."""
    sources = [*reversed(model_args.adapter_name_or_path or ()), model_args.model_name_or_path]
    for source in sources:
        record = read_checkpoint_record(Path(source))
        if record is not None:
            write_checkpoint_record(Path(model_args.export_dir), record)
            return
