"""The host's datasets for GRPO: the prompt exactly as SFT builds it, and what the rewards compare.

A sample has the columns
    prompt      the user's text (for the rewards; the model reads prompt_ids)
    prompt_ids  the token ids that SFT would train after, image tokens expanded
    images      the pictures' paths
    solution    the data set's own answer: the assistant's text, or a TAG row's label
    tag_row     the TAG row as JSON (label and detections), "" for other data
"""

import copy
from collections.abc import Mapping
from dataclasses import astuple
from functools import partial
from typing import Any, Final

from datasets import Dataset
from llamafactory.data.processor import SupervisedDatasetProcessor
from llamafactory.extras.constants import IGNORE_INDEX
from llamafactory.extras.logging import get_logger

from tag_plugin.data.rows import Row, dump_row
from tag_plugin.hosts.llamafactory.converter import TagConverter, tag_converter
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

TAG_ROW: Final = "tag_row"
_ROW: Final = "_tag_row_json"
"""The same among the host's columns, on the way to the processor."""

COLUMNS: Final = ("prompt", "prompt_ids", "images", "solution", TAG_ROW)

_UNCUT: Final = 1 << 30
_REPLY: Final = {"role": "assistant", "content": "."}  # stands for the reply, which is not kept

logger = get_logger("llamafactory.tag_plugin")  # a child of the host's logger


class RowConverter(TagConverter):
    """The question as SFT asks it, answered by the label; beside it the row. No trace is needed."""

    __slots__ = ()

    def __call__(self, example: Mapping[str, str]) -> dict[str, Any]:
        """The host's sample; one that is skipped has no row."""
        return {_ROW: ""} | super().__call__(example)

    def _convert(self, row: Row) -> dict[str, Any]:
        kept = row.model_copy(update={"trace": None, "provenance": None})
        return super()._convert(row) | {_ROW: dump_row(kept)}

    def _reply(self, row: Row) -> str:
        return row.label


def align_with_rows(
    lines: Dataset, dataset_attr: Any, data_args: Any, training_args: Any
) -> Dataset:
    """The counterpart of the host's `align_dataset` for TAG rows."""
    converter = RowConverter(*astuple(tag_converter(dataset_attr, data_args)))
    return lines.map(
        converter,
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
        encode = partial(_sample, self._uncut())
        names = list(examples)
        rows = [
            dict(zip(names, values, strict=True)) for values in zip(*examples.values(), strict=True)
        ]
        found = [encode(row) for row in rows if len(row["_prompt"]) % 2 and row["_response"]]
        kept = [each for each in found if len(each["prompt_ids"]) < self.data_args.cutoff_len]
        if len(kept) < len(rows):
            logger.warning_rank0(
                f"dropped {len(rows) - len(found)} broken samples and {len(found) - len(kept)} "
                f"prompts of cutoff_len {self.data_args.cutoff_len} tokens or more"
            )
        return {name: [each[name] for each in kept] for name in COLUMNS}

    def print_data_example(self, example: dict[str, Any]) -> None:
        """What the host shows of the first sample."""
        text = self.tokenizer.decode(example["prompt_ids"], skip_special_tokens=False)
        logger.info_rank0(f"prompt_ids:\n{example['prompt_ids']}\nprompt:\n{text}")
        logger.info_rank0(f"images: {example['images']}; solution: {example['solution']}")

    def _uncut(self) -> SupervisedDatasetProcessor:
        data_args = copy.copy(self.data_args)
        data_args.cutoff_len = _UNCUT
        return SupervisedDatasetProcessor(self.template, self.tokenizer, self.processor, data_args)


def _sample(encoder: SupervisedDatasetProcessor, row: Mapping[str, Any]) -> dict[str, Any]:
    if row["_videos"] or row["_audios"]:
        raise GrpoError(
            f"stage: grpo trains on images only, not on {row['_videos']}{row['_audios']}"
        )
    ids, labels = encoder._encode_data_example(
        prompt=row["_prompt"],
        response=[_REPLY],
        system=row["_system"],
        tools=row["_tools"],
        images=row["_images"] or [],
        videos=[],
        audios=[],
    )
    start = len(labels) - labels[::-1].index(IGNORE_INDEX)
    return {
        "prompt": "\n".join(message["content"] for message in row["_prompt"]),
        "prompt_ids": ids[:start],
        "images": row["_images"] or [],
        "solution": row["_response"][0]["content"],
        TAG_ROW: row[_ROW],
    }
