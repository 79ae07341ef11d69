"""verl: rows as its RLHFDataset reads them; the reward is `reward.py` beside this file.

verl/utils/dataset/rl_dataset.py  RLHFDataset: parquet with data_source, prompt, images,
                                  reward_model.ground_truth and extra_info
verl/utils/dataset/vision_utils.py  process_image: a dict goes to qwen_vl_utils.fetch_image
verl/trainer/ppo/reward.py        get_custom_reward_fn: a file, a function, its keyword arguments
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.rows import Split
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.rl_rows import RlHost, Task, find_file

REWARD_FILE: Final = Path(__file__).with_name("reward.py")


def record(task: Task) -> dict[str, Any]:
    """One row of the data set; the picture says itself that it keeps its size."""
    picture = {
        "image": str(task.image),
        "resized_height": FACE_FRAME,
        "resized_width": FACE_FRAME,
    }
    return {
        "data_source": f"tag_{task.dataset}",
        "prompt": [{"role": "user", "content": task.prompt}],
        "images": [picture],
        "ability": "facial expression recognition",
        "reward_model": {"style": "rule", "ground_truth": task.ground_truth},
        "extra_info": {"id": task.id, "split": task.split},
    }


def command(files: Mapping[Split, Path]) -> str:
    """How to train on them."""
    held_out = files.get("dev") or files.get("test") or next(iter(files.values()))
    return (
        find_file(__name__, "REWARD_FILE")
        + "python3 -m verl.trainer.main_ppo algorithm.adv_estimator=grpo \\\n"
        f"  data.train_files={files.get('train', held_out)} data.val_files={held_out} \\\n"
        "  data.image_key=images data.truncation=error \\\n"
        "  custom_reward_function.path=$TAG_REWARD \\\n"
        "  custom_reward_function.name=compute_score \\\n"
        "  actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.n=8 \\\n"
        "  actor_rollout_ref.model.path=MODEL"
    )


HOST: Final = RlHost(".parquet", record, command)
