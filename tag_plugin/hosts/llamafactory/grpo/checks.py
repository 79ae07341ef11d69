"""What is checked between reading the data and loading the model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tag_plugin.data.face_frame import ImageError
from tag_plugin.data.rows import Row
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.detection_cache import DetectionCache
from tag_plugin.hosts.llamafactory.grpo.dataset import COLUMNS
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, refuse
from tag_plugin.hosts.llamafactory.grpo.online_detector import OnlineDetector
from tag_plugin.hosts.llamafactory.grpo.reference import check_reference
from tag_plugin.hosts.llamafactory.grpo.resume import check_state, state_file
from tag_plugin.hosts.llamafactory.grpo.rewards import (
    TAG_ROW,
    JudgedReward,
    WeightedRewards,
    known_row,
)
from tag_plugin.hosts.llamafactory.grpo.vllm import check_vllm


def check_run(model_args: Any, data_args: Any, finetuning_args: Any, config: Any) -> None:
    """Refuses combinations that would end or mislead the run later.

    Raises:
        GrpoError: names the settings and what to write instead.
    """
    refuse({"stage: grpo needs the whole data set; next: streaming: false": data_args.streaming})
    check_vllm(config)
    if isinstance(config.resume_from_checkpoint, str):  # one that was named by hand
        check_state(state_file(Path(config.resume_from_checkpoint), config.process_index))
    check_reference(model_args, finetuning_args, config)


def check_data(dataset: Any, rewards: WeightedRewards, config: Any) -> None:
    """Refuses a training set that gives no whole batch, or on which a reward never applies.

    Raises:
        GrpoError: names the first row or the reward, and the next command.
    """
    missing = sorted({*COLUMNS} - {*dataset.column_names})
    prompts = config.generation_batch_size // config.num_generations
    refuse(
        {
            f"the data has no column {''.join(missing[:1])!r}: it was tokenized for another "
            "stage; next: another tokenized_path": missing,
            f"a generation batch needs {prompts} prompts, the data has {len(dataset)}; next: a "
            "smaller batch, or more data": len(dataset) < prompts,
        }
    )
    check_held_out(dataset, rewards)


def check_held_out(dataset: Any, rewards: WeightedRewards) -> None:
    """Refuses a data set with samples that no reward applies to, or a reward that never applies.

    Every reward of the judge applies to some row, or has a detector that makes it so.

    Raises:
        GrpoError: names the first sample or the reward, and the next command.
    """
    columns = zip(dataset[TAG_ROW], dataset["images"], strict=True)
    rows = [(known_row(line).row, images) for line, images in columns if line]
    if len(rewards.judged) == len(rewards.functions):
        _check_all_tag(dataset)
    for reward in rewards.judged:
        if reward.needs_detections and rows:
            _check_grounding(reward, rows)


def _check_all_tag(dataset: Any) -> None:
    """TAG's own rewards read TAG rows alone."""
    others = [index for index, line in enumerate(dataset[TAG_ROW]) if not line]
    if others:
        raise GrpoError(
            f"{len(others)} of {len(dataset)} samples are no TAG rows, so that no reward applies "
            f"to them (first: {dataset[others[0]]['prompt'][:80]!r}); next: add a reward for them "
            "to rewards: ({name: file.py:function}), or leave their data set out"
        )


def _check_grounding(reward: JudgedReward, rows: Sequence[tuple[Row, list[str]]]) -> None:
    undetected = [
        (row, images[0]) for row, images in rows if (row.detections, row.detector) == (None, None)
    ]
    if undetected and reward.detector is None:
        datasets = " ".join(dict.fromkeys(row.dataset for row, _ in undetected))
        raise GrpoError(
            f"{reward.name} needs detections, and {len(undetected)} of {len(rows)} rows were "
            f"never seen by a detector (first: {undetected[0][0].id}); next: tag-plugin detect "
            f"{datasets}, args: {{detector: NAME}} under {reward.name} in rewards:, or leave "
            f"{reward.name} out"
        )
    if undetected and reward.detector is not None:
        _try_detector(reward.detector, undetected)
    elif all(row.detections is None for row, _ in rows):
        raise GrpoError(
            f"{reward.name} needs detections, and the detector found no face in any of "
            f"{len(rows)} rows; next: tag-plugin detect with another detector"
        )


def _try_detector(online: OnlineDetector, undetected: Sequence[tuple[Row, str]]) -> None:
    """One picture tells whether a detector works; one that goes by ids must know every row."""
    with online.open() as opened:
        measure = DetectionCache(opened, online.directory)
        for row, image in undetected if opened.by_id else undetected[:1]:
            try:
                measure.detect(row, Path(image))
            except (DetectorError, ImageError, OSError, ValueError) as error:
                raise GrpoError(f"rewards: detector {online.name}, row {row.id}: {error}") from None
