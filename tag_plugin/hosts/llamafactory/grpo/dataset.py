"""The host's datasets for GRPO: the prompt exactly as SFT builds it, and what the rewards compare.

A sample has the columns
    prompt      the user's text (for the rewards; the model reads prompt_ids)
    prompt_ids  the token ids that SFT would train after, image tokens expanded
    images      the pictures' paths
    solution    the data set's own answer: the assistant's text, or a TAG row's label
    tag_row     the TAG row as JSON (label, detections, which AUs are asked for), "" for other data
"""

from collections.abc import Mapping
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, Final

from datasets import Dataset
from llamafactory.data.processor import SupervisedDatasetProcessor

from tag_plugin.data.rows import Row, dump_row
from tag_plugin.hosts.llamafactory.converter import TagConverter, tag_converter
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.rewards import TAG_ROW
from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.hosts.llamafactory.model_view import encoded, prompt_length, uncut_encoder
from tag_plugin.pipeline.as_built import asked_as_built, asking
from tag_plugin.scoring.score import AskedUnits

_ROW: Final = "_tag_row_json"
"""The same among the host's columns, on the way to the processor."""

COLUMNS: Final = ("prompt", "prompt_ids", "images", "solution", TAG_ROW)


class RowConverter(TagConverter):
    """The question as SFT asks it, answered by the label; beside it the row. No trace is needed."""

    __slots__ = ()

    def __call__(self, example: Mapping[str, str]) -> dict[str, Any]:
        """The host's sample; one that is skipped has no row."""
        return {_ROW: ""} | super().__call__(example)

    def _convert(self, row: Row) -> dict[str, Any]:
        asked = AskedUnits.model_validate_json(self.asked) if self.asked else None
        known = asking(row.model_copy(update={"trace": None, "provenance": None}), asked)
        return super()._convert(row) | {_ROW: dump_row(known)}

    def _reply(self, row: Row) -> str:
        return row.label


def align_with_rows(
    lines: Dataset, dataset_attr: Any, data_args: Any, training_args: Any
) -> Dataset:
    """The counterpart of the host's `align_dataset` for TAG rows."""
    question = tag_converter(dataset_attr, data_args)
    asked = asked_as_built(Path(question.image_root))
    told = replace(question, asked="" if asked is None else asked.model_dump_json())
    return lines.map(
        RowConverter(*astuple(told)),
        remove_columns=lines.column_names,
        num_proc=data_args.preprocessing_num_workers,
        load_from_cache_file=not data_args.overwrite_cache or training_args.local_process_index,
        desc="Converting format of dataset",
    )


def without_rows(dataset: Dataset) -> Dataset:
    """Any other dataset of the host, with the columns of one that has TAG rows."""
    return dataset.add_column(_ROW, [""] * len(dataset))


def prompt_processor(
    data_args: Any,
    stage: str,
    template: Any,
    tokenizer: Any,
    processor: Any,
    do_generate: bool = False,
) -> "PromptProcessor":
    """In the place of the host's `_get_dataset_processor`."""
    return PromptProcessor(template, tokenizer, processor, data_args)


class PromptProcessor(SupervisedDatasetProcessor):  # type: ignore[misc]  # the host ships no types
    """Encodes a sample as SFT does, and keeps what comes before the last reply."""

    def preprocess_dataset(self, examples: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Drops broken samples and prompts longer than cutoff_len, and says how many."""
        encoder = uncut_encoder(self.template, self.tokenizer, self.processor, self.data_args)
        columns = zip(*examples.values(), strict=True)
        rows = [dict(zip(examples, values, strict=True)) for values in columns]
        whole = [row for row in rows if len(row["_prompt"]) % 2 and row["_response"]]
        samples = [_sample(encoder, row) for row in whole]
        kept = [each for each in samples if len(each["prompt_ids"]) < self.data_args.cutoff_len]
        if len(kept) < len(rows):
            logger.warning_rank0(
                f"dropped {len(rows) - len(whole)} broken samples and {len(whole) - len(kept)} "
                f"prompts of cutoff_len {self.data_args.cutoff_len} tokens or more"
            )
        return {name: [each[name] for each in kept] for name in COLUMNS}

    def print_data_example(self, example: dict[str, Any]) -> None:
        """What the host shows of the first sample."""
        text = self.tokenizer.decode(example["prompt_ids"], skip_special_tokens=False)
        logger.info_rank0(f"prompt_ids:\n{example['prompt_ids']}\nprompt:\n{text}")
        logger.info_rank0(f"images: {example['images']}; solution: {example['solution']}")


def _sample(encoder: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    if row["_videos"] or row["_audios"]:
        raise GrpoError(
            f"stage: grpo trains on images only, not on {row['_videos']}{row['_audios']}"
        )
    images = row["_images"] or []
    ids, labels = encoded(encoder, row["_prompt"], images, row["_system"], row["_tools"])
    return {
        "prompt": "\n".join(message["content"] for message in row["_prompt"]),
        "prompt_ids": ids[: prompt_length(labels)],
        "images": images,
        "solution": row["_response"][0]["content"],
        TAG_ROW: row[_ROW],
    }
