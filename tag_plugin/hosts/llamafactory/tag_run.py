"""What one run of the host does with TAG data: checked before the model loads, then recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tag_plugin.data.checkpoint_record import (
    CheckpointRecord,
    read_checkpoint_record,
    write_checkpoint_record,
)
from tag_plugin.hosts.llamafactory.converter import QUESTIONS
from tag_plugin.hosts.llamafactory.faces import check_face_grid, picture_size
from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE
from tag_plugin.hosts.llamafactory.lengths import SampleLengths
from tag_plugin.hosts.llamafactory.reading import TagDatasetError
from tag_plugin.hosts.llamafactory.special_tokens import check_special_tokens
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
        if current is None or _identity(stored) != _identity(current):
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

    def lengths(self, call: Mapping[str, Any]) -> SampleLengths | None:
        """What measures the TAG rows against the cutoff_len of the host's `get_dataset`."""
        measured = self.datasets and call["stage"] in ("sft", STAGE)
        return SampleLengths(call) if measured else None

    def after_reading(self, module: Mapping[str, Any], call: Mapping[str, Any]) -> None:
        """Looks at what was read without its rows, and keeps the record beside tokenized data.

        Raises:
            TagDatasetError: names the first picture that is missing.
        """
        data_args, record = call["data_args"], self.record()
        tokenized = data_args.tokenized_path
        if not tokenized or not self.datasets:
            return
        for dataset in (module.get("train_dataset"), module.get("eval_dataset")):
            for part in dataset.values() if isinstance(dataset, dict) else [dataset]:
                if part is not None and not data_args.streaming:
                    _check_pictures(part, tokenized)
        if record and call["training_args"].should_save:
            write_checkpoint_record(Path(tokenized), record)


def checked_run(call: Mapping[str, Any]) -> TagRun:
    """The TAG part of a run, checked; `call` holds the arguments of the host's `get_dataset`.

    Raises:
        TemplateError: a template without a box frame, or data tokenized under another.
        FaceGridError: the host resizes the face frame.
        SpecialTokenError: readers would drop a part of every answer.
    """
    data_args = call["data_args"]
    run = tag_run(data_args)
    run.check_template()
    if data_args.tokenized_path:
        run.check_tokenized(data_args.tokenized_path)
    if run.datasets:
        check_special_tokens(call["tokenizer"])
        check_face_grid(call["template"], call.get("processor"))
        if data_args.streaming:
            _keep_batches_whole(call["training_args"])
    return run


def tag_run(data_args: Any) -> TagRun:
    """Finds the TAG datasets of a run."""
    # not at the top: the host's data modules are armed with what imports this one
    from llamafactory.data.parser import get_dataset_list

    names = [*(data_args.dataset or ()), *(data_args.eval_dataset or ())]
    attrs = get_dataset_list(names, data_args.dataset_dir)
    formats = {name: attr.formatting for name, attr in zip(names, attrs, strict=True)}
    return TagRun(data_args.template, {n: f for n, f in formats.items() if f in QUESTIONS})


def _keep_batches_whole(training_args: Any) -> None:
    """Lets each process batch its own part of a stream, unless the recipe has decided.

    By default the trainer lets rank 0 read a stream and cuts every tensor of a batch to the batch
    size: pixels come as patches, many to a picture, so that pictures would be cut to pieces.
    """
    if training_args.accelerator_config.dispatch_batches is None:
        training_args.accelerator_config.dispatch_batches = False


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


def _identity(record: CheckpointRecord) -> tuple[str, str, str]:
    return (record.template, record.box_frame, record.prompt_hash)
