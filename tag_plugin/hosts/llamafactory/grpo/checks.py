"""What is checked between reading the data and loading the model."""

from collections import Counter
from typing import Any

from tag_plugin.data.rows import parse_row
from tag_plugin.hosts.llamafactory.grpo.dataset import COLUMNS, TAG_ROW
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.rewards import WeightedRewards


def check_run(model_args: Any, data_args: Any, finetuning_args: Any, config: Any) -> None:  # noqa: ANN401  # host objects
    """Refuses combinations that would end or mislead the run later.

    Raises:
        GrpoError: names the settings and what to write instead.
    """
    if data_args.streaming:
        raise GrpoError("stage: grpo needs the whole data set; next: streaming: false")
    if config.use_vllm and not _has_vllm():
        raise GrpoError("grpo: use_vllm needs vLLM; next: pip install 'vllm==0.10.2', or leave it")
    adapters = model_args.adapter_name_or_path
    if adapters and config.beta and not finetuning_args.create_new_adapter:
        raise GrpoError(
            "grpo: beta > 0 with adapter_name_or_path would take the model without the adapter as "
            "the reference; next: create_new_adapter: true (the adapter is merged first)"
        )


def check_data(dataset: Any, rewards: WeightedRewards, config: Any) -> None:  # noqa: ANN401  # host objects
    """Refuses a training set that gives no whole batch, or on which a reward never applies.

    Raises:
        GrpoError: names the first row or the reward, and the next command.
    """
    missing = set(COLUMNS) - set(dataset.column_names)
    if missing:
        raise GrpoError(
            f"the data has no column {sorted(missing)[0]!r}: it was tokenized for another stage; "
            "next: another tokenized_path"
        )
    prompts = config.generation_batch_size // config.num_generations
    if len(dataset) < prompts:
        raise GrpoError(
            f"a generation batch needs {prompts} prompts, the data has {len(dataset)}; next: a "
            "smaller batch, or more data"
        )
    check_images(dataset)
    check_references(dataset[TAG_ROW], rewards)


def check_images(dataset: Any) -> None:  # noqa: ANN401  # a host object
    """All samples have pictures, or none has: TRL batches them together.

    Raises:
        GrpoError: a mix; gives the counts and the first text-only prompt.
    """
    without = [index for index, images in enumerate(dataset["images"]) if not images]
    if without and len(without) < len(dataset):
        first = dataset[without[0]]["prompt"][:80]
        raise GrpoError(
            f"{len(without)} of {len(dataset)} samples have no image (first: {first!r}); next: "
            "leave the text-only data to SFT"
        )


def check_references(tag_rows: list[str], rewards: WeightedRewards) -> None:
    """Every reward of the judge applies to some row.

    Raises:
        GrpoError: no TAG row at all, or grounding without detections.
    """
    rows = [parse_row(row, TAG_ROW) for row in tag_rows if row]
    if not rows and len(rewards.judged) == len(rewards.functions):
        raise GrpoError(
            "the data has no TAG rows, so no reward applies; next: rewards: [{name: "
            "file.py:function}]"
        )
    grounding = [each.name for each in rewards.judged if each.needs_detections]
    undetected = [row for row in rows if row.detections is None and row.detector is None]
    if grounding and rows and undetected:
        count = Counter(row.dataset for row in undetected)
        raise GrpoError(
            f"{grounding[0]} needs detections, and {len(undetected)} of {len(rows)} rows were "
            f"never seen by a detector (first: {undetected[0].id}); next: tag-plugin detect "
            f"{' '.join(count)}, or leave {grounding[0]} out of rewards:"
        )
    if grounding and rows and all(row.detections is None for row in rows):
        raise GrpoError(
            f"{grounding[0]} needs detections, and the detector found no face in any of "
            f"{len(rows)} rows; next: tag-plugin detect with another detector"
        )


def _has_vllm() -> bool:
    from trl.import_utils import is_vllm_available

    return bool(is_vllm_available())
