"""What is checked between reading the data and loading the model."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tag_plugin.data.face_frame import ImageError
from tag_plugin.data.rows import Row, parse_row
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.detection_cache import DetectionCache
from tag_plugin.hosts.llamafactory.grpo.dataset import COLUMNS, TAG_ROW
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.online_detector import OnlineDetector
from tag_plugin.hosts.llamafactory.grpo.reference import check_reference
from tag_plugin.hosts.llamafactory.grpo.resume import state_file
from tag_plugin.hosts.llamafactory.grpo.rewards import JudgedReward, WeightedRewards


def check_run(model_args: Any, data_args: Any, finetuning_args: Any, config: Any) -> None:
    """Refuses combinations that would end or mislead the run later.

    Raises:
        GrpoError: names the settings and what to write instead.
    """
    if data_args.streaming:
        raise GrpoError("stage: grpo needs the whole data set; next: streaming: false")
    if config.use_vllm and not _has_vllm():
        raise GrpoError("grpo: use_vllm needs vLLM; next: pip install 'vllm==0.10.2', or leave it")
    _check_checkpoint(config)
    check_reference(model_args, finetuning_args, config)


def _check_checkpoint(config: Any) -> None:
    """One that was named by hand is of this stage, and of as many processes."""
    named = config.resume_from_checkpoint
    if isinstance(named, str) and not state_file(Path(named), config.process_index).is_file():
        raise GrpoError(
            f"resume_from_checkpoint: {state_file(Path(named), config.process_index)} is missing: "
            "not a checkpoint of stage: grpo with as many processes; next: model_name_or_path: "
            "that checkpoint, without resume_from_checkpoint"
        )


def check_data(dataset: Any, rewards: WeightedRewards, config: Any) -> None:
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
    check_references(dataset, rewards)


def check_images(dataset: Any) -> None:
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


def check_held_out(dataset: Any, rewards: WeightedRewards) -> None:
    """Refuses an evaluation set that cannot be batched, or on which a reward never applies.

    Raises:
        GrpoError: names the first row or the reward, and the next command.
    """
    check_images(dataset)
    check_references(dataset, rewards)


def check_references(dataset: Any, rewards: WeightedRewards) -> None:
    """Every reward of the judge applies to some row, or has a detector that makes it so.

    Raises:
        GrpoError: no TAG row at all, or grounding without detections.
    """
    rows = [parse_row(row, TAG_ROW) if row else None for row in dataset[TAG_ROW]]
    known = [row for row in rows if row is not None]
    if not known and len(rewards.judged) == len(rewards.functions):
        raise GrpoError(
            "the data has no TAG rows, so no reward applies; next: rewards: [{name: "
            "file.py:function}]"
        )
    undetected = [
        Undetected(row, Path(images[0]))
        for row, images in zip(rows, dataset["images"], strict=True)
        if row is not None and row.detections is None and row.detector is None
    ]
    for reward in rewards.judged:
        if reward.needs_detections and known:
            _check_grounding(reward, known, undetected)


@dataclass(frozen=True)
class Undetected:
    """A row that no detector has seen, and its picture."""

    row: Row
    image: Path


def _check_grounding(reward: JudgedReward, rows: list[Row], undetected: list[Undetected]) -> None:
    if undetected and reward.detector is None:
        datasets = " ".join(Counter(each.row.dataset for each in undetected))
        raise GrpoError(
            f"{reward.name} needs detections, and {len(undetected)} of {len(rows)} rows were "
            f"never seen by a detector (first: {undetected[0].row.id}); next: tag-plugin detect "
            f"{datasets}, args: {{detector: NAME}} under {reward.name} in rewards:, or leave "
            f"{reward.name} out"
        )
    if undetected and reward.detector is not None:
        _try_detector(reward.detector, undetected)
    elif all(row.detections is None for row in rows):
        raise GrpoError(
            f"{reward.name} needs detections, and the detector found no face in any of "
            f"{len(rows)} rows; next: tag-plugin detect with another detector"
        )


def _try_detector(online: OnlineDetector, undetected: list[Undetected]) -> None:
    """One picture tells whether a detector works; one that goes by ids must know every row."""
    with online.open() as opened:
        measure = DetectionCache(opened, online.directory)
        tried = undetected if opened.by_id else undetected[:1]
        for each in tried:
            try:
                measure.detect(each.row, each.image)
            except (DetectorError, ImageError, OSError, ValueError) as error:
                raise GrpoError(
                    f"rewards: detector {online.name}, row {each.row.id}: {error}"
                ) from None


def _has_vllm() -> bool:
    from trl.import_utils import is_vllm_available

    return bool(is_vllm_available())
