"""`stage: grpo` beside bare TRL at a real size: tokens/s, peak memory, where the time goes.

    python benchmarks/grpo_gpu.py                       # one GPU with 80 GB: 20 steps a side
    python benchmarks/grpo_gpu.py --tiny --device cpu   # the same script on a toy, about a minute

The model has the shape of Qwen2.5-VL-3B with 24 of its 36 text layers (2.8 billion parameters) and
random weights, trained in bf16 with gradient checkpointing. It writes noise of a fixed length, so
the figures are those of the machinery. Each side runs in a process of its own. Prints JSON.

No figures of a GPU have been measured yet.
"""

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from grpo_overhead import SIDES, run_bare, run_stage
from sft_throughput import make_missing
from timing.steps import StepClock
from transformers import (
    AutoTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)
from trl import GRPOTrainer

from tag_plugin.tiny.chat import CHAT_TEMPLATE
from tag_plugin.tiny.shipped import SHIPPED

WARM_UP: Final = 2
VOCABULARY: Final = 151_936
PIXELS: Final = {"patch_size": 14, "merge_size": 2, "min_pixels": 3136, "max_pixels": 448 * 448}
SIZES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "2.8B": {
        "text_config": {
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        },
        "vision_config": {
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
    },
    "tiny": {
        "text_config": {
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        },
        "vision_config": {
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [1],
        },
    },
}


def main() -> None:
    """Builds the model and the faces once, then measures each side in its own process."""
    options = _options()
    if options.side:
        print(json.dumps(measure(options)))
        return
    if options.device != "cpu" and not torch.cuda.is_available():
        print(json.dumps({"benchmark": "grpo_gpu", "skipped": "no GPU; next: --tiny --device cpu"}))
        return
    with tempfile.TemporaryDirectory() as work:
        options.model = Path(work, "model")
        parameters = save_random_model(options.model, "tiny" if options.tiny else "2.8B")
        options.rows = None
        make_missing(options, Path(work))
        found = {side: _in_own_process(side, options) for side in SIDES}
    first, second = (found[side]["seconds_a_step"] for side in SIDES)
    device = torch.cuda.get_device_name() if options.device != "cpu" else "cpu"
    report = {"benchmark": "grpo_gpu", "device": device, "parameters": parameters, **found}
    print(json.dumps(report | {"ratio": round(first / second, 4)}, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a toy in place of 2.8 B parameters")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, help="after the warm-up; default: 20, tiny: 3")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, help="of a completion; default: 256, tiny: 16")
    parser.add_argument("--beta", type=float, default=0.04)
    parser.add_argument("--samples", type=int, default=64)
    for name in ("side", "model", "rows"):  # how a side's own process is told
        parser.add_argument(
            f"--{name}", help=argparse.SUPPRESS, type=Path if name != "side" else str
        )
    options = parser.parse_args()
    options.steps = options.steps or (3 if options.tiny else 20)
    options.tokens = options.tokens or (16 if options.tiny else 256)
    options.checkpointing = True
    return options


def save_random_model(folder: Path, size: str) -> int:
    """A model with its tokenizer and processor; returns the number of parameters."""
    words = AutoTokenizer.from_pretrained(SHIPPED)
    named = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
        "eos_token_id": "<|im_end|>",
        "pad_token_id": "<|endoftext|>",
    }
    ids = {name: words.convert_tokens_to_ids(token) for name, token in named.items()}
    shape = SIZES[size]
    text = {**shape["text_config"], "vocab_size": VOCABULARY, "tie_word_embeddings": True}
    config = Qwen2_5_VLConfig(
        **{**shape, "text_config": text}, **ids, tie_word_embeddings=True, dtype="bfloat16"
    )
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    model = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(default)
    model.save_pretrained(folder)
    Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(**PIXELS),
        words,
        Qwen2VLVideoProcessor(**PIXELS),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return int(model.num_parameters())


def _in_own_process(side: str, options: argparse.Namespace) -> dict[str, Any]:
    names = ("device", "steps", "batch", "group", "tokens", "beta", "samples", "model", "rows")
    words = [word for name in names for word in (f"--{name}", str(getattr(options, name)))]
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, *words],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{side} failed, see above")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One side: its medians over the steps after the warm-up."""
    steps, options.steps = options.steps, options.steps - 1  # WARM_UP of grpo_overhead is 3
    clock = StepClock(options.side)
    run = run_stage if options.side == "stage_grpo" else run_bare
    with _timed("_generate_single_turn") as generation, _timed("_calculate_rewards") as rewards:
        run(options, [clock])
    seconds = clock.seconds[-steps:]
    total = sum(seconds)
    parts = {"generation": sum(generation[-steps:]), "reward": sum(rewards[-steps:])}
    parts["update"] = total - sum(parts.values())
    return {
        "seconds_a_step": round(statistics.median(seconds), 4),
        "completion_tokens_per_second": round(options.batch * options.tokens * steps / total, 1),
        "peak_memory_gib": round(_peak_memory(options.device) / 2**30, 2),
        "share": {name: round(spent / total, 4) for name, spent in parts.items()},
        "steps": len(seconds),
    }


@contextlib.contextmanager
def _timed(method: str) -> Iterator[list[float]]:
    """Seconds of each call of one of GRPOTrainer's methods, the GPU's work included."""
    spent: list[float] = []
    original = getattr(GRPOTrainer, method)

    def timed(*args: Any) -> Any:  # noqa: ANN401  # TRL's
        _wait()
        start = time.perf_counter()
        found = original(*args)
        _wait()
        spent.append(time.perf_counter() - start)
        return found

    setattr(GRPOTrainer, method, timed)
    try:
        yield spent
    finally:
        setattr(GRPOTrainer, method, original)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _peak_memory(device: str) -> int:
    """Bytes: allocated by torch on the GPU, or of this process."""
    if device != "cpu":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
