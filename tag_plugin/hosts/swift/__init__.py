"""ms-swift: rows as it reads them; the rewards are the external plugin `tag_rewards.py` beside it.

swift/utils/utils.py         import_external_file: puts the plugin's folder first on sys.path and
                             imports it by its bare name, so this folder holds nothing else
swift/rl_core/grpo_algorithm.py  compute_rewards_per_func: completions, and the columns by name
swift/template/base.py       _pre_tokenize: fills `<bbox>` in only from a column `objects`
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.rows import Split
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.rl_rows import RlHost, Task, find_file
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS

PLUGIN_FILE: Final = Path(__file__).with_name("tag_rewards.py")


def record(task: Task) -> dict[str, Any]:
    """One line of the data set.

    There must be no column `objects`: ms-swift would put its boxes in place of the `<bbox>` that
    the prompt asks for.
    """
    return {
        "id": task.id,
        "messages": [{"role": "user", "content": task.prompt}],
        "images": [str(task.image)],
        "solution": task.ground_truth,
    }


def command(files: Mapping[Split, Path]) -> str:
    """How to train on them."""
    held_out = files.get("dev") or files.get("test")
    names = " ".join(f"tag_{name}" for name in DEFAULT_WEIGHTS)
    weights = " ".join(f"{weight:g}" for weight in DEFAULT_WEIGHTS.values())
    watched = f" --val_dataset {held_out}" if held_out and "train" in files else ""
    return (
        find_file(__name__, "PLUGIN_FILE")
        + f"MAX_PIXELS={FACE_FRAME**2} swift rlhf --rlhf_type grpo --model MODEL \\\n"
        "  --external_plugins $TAG_REWARD \\\n"
        f"  --reward_funcs {names} --reward_weights {weights} \\\n"
        f"  --dataset {files.get('train', held_out)}{watched} \\\n"
        "  --num_generations 8 --max_completion_length 512"
    )


HOST: Final = RlHost(".jsonl", record, command)
