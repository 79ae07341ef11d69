"""What one run of the host does with TAG data: checked before the model loads, then recorded."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tag_plugin.data.checkpoint_record import (
    CheckpointRecord,
    read_checkpoint_record,
    write_checkpoint_record,
)
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.chat_template import FILE as CHAT_TEMPLATE
from tag_plugin.hosts.llamafactory.chat_template import ask_as_trained
from tag_plugin.hosts.llamafactory.converter import IMAGE, QUESTIONS
from tag_plugin.hosts.llamafactory.dataset_entries import require_entries
from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE
from tag_plugin.hosts.llamafactory.model_view import (
    SampleLengths,
    check_face_grid,
    check_special_tokens,
    picture_size,
)
from tag_plugin.hosts.llamafactory.reading import TagDatasetError
from tag_plugin.hosts.llamafactory.templates import (
    PREFIX,
    TemplateError,
    declared_frame,
    frame_of,
    read_box_frame,
    suggestion,
)
from tag_plugin.trace.parse import ANY_EMOTION


@dataclass(frozen=True, slots=True)
class TagRun:
    """The chat template of a run and its TAG datasets, name -> `formatting`.

    `box_frame` is what the recipe says, None where it says nothing.
    """

    template: str | None
    datasets: dict[str, str]
    box_frame: BoxFrame | None = None

    @property
    def frame(self) -> BoxFrame | None:
        """The frame of the run's boxes, None where neither template nor recipe declares one.

        Raises:
            TemplateError: they declare two.
        """
        return declared_frame(self.template, self.box_frame)

    def check_template(self) -> None:
        """Refuses TAG data under a template that declares no box frame.

        Raises:
            TemplateError: naming the dataset, the template and what to write instead.
        """
        if not str(self.template).startswith(PREFIX) and self.datasets:
            from llamafactory.data.template import TEMPLATES

            name, formatting = next(iter(self.datasets.items()))
            raise TemplateError(
                f"dataset {name!r} (formatting: {formatting}) needs a template that declares its "
                f"box frame, not {self.template!r}; next: template: "
                f"{suggestion(self.template, TEMPLATES)}"
            )
        if self.datasets or self.box_frame is not None:
            frame_of(self.template, self.box_frame)

    def check_model(self, sources: Iterable[Path]) -> None:
        """Refuses TAG data in another box frame than the model has learnt.

        Raises:
            TemplateError: naming the checkpoint and both frames.
        """
        for folder in sources if self.datasets else ():
            learnt = read_checkpoint_record(folder)
            if learnt and learnt.box_frame is not self.frame:
                raise TemplateError(
                    f"{folder} was trained to write {learnt.box_frame} boxes (template "
                    f"{learnt.template}), this run asks for {self.frame} ones; next: the template "
                    "and box_frame of that training"
                )

    def check_tokenized(self, tokenized_path: str) -> None:
        """Refuses data that was tokenized under another template or with another question.

        Raises:
            TemplateError: naming the folder and both sides.
        """
        stored, current = read_checkpoint_record(Path(tokenized_path)), self.record()
        if stored and (current is None or _identity(stored) != _identity(current)):
            raise TemplateError(
                f"{tokenized_path} was tokenized with {stored}, this run is {current}; next: "
                f"template: {stored.template}, or another tokenized_path"
            )

    def record(self) -> CheckpointRecord | None:
        """What to keep beside the weights, or None when no frame is declared."""
        frame = self.frame
        if frame is None:
            return None
        wordings = {QUESTIONS[name].wording(frame) for name in self.datasets.values() or ("tag",)}
        return CheckpointRecord(
            template=str(self.template), box_frame=frame, prompt_hash="+".join(sorted(wordings))
        )

    @property
    def question(self) -> str:
        """One question of the run as its samples ask it, over every emotion."""
        formatting = next(iter(self.datasets.values()))
        frame = frame_of(self.template, self.box_frame)
        return IMAGE + QUESTIONS[formatting].prompt(ANY_EMOTION, frame)

    def lengths(self, call: Mapping[str, Any]) -> SampleLengths | None:
        """What measures the TAG rows against the cutoff_len of the host's `get_dataset`."""
        return SampleLengths(call) if self.datasets and call["stage"] in ("sft", STAGE) else None

    def after_reading(self, module: Mapping[str, Any], call: Mapping[str, Any]) -> None:
        """Looks at what was read without its rows, and keeps the record beside tokenized data.

        Raises:
            TagDatasetError: names the first picture that is missing.
        """
        record, tokenized = self.record(), call["data_args"].tokenized_path
        if not tokenized or not self.datasets:
            return
        for dataset in () if call["data_args"].streaming else module.values():
            for part in dataset.values() if isinstance(dataset, dict) else [dataset]:
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
        ask_as_trained(call, run.question)
        accelerator = call["training_args"].accelerator_config
        if data_args.streaming and accelerator.dispatch_batches is None:
            # By default rank 0 reads a stream and every tensor of a batch is cut to the batch size:
            # pixels come as patches, many to a picture, so that pictures would be cut to pieces.
            accelerator.dispatch_batches = False
    return run


def tag_run(data_args: Any) -> TagRun:
    """Finds the TAG datasets of a run."""
    # not at the top: the host's data modules are armed with what imports this one
    from llamafactory.data.parser import get_dataset_list

    names = [*(data_args.dataset or ()), *(data_args.eval_dataset or ())]
    require_entries([name for name in names if name.startswith(PREFIX)], data_args.dataset_dir)
    datasets = zip(names, get_dataset_list(names, data_args.dataset_dir), strict=True)
    formats = {name: each.formatting for name, each in datasets if each.formatting in QUESTIONS}
    return TagRun(data_args.template, formats, read_box_frame(data_args.box_frame))


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


class RunRecorder(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Writes tag_plugin.json into every folder that gets weights, once a run has begun.

    See `tag_plugin.data.checkpoint_record`. `training_args` are those of the run, None before.
    """

    training_args: Any = None
    record: CheckpointRecord | None = None

    def begin(self, model_args: Any, data_args: Any, training_args: Any) -> None:
        """Takes what the recipe says.

        Raises:
            TemplateError: TAG data under a template without a box frame, or under two frames, or
                under another than the model was trained on.
        """
        run = tag_run(data_args)
        run.check_template()
        run.check_model(_sources(model_args))
        self.training_args, self.record = training_args, run.record()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Into the checkpoint."""
        self._write(args, f"checkpoint-{state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Into the output directory."""
        self._write(args)

    def _write(self, args: Any, folder: str = "") -> None:
        if self.record is not None and args.should_save:
            write_checkpoint_record(Path(args.output_dir, folder), self.record)


def _sources(model_args: Any) -> list[Path]:
    """What a model is made of: its adapters, the last one first, then its base."""
    return [
        *map(Path, reversed(model_args.adapter_name_or_path or ())),
        Path(model_args.model_name_or_path),
    ]


def carry_record(model_args: Any) -> None:
    """An exported model keeps the record of the adapter, or of the model, that it was made of.

    And its chat template: the host takes that of the base.
    """
    for folder in _sources(model_args):
        if record := read_checkpoint_record(folder):
            write_checkpoint_record(Path(model_args.export_dir), record)
            if (folder / CHAT_TEMPLATE).is_file():
                shutil.copy(folder / CHAT_TEMPLATE, model_args.export_dir)
            return
