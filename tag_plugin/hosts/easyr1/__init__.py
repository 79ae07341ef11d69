"""EasyR1: rows as its RLHFDataset reads them; the reward is `reward.py` beside this file.

verl/utils/dataset.py        RLHFDataset: prompt_key, answer_key, image_key; JSONL or parquet
verl/workers/reward/function.py  AutoRewardManager: a file, a function, its keyword arguments
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.rows import Split
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.rl_rows import RlHost, Task, find_file

REWARD_FILE: Final = Path(__file__).with_name("reward.py")


def record(task: Task) -> dict[str, Any]:
    """One line of the data set."""
    return {
        "id": task.id,
        "prompt": task.prompt,
        "images": [str(task.image)],
        "ground_truth": task.ground_truth,
    }


def command(files: Mapping[Split, Path]) -> str:
    """How to train on them.

    Without the pixel limits EasyR1 enlarges a 448x448 face to 512x512 (its config says
    min_pixels: 262144), and boxes in pixels would mean other places; its format_prompt would ask
    for another answer.
    """
    held_out = files.get("dev") or files.get("test") or next(iter(files.values()))
    side = FACE_FRAME**2
    return (
        find_file(__name__, "REWARD_FILE")
        + "python3 -m verl.trainer.main config=examples/config.yaml \\\n"
        f"  data.train_files={files.get('train', held_out)} data.val_files={held_out} \\\n"
        "  data.prompt_key=prompt data.answer_key=ground_truth data.image_key=images \\\n"
        f"  data.format_prompt=null data.min_pixels={side} data.max_pixels={side} \\\n"
        "  worker.reward.reward_function=$TAG_REWARD:compute_score \\\n"
        "  worker.actor.model.model_path=MODEL"
    )


HOST: Final = RlHost(".jsonl", record, command)
