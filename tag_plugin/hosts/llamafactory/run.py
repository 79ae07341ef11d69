"""What one run of the host does with TAG data: checked before the model loads, then recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tag_plugin.data.checkpoint_record import CheckpointRecord, read_checkpoint_record
from tag_plugin.hosts.llamafactory.converter import QUESTIONS
from tag_plugin.hosts.llamafactory.templates import (
    TAG_TEMPLATES,
    TemplateError,
    frame_of,
    suggestion,
)


@dataclass(frozen=True, slots=True)
class TagRun:
    """The chat template of a run and its TAG datasets, name -> `formatting`."""

    template: str | None
    datasets: dict[str, str]

    def check_template(self) -> None:
        """Refuses TAG data under a template that declares no box frame.

        Raises:
            TemplateError: naming the dataset, the template and what to write instead.
        """
        if self.datasets and self.template not in TAG_TEMPLATES:
            name, formatting = next(iter(self.datasets.items()))
            raise TemplateError(
                f"dataset {name!r} (formatting: {formatting}) needs a template that declares its "
                f"box frame, not {self.template!r}; next: template: {suggestion(self.template)}"
            )

    def check_tokenized(self, tokenized_path: str) -> None:
        """Refuses data that was tokenized under another template or with another question.

        Raises:
            TemplateError: naming the folder and both sides.
        """
        stored = read_checkpoint_record(Path(tokenized_path))
        if stored is None:
            return
        current = self.record()
        if current is None or _asked(stored) != _asked(current):
            raise TemplateError(
                f"{tokenized_path} was tokenized with {stored}, this run is {current}; next: "
                f"template: {stored.template}, or another tokenized_path"
            )

    def record(self) -> CheckpointRecord | None:
        """What to keep beside the weights, or None when the template is not ours."""
        if self.template not in TAG_TEMPLATES:
            return None
        frame = frame_of(self.template)
        formats = set(self.datasets.values()) or {"tag"}
        wordings = sorted(QUESTIONS[name].wording(frame) for name in formats)
        return CheckpointRecord(
            template=str(self.template), box_frame=frame, prompt_hash="+".join(wordings)
        )


def tag_run(data_args: Any, dataset_attrs: Any) -> TagRun:
    """Finds the TAG datasets of a run; `dataset_attrs` is the host's `get_dataset_list`."""
    names = [*(data_args.dataset or ()), *(data_args.eval_dataset or ())]
    attrs = dataset_attrs(names, data_args.dataset_dir)
    formats = {name: attr.formatting for name, attr in zip(names, attrs, strict=True)}
    return TagRun(data_args.template, {n: f for n, f in formats.items() if f in QUESTIONS})


def keep_batches_whole(training_args: Any) -> None:
    """Lets each process batch its own part of a stream, unless the recipe has decided.

    By default the trainer lets rank 0 read a stream and cuts every tensor of a batch to the batch
    size: pixels come as patches, many to a picture, so that pictures would be cut to pieces.
    """
    if training_args.accelerator_config.dispatch_batches is None:
        training_args.accelerator_config.dispatch_batches = False


def _asked(record: CheckpointRecord) -> tuple[str, str, str]:
    return (record.template, record.box_frame, record.prompt_hash)
